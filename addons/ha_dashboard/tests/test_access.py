"""Who isn't a system administrator sees nothing and orders nothing."""

from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import TransactionCase, new_test_user, tagged

from ..facts import node_id
from ..models import ha_dashboard_node

CALLS = (
    ("get_state", ()),
    ("order_drain", ("node", True)),
    ("order_switchover", ("pg2",)),
    ("order_step_down", ("main",)),
    ("order_silence", ("redis_down", 3600)),
    ("forget", ("node",)),
)


@tagged("post_install", "-at_install")
class TestAccess(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nodes = cls.env["ha.dashboard.node"]
        cls.user = new_test_user(cls.env, "plain", groups="base.group_user")
        cls.manager = new_test_user(cls.env, "settler", groups="base.group_erp_manager")
        cls.admin = new_test_user(cls.env, "system", groups="base.group_system")

    def test_others_are_refused_everything(self):
        for user in (self.user, self.manager):
            nodes = self.nodes.with_user(user)
            for name, arguments in CALLS:
                with self.subTest(user=user.login, call=name), self.assertRaises(AccessError):
                    getattr(nodes, name)(*arguments)
            for model in ("ha.dashboard.node", "ha.dashboard.outage"):
                with self.assertRaises(AccessError):
                    self.env[model].with_user(user).search([])

    def test_the_menu_is_for_administrators(self):
        menu = self.env.ref("ha_dashboard.ha_dashboard_menu")
        visible = self.env["ir.ui.menu"]
        self.assertNotIn(menu.id, visible.with_user(self.user)._visible_menu_ids())
        self.assertIn(menu.id, visible.with_user(self.admin)._visible_menu_ids())

    def test_an_order_is_logged_and_its_refusal_is_clear(self):
        nodes = self.nodes.with_user(self.admin)
        with patch.object(ha_dashboard_node, "_logger") as logger:
            # No sidecar runs beside this test.
            with self.assertRaisesRegex(UserError, "nothing listens on"):
                nodes.order_drain(node_id(), True)
            with self.assertRaisesRegex(UserError, "nothing listens on"):
                nodes.order_switchover("pg2")
            with self.assertRaisesRegex(UserError, "not heard of"):
                nodes.order_drain("elsewhere", True)
            with self.assertRaisesRegex(UserError, "No node leads"):
                nodes.order_step_down("no-such-pool")
        lines = [call.args[0] % call.args[1:] for call in logger.info.call_args_list]
        for order in ("drain 'elsewhere'", "switchover 'pg2'", "step down 'no-such-pool'"):
            self.assertIn(f"Ordered by system (user {self.admin.id}): {order}", lines)

    def test_an_order_waits_for_its_node(self):
        nodes = self.nodes
        found = {"node": "elsewhere", "at": 1.0, "versions": {}, "missing": []}
        self.assertEqual(nodes._write_facts(found), (False, None))
        nodes.with_user(self.admin).order_drain("elsewhere", True)
        _watched, ordered = nodes._write_facts(found)
        self.assertEqual(ordered, {"drain": True, "by": "system"})
        nodes._answer("elsewhere", "it can't")
        self.assertEqual(nodes._write_facts(found)[1], None)
        (told,) = nodes.with_user(self.admin).get_state()["nodes"]
        self.assertEqual((told["node"], told["refusal"]), ("elsewhere", "it can't"))
        nodes.with_user(self.admin).forget("elsewhere")
        self.assertEqual(nodes.with_user(self.admin).get_state()["nodes"], [])
