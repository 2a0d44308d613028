"""An audit finds what is missing, damaged and left over, and repairs what it can."""

import os
import tempfile
from dataclasses import replace
from unittest.mock import patch

from odoo import api
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..location import locate, parse
from .common import InBucket


@tagged("post_install", "-at_install")
class TestAudit(InBucket, TransactionCase):
    def setUp(self):
        super().setUp()
        # Needs boto3, which an Odoo without the feature need not have.
        from ..audit import audit

        self.audit_module = audit
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.cache = directory.name
        self.content = os.urandom(3000)
        self.fine, self.other = self.attach(os.urandom(2000)), self.attach(self.content)
        self.flush()
        # Only these: the database has files and objects of other tests, too.
        self.env.cr.execute(
            "UPDATE ir_attachment SET store_fname = NULL WHERE id != ALL(%s)",
            [[self.fine.id, self.other.id]],
        )

    def flush(self):
        self.env.flush_all()
        self.env.cr.flush()

    def _audit(self, **options):
        one = self.audit_module.Audit(
            self.env, **{"repair": False, "verify": False, "parallel": 4, **options}
        )
        with mute_logger(
            "odoo.addons.ha_attachment_s3.download", "odoo.addons.ha_attachment_s3.audit.audit"
        ):
            for _step in one.run():
                pass
        return one

    def _found(self, **options):
        one = self._audit(**options)
        return {kind: names for kind, names in one.found.items() if names}

    def _orphan(self, content=b"left over"):
        location = locate(content, self.settings.s3_bucket, self.attachments._s3_prefix())
        self.client.put_object(Bucket=location.bucket, Key=location.key, Body=content)
        return location.store_fname

    def _old(self):
        """What was stored just now counts as old."""
        self.configure(replace(self.settings, s3_garbage_grace=-3600.0))

    def test_all_is_well(self):
        one = self._audit(verify=True)
        self.assertEqual((one.left, one.done["objects"], one.done["read"]), (0, 2, 2))

    def test_what_is_missing_is_found_and_had_from_the_cache(self):
        self.configure(
            replace(self.settings, s3_cache_size=10 << 20, s3_cache_directory=self.cache)
        )
        self.assertEqual(self.read_anew(self.other), self.content)
        self.delete_behind_odoo(self.other)
        self.assertEqual(self._found(), {"missing": [self.other.store_fname]})
        one = self._audit(repair=True)
        self.assertEqual((one.repaired, one.left), ([self.other.store_fname], 0))
        self.assertEqual(self._found(verify=True), {})

    def test_what_is_damaged_is_found_by_its_size_or_by_reading_it(self):
        self.put_behind_odoo(self.other, b"short")
        self.assertEqual(self._found(), {"damaged": [self.other.store_fname]})
        self.put_behind_odoo(self.other, self.content[:-1] + b"X")
        self.assertEqual(self._found(), {})
        self.assertEqual(self._found(verify=True), {"damaged": [self.other.store_fname]})

    def test_what_is_damaged_is_had_from_the_filestore_or_the_database(self):
        path = self.attachments._full_path(f"{self.other.checksum[:2]}/{self.other.checksum}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        for damage in (lambda: self.delete_behind_odoo(self.other), self._damage):
            damage()
            self.assertEqual(self._audit(repair=True, verify=True).left, 1, "nowhere to be had")
            with open(path, "wb") as file:
                file.write(self.content)
            self.assertEqual(self._audit(repair=True, verify=True).left, 0)
            os.unlink(path)
            self.assertEqual(self._found(verify=True), {})
        self._damage()
        self.attach(self.content, url="/kept/in/the/database")
        self.flush()
        self.assertEqual(self._audit(repair=True, verify=True).left, 0)
        self.assertEqual(self.read_anew(self.other), self.content)

    def _damage(self):
        self.put_behind_odoo(self.other, b"X" + self.content[1:])

    def test_what_is_left_over_goes_on_the_checklist_and_stays(self):
        name = self._orphan()
        self.assertEqual(self._found(), {}, "its row may not be committed yet")
        self._old()
        with patch.object(type(self.env["ha.attachment.garbage"]), "_mark") as mark:
            self.assertIn(name, self._found()["orphan"])
            mark.assert_not_called()
            one = self._audit(repair=True)
            self.assertEqual(one.left, 0)
            mark.assert_called_once()
            self.assertIn(name, mark.call_args.args[0])
        self.assertIn(parse(name).key, self.keys())
        with self.env.registry.cursor() as cr:
            api.Environment(cr, self.env.uid, {})["ha.attachment.garbage"]._mark([name])
        self.env.cr.execute("SELECT 1")
        self.assertNotIn(name, self._found_in_new_transaction())

    def _found_in_new_transaction(self):
        with self.env.registry.cursor() as cr:
            one = self.audit_module.Audit(
                api.Environment(cr, self.env.uid, {}), repair=False, verify=False, parallel=1
            )
            for _step in one._orphans([self._orphan()]):
                pass
            return one.found["orphan"]

    def test_objects_of_other_databases_are_none_of_its_business(self):
        with patch.object(type(self.attachments), "_s3_owner", lambda _self: f"{7:016x}-1"):
            self._orphan()
        self._old()
        self.assertEqual(self._found(), {})

    def test_a_file_that_this_node_lacks_is_found(self):
        self.other.invalidate_recordset()
        self.env.cr.execute(
            "UPDATE ir_attachment SET store_fname = 'ab/absent' WHERE id = %s", [self.other.id]
        )
        self.assertEqual(self._found(), {"absent": ["ab/absent"]})
