"""Checks as Odoo keeps them. What the sidecar makes of them is proven with a real one, in
``tests/integration/monitoring/test_alerts.py``; here it answers by a table."""

import os
import unittest
from unittest.mock import patch

from odoo.addons.ha_health import sidecar
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import TransactionCase, new_test_user, tagged

CHECK = {"code": "mine", "expression": "primary is None", "message": "No primary"}


@tagged("post_install", "-at_install")
class TestChecks(TransactionCase):
    def answering(self, answer):
        """The sidecar answers so to whatever it is asked; an exception is raised."""
        effect = answer if isinstance(answer, Exception) else None
        return patch.object(sidecar, "ask", side_effect=effect, return_value=answer)

    def make(self, **values):
        with self.answering({"results": []}):
            return self.env["ha.check"].create({**CHECK, **values})

    @unittest.skipUnless(os.environ.get("HA_TEST_LONG"), "HA_TEST_LONG=1 runs it")
    def test_each_change_is_kept(self):
        check = self.make()
        with self.answering({"results": []}):
            check.expression = "source != 'etcd'"
            check.active = False
            check.result = "not a change of the check"
        kept = check.revision_ids.sorted("id", reverse=True)
        self.assertEqual(kept.mapped("change"), ["changed", "changed", "created"])
        self.assertEqual(
            kept.mapped("expression"), ["source != 'etcd'", "source != 'etcd'", "primary is None"]
        )
        self.assertEqual(kept.mapped("enabled"), [False, True, True])
        with self.answering({"results": []}):
            check.unlink()
        self.assertEqual(
            self.env["ha.check.revision"].search([("code", "=", "mine")]).mapped("change"),
            ["deleted", "changed", "changed", "created"],
        )

    def test_a_wrong_one_is_refused_with_the_reason(self):
        reason = "mine: expression: there is no primery"
        with (
            self.answering(sidecar.Refused(reason)),
            self.assertRaisesRegex(ValidationError, reason),
        ):
            self.env["ha.check"].create(CHECK)

    def test_without_the_sidecar_nothing_is_judged(self):
        with self.assertRaisesRegex(UserError, "doesn't answer on /.*sidecar.sock"):
            self.env["ha.check"].create(CHECK)

    def test_what_the_sidecar_is_given(self):
        self.make(muted_by="primary_down, other", each="node", expression="not node.serves")
        self.make(code="redis_down", active=False)
        with self.answering({}) as ask:
            self.env["ha.check"]._hand_over()
        ((method, path, data), _named) = ask.call_args
        self.assertEqual((method, path), ("POST", "/checks"))
        self.assertEqual(data["disabled"], ["redis_down"])
        (given,) = data["checks"]
        self.assertEqual(
            (given["id"], given["each"], given["muted_by"]),
            ("mine", "node", ["primary_down", "other"]),
        )
        newest = self.env["ha.check.revision"].search([], limit=1)
        self.assertEqual(data["version"], int(newest.create_date.timestamp() * 1000))

    def test_the_test_shows_what_it_found(self):
        check = self.make()
        results = [
            {"alert": "mine", "holds": True, "message": "No primary", "reason": ""},
            {"alert": "mine:a", "holds": None, "message": "", "reason": "lag is not known"},
        ]
        with self.answering({"results": results}):
            check.action_test()
        self.assertEqual(check.result, "mine: HOLDS: No primary\nmine:a: unknown: lag is not known")

    def test_those_that_come_along_are_brought_in_once(self):
        default = {
            "id": "mine2", "expression": "True", "message": "m", "severity": "critical",
            "each": "", "raise_after": 4.0, "clear_after": 3.0, "muted_by": ["a", "b"],
        }  # fmt: skip
        with self.answering({"defaults": [default], "results": []}):
            self.env["ha.check"].action_take_over()
            self.env["ha.check"].action_take_over()
        check = self.env["ha.check"].search([("code", "=", "mine2")])
        self.assertEqual(
            (check.severity, check.raise_after, check.muted_by), ("critical", 4.0, "a, b")
        )

    def test_only_system_administrators(self):
        check = self.make()
        user = new_test_user(self.env, "ha_check_user", groups="base.group_user")
        for model, record in (("ha.check", check), ("ha.check.revision", check.revision_ids)):
            with self.assertRaises(AccessError):
                self.env[model].with_user(user).search([])
            with self.assertRaises(AccessError):
                record.with_user(user).read(["code"])
        with self.assertRaises(AccessError):
            check.revision_ids.with_user(self.env.ref("base.user_admin")).write({"code": "other"})
