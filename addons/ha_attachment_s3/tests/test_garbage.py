"""Objects are deleted when nothing refers to them and the grace period is over; never before."""

import datetime
import threading
import time
from dataclasses import replace
from unittest.mock import patch

from odoo import api
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..errors import StorageUnavailable
from ..location import parse
from .common import CONTENT, InBucket

DAY = 86400


@tagged("post_install", "-at_install")
class TestGarbage(InBucket, TransactionCase):
    """These tests commit for real, on connections of their own, and clean up behind them."""

    def setUp(self):
        super().setUp()
        # Needs boto3, which an Odoo without the feature need not have.
        from .. import borrowing

        self.borrowing = borrowing
        self.registry_cursor = self.env.registry.cursor
        self.addCleanup(self._unlink_all)

    def _unlink_all(self):
        with self.registry_cursor() as cr:
            cr.execute(
                "DELETE FROM ir_attachment WHERE store_fname LIKE %s",
                [f"s3://{self.settings.s3_bucket}/test/%"],
            )

    def _committed(self, content=CONTENT, **values):
        """The id and name of an attachment that another transaction has committed."""
        with self.registry_cursor() as cr:
            env = api.Environment(cr, self.env.uid, {})
            attachment = env["ir.attachment"].create({"name": "f", "raw": content, **values})
            return attachment.id, attachment.store_fname

    def _unlink(self, attachment_id):
        with self.registry_cursor() as cr:
            api.Environment(cr, self.env.uid, {})["ir.attachment"].browse(attachment_id).unlink()

    def _age_of(self, name):
        with self.registry_cursor() as cr:
            cr.execute(
                "SELECT extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - marked_at)"
                " FROM ha_attachment_garbage WHERE store_fname = %s",
                [name],
            )
            row = cr.fetchone()
            return row and float(row[0])

    def _let_pass(self, seconds):
        with self.registry_cursor() as cr:
            cr.execute(
                "UPDATE ha_attachment_garbage SET marked_at = marked_at - %s * interval '1 s'"
                " WHERE store_fname LIKE %s",
                [seconds, f"s3://{self.settings.s3_bucket}/{self.settings.s3_prefix}/%"],
            )

    def _collect(self):
        with self.registry_cursor() as cr:
            api.Environment(cr, self.env.uid, {})["ha.attachment.garbage"]._collect()

    def test_an_unlinked_object_is_deleted_after_the_grace_period(self):
        attachment_id, name = self._committed()
        self._unlink(attachment_id)
        self.assertLess(self._age_of(name), 60)
        self._let_pass(6 * DAY)
        self._collect()
        self.assertEqual(len(self.keys()), 1, "not before")
        self._let_pass(1.1 * DAY)
        self._collect()
        self.assertEqual(self.keys(), [])
        self.assertIsNone(self._age_of(name))

    def test_an_object_that_something_refers_to_is_kept(self):
        first, name = self._committed()
        self._committed(name="second")
        self._unlink(first)
        self._let_pass(8 * DAY)
        self._collect()
        self.assertEqual(len(self.keys()), 1)
        self.assertIsNone(self._age_of(name), "its row is no longer needed")

    def test_the_object_of_a_rolled_back_transaction_is_on_the_list(self):
        with self.registry_cursor() as cr:
            env = api.Environment(cr, self.env.uid, {})
            name = env["ir.attachment"].create({"name": "f", "raw": CONTENT}).store_fname
            cr.flush()  # as a commit does that fails then
            cr.rollback()
        self.assertEqual(len(self.keys()), 1)
        self.assertLess(self._age_of(name), 60)
        self._let_pass(8 * DAY)
        self._collect()
        self.assertEqual(self.keys(), [])

    def test_an_unlink_that_is_rolled_back_deletes_nothing(self):
        attachment_id, _name = self._committed()
        with self.registry_cursor() as cr:
            env = api.Environment(cr, self.env.uid, {})
            env["ir.attachment"].browse(attachment_id).unlink()
            cr.rollback()
        self._let_pass(8 * DAY)
        self._collect()
        self.assertEqual(len(self.keys()), 1)

    def test_a_deletion_by_sql_that_tells_odoo_is_on_the_list(self):
        """As the asset bundles and mail do."""
        attachment_id, name = self._committed()
        self._let_pass(8 * DAY)
        with self.registry_cursor() as cr:
            cr.execute("DELETE FROM ir_attachment WHERE id = %s", [attachment_id])
            api.Environment(cr, self.env.uid, {})["ir.attachment"]._file_delete(name)
        self.assertLess(self._age_of(name), 60)

    def test_a_new_use_renews_the_grace_period(self):
        attachment_id, name = self._committed()
        self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        self._committed(name="again")
        self.assertLess(self._age_of(name), 60)
        self._collect()
        self.assertEqual(len(self.keys()), 1)

    @mute_logger("odoo.addons.ha_attachment_s3.bucket")
    def test_a_failed_deletion_stays_on_the_list(self):
        attachment_id, name = self._committed()
        self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        working = self.settings
        self.s3_goes_away()
        with self.assertLogs(
            "odoo.addons.ha_attachment_s3.models.ha_attachment_garbage", "WARNING"
        ):
            self._collect()
        self.configure(working)
        self.assertGreater(self._age_of(name), 7 * DAY)
        self._retry_now()
        self._collect()
        self.assertEqual(self.keys(), [])

    @mute_logger("odoo.addons.ha_attachment_s3.bucket", "odoo.addons.ha_attachment_s3.store")
    def test_a_failure_is_tried_again_later_and_keeps_nobody_else_waiting(self):
        refused, *others = [self._committed(b"content %d" % number) for number in range(5)]
        for attachment_id, _name in (refused, *others):
            self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        delete = type(self.bucket()).delete

        def refuse_one(bucket, location):
            if location.store_fname == refused[1]:
                raise StorageUnavailable
            delete(bucket, location)

        with patch.object(type(self.bucket()), "delete", refuse_one):
            self._collect()
        self.assertEqual(len(self.keys()), 1, "the others are deleted")
        self._collect()
        self.assertEqual(len(self.keys()), 1, "not so soon again")
        self.assertEqual(self._failures(refused[1]), 1)
        self._retry_now()
        self._collect()
        self.assertEqual(self.keys(), [])

    def _failures(self, name):
        with self.registry_cursor() as cr:
            cr.execute("SELECT failures FROM ha_attachment_garbage WHERE store_fname = %s", [name])
            return cr.fetchone()[0]

    def _retry_now(self):
        with self.registry_cursor() as cr:
            cr.execute("UPDATE ha_attachment_garbage SET retry_at = NULL")

    def _as_copy(self):
        """This database seems to be a copy of itself, as PostgreSQL would tell."""
        return patch.object(type(self.attachments), "_s3_owner", lambda _self: f"{7:016x}-1")

    def test_a_copy_of_the_database_deletes_nothing_of_the_original(self):
        attachment_id, name = self._committed()
        self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        with self._as_copy():
            self._collect()
        self.assertEqual(len(self.keys()), 1)
        self.assertIsNone(self._age_of(name))

    def test_what_a_copy_of_the_database_uses_is_kept_until_it_is_gone(self):
        used, unused = self._committed(), self._committed(b"unused")
        with self.registry_cursor() as cr:  # the copy was made before it was unlinked
            cr.execute("UPDATE ir_attachment SET store_fname = NULL WHERE id = %s", [unused[0]])
        with self._as_copy(), self.registry_cursor() as cr:
            api.Environment(cr, self.env.uid, {})["ha.attachment.garbage"]._borrow()
        with self.registry_cursor() as cr:
            api.Environment(cr, self.env.uid, {})["ha.attachment.garbage"]._mark([unused[1]])
        self._unlink(used[0])
        self._let_pass(8 * DAY)
        self._collect()
        content_keys = [key for key in self.keys() if "/borrowed-by/" not in key]
        self.assertEqual(content_keys, [parse(used[1]).key])
        self._let_pass(30 * DAY)
        self._retry_now()
        with patch.object(self.borrowing, "BORROWED_FOR", datetime.timedelta(0)):
            self._collect()
        content_keys = [key for key in self.keys() if "/borrowed-by/" not in key]
        self.assertEqual(content_keys, [])

    def test_while_it_is_unknown_what_copies_use_nothing_is_deleted(self):
        attachment_id, name = self._committed()
        self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        with (
            patch.object(self.borrowing, "objects", side_effect=StorageUnavailable),
            self.assertLogs("odoo.addons.ha_attachment_s3.models.ha_attachment_garbage", "WARNING"),
        ):
            self._collect()
        self.assertEqual(len(self.keys()), 1)
        self.assertGreater(self._age_of(name), 7 * DAY)

    def test_a_renamed_database_still_owns_its_objects(self):
        attachment_id, _name = self._committed()
        self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        original = self.settings
        self.configure(replace(original, s3_prefix="test/renamed"))
        self._collect()
        self.configure(original)
        self.assertEqual(self.keys(), [])

    def test_a_neutralized_database_deletes_nothing(self):
        attachment_id, _name = self._committed()
        self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        with self.registry_cursor() as cr:
            env = api.Environment(cr, self.env.uid, {})
            env["ir.config_parameter"].set_param("database.is_neutralized", True)
            env["ha.attachment.garbage"]._collect()
            cr.rollback()
        self.env.registry.clear_all_caches()
        self.assertEqual(len(self.keys()), 1)
        self._collect()
        self.assertEqual(self.keys(), [])

    def test_a_writer_waits_for_the_collector_and_stores_the_object_anew(self):
        attachment_id, name = self._committed()
        self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        delete = type(self.bucket()).delete
        deleting, order = threading.Event(), []

        def slow_delete(bucket, location):
            deleting.set()
            time.sleep(0.5)
            delete(bucket, location)
            order.append("deleted")

        def write():
            deleting.wait(10)
            self._committed(name="in the middle")
            order.append("written")

        writer = threading.Thread(target=write)
        with patch.object(type(self.bucket()), "delete", slow_delete):
            writer.start()
            self._collect()
            writer.join(30)
        self.assertEqual(order, ["deleted", "written"])
        self.assertEqual(self.attachments._file_read(name), CONTENT)

    def test_the_collector_locks_no_table(self):
        attachment_id, _name = self._committed()
        self._unlink(attachment_id)
        self._let_pass(8 * DAY)
        delete = type(self.bucket()).delete

        def delete_while_others_write(bucket, location):
            self._committed(b"written meanwhile")
            delete(bucket, location)

        with patch.object(type(self.bucket()), "delete", delete_while_others_write):
            self._collect()
        self.assertEqual(len(self.keys()), 1)
