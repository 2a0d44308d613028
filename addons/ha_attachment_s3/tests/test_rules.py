"""Administrators say where contents are kept."""

import os

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import TransactionCase, new_test_user, tagged

from ..location import is_remote
from .common import CONTENT, InBucket


@tagged("post_install", "-at_install")
class TestRules(InBucket, TransactionCase):
    def setUp(self):
        super().setUp()
        self.rules = self.env["ha.attachment.rule"]

    def rule(self, **values):
        return self.rules.create({"note": "Test", "sequence": 1, **values})

    def test_a_rule_is_in_force_at_once_and_until_it_is_changed(self):
        rule = self.rule(mimetype="application/pdf", storage="db")
        values = {"mimetype": "application/pdf"}
        self.assertTrue(self.attach(**values).db_datas)
        rule.mimetype = "application/zip"
        self.assertTrue(is_remote(self.attach(**values).store_fname))
        rule.mimetype = "application/*"
        self.assertTrue(self.attach(**values).db_datas)
        rule.active = False
        self.assertTrue(is_remote(self.attach(**values).store_fname))

    def test_the_filestore_can_be_chosen_and_many_are_created_in_their_order(self):
        self.rule(res_model="res.partner", storage="file")
        self.rule(largest=100, storage="db")
        contents = [os.urandom(size) for size in (50, 5000, 60, 6000)]
        partner = self.env.user.partner_id
        values = [{"name": str(len(content)), "raw": content} for content in contents]
        values[1] |= {"res_model": "res.partner", "res_id": partner.id}
        created = self.attachments.create(values)
        self.assertEqual([one.name for one in created], ["50", "5000", "60", "6000"])
        self.assertEqual([bool(one.db_datas) for one in created], [True, False, True, False])
        self.assertEqual(
            [is_remote(one.store_fname) for one in created], [False, False, False, True]
        )
        for attachment, content in zip(created, contents, strict=True):
            self.assertEqual(self.read_anew(attachment), content)

    def test_a_new_content_moves_to_where_the_rules_say(self):
        self.rule(mimetype="text/css", storage="file")
        attachment = self.attach(mimetype="text/css")
        in_filestore = attachment.store_fname
        self.assertFalse(is_remote(in_filestore))
        attachment.write({"raw": b"new", "mimetype": "application/pdf"})
        self.assertTrue(is_remote(attachment.store_fname))
        self.assertEqual(self.read_anew(attachment), b"new")
        attachment.write({"raw": CONTENT, "mimetype": "text/css"})
        self.assertEqual(attachment.store_fname, in_filestore)
        self.assertEqual(self.read_anew(attachment), CONTENT)

    def test_a_content_without_a_mime_type_is_looked_at(self):
        self.rule(mimetype="application/pdf", storage="db")
        self.assertTrue(self.attach(b"%PDF-1.4 " + CONTENT, name="unnamed").db_datas)

    def test_nobody_but_administrators_sees_or_changes_rules_which_bind_everybody(self):
        rule = self.rule(mimetype="application/pdf", storage="db")
        user = new_test_user(self.env, "rules", "base.group_user")
        attachment = self.attachments.with_user(user).create(
            {"name": "f", "raw": CONTENT, "mimetype": "application/pdf"}
        )
        self.assertTrue(attachment.sudo().db_datas)
        for refused in (
            lambda: rule.with_user(user).read(["note"]),
            lambda: rule.with_user(user).write({"storage": "s3"}),
            lambda: rule.with_user(user).unlink(),
            lambda: self.rules.with_user(user).create({"note": "Mine"}),
        ):
            with self.assertRaises(AccessError):
                refused()

    def test_sizes_that_nothing_fits_are_refused(self):
        with self.assertRaises(ValidationError):
            self.rule(smallest=10, largest=9)
