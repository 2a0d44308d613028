"""Contents move between database, filestore and bucket; nothing is lost whatever happens."""

import os
import threading
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..errors import StorageUnavailable
from ..location import is_remote, parse
from .common import InBucket

MIGRATION_LOG = "odoo.addons.ha_attachment_s3.migration.migration"


@tagged("post_install", "-at_install")
class TestMigration(InBucket, TransactionCase):
    """These tests commit for real, on connections of their own, and clean up behind them."""

    MODEL = "ha.test.migration"

    def setUp(self):
        super().setUp()
        # Needs boto3, which an Odoo without the feature need not have.
        from ..migration import migration, rows

        self.Migration, self.Wanted = migration.Migration, rows.Wanted
        self.registry_cursor = self.env.registry.cursor
        self.addCleanup(self._remove_rows)
        self.contents = {}
        place = self._place
        for number, (location, size) in enumerate(
            [("file", 100), ("file", 70_000), ("db", 3000), ("s3", 5000), ("s3", 200_000)]
        ):
            place(os.urandom(size), location, res_field="image" if number % 2 else False)

    def _remove_rows(self):
        with self.registry_cursor() as cr:
            cr.execute("DELETE FROM ir_attachment WHERE res_model = %s", [self.MODEL])
            cr.execute("DELETE FROM ha_attachment_garbage WHERE store_fname NOT LIKE 's3://%%'")

    def _place(self, content, location, **values):
        """A committed attachment that lies there."""
        with self.registry_cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            attachments = env["ir.attachment"]._stored_in(location)
            with patch.object(type(attachments), "_storage_for", lambda *_arguments: location):
                attachment = attachments.create(
                    {"name": "f", "raw": content, "res_model": self.MODEL, "res_id": 1, **values}
                )
            self.contents[attachment.id] = content
            return attachment.id

    def _migrate(self, to, **options):
        migration = self.Migration(self.env.registry, self._wanted(to, **options))
        for _step in migration.run():
            pass
        return migration

    def _wanted(self, to, **options):
        return self.Wanted(**{"to": to, "model": self.MODEL, **options})

    def _rows(self):
        with self.registry_cursor() as cr:
            cr.execute(
                "SELECT id, store_fname, db_datas IS NOT NULL, checksum, file_size, write_date"
                "  FROM ir_attachment WHERE res_model = %s ORDER BY id",
                [self.MODEL],
            )
            return cr.fetchall()

    def _where(self):
        return {
            row[0]: "s3" if is_remote(row[1]) else "file" if row[1] else "db"
            for row in self._rows()
        }

    def _check_contents(self):
        with self.registry_cursor() as cr:
            attachments = api.Environment(cr, SUPERUSER_ID, {})["ir.attachment"]
            for identifier, content in self.contents.items():
                attachment = attachments.browse(identifier)
                self.assertEqual(attachment.raw, content)
                self.assertEqual(attachment.checksum, attachment._compute_checksum(content))

    def _marked(self):
        with self.registry_cursor() as cr:
            cr.execute("SELECT store_fname FROM ha_attachment_garbage")
            return {name for (name,) in cr.fetchall()}

    def test_there_and_back_and_everywhere(self):
        before = self._rows()
        for to in ("s3", "file", "db", "file", "s3", "db", "s3"):
            was = {row[1] for row in self._rows() if row[1]}
            migration = self._migrate(to, verify=True)
            self.assertEqual(set(self._where().values()), {to})
            self.assertFalse(migration.problems)
            self._check_contents()
            left = was - {row[1] for row in self._rows()}
            self.assertLessEqual(left, self._marked(), "what was left is on the checklist")
        after = self._rows()
        self.assertEqual([row[3:] for row in after], [row[3:] for row in before])

    def test_it_goes_on_after_what_is_committed_however_much_was_under_way(self):
        identifiers = list(self.contents)
        with patch("odoo.addons.ha_attachment_s3.migration.rows.BATCH", 1):
            for to in ("db", "s3", "file"):
                after = 0
                for steps in (2, 1, 9):  # ended in the middle twice
                    migration = self.Migration(self.env.registry, self._wanted(to), after=after)
                    for step, _batch in enumerate(migration.run(), 1):
                        after = migration.after
                        there = [one for one, place in self._where().items() if place == to]
                        self.assertLessEqual({one for one in identifiers if one <= after}, {*there})
                        if step == steps:
                            break
                self.assertEqual(set(self._where().values()), {to})
                self._check_contents()

    def test_nothing_that_was_left_is_deleted_at_once(self):
        names = [row[1] for row in self._rows() if row[1]]
        self._migrate("db")
        self.assertTrue(names)
        with self.registry_cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["ha.attachment.garbage"]._collect()
            env["ir.attachment"]._gc_file_store()
            for name in names:
                self.assertTrue(env["ir.attachment"]._file_read(name), name)
        with self.registry_cursor() as cr:
            cr.execute("UPDATE ha_attachment_garbage SET marked_at = marked_at - interval '8 days'")
        with self.registry_cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["ha.attachment.garbage"]._collect()
            env["ir.attachment"]._gc_file_store()
            paths = [env["ir.attachment"]._full_path(name) for name in names if not is_remote(name)]
        self.assertEqual(self.keys(), [])
        self.assertFalse([path for path in paths if os.path.exists(path)])
        self._check_contents()

    def test_a_dry_run_counts_and_changes_nothing(self):
        before = self._rows()
        migration = self.Migration(self.env.registry, self._wanted("s3"))
        for _step in migration.survey():
            pass
        self.assertEqual(migration.done["file to s3"], 2)
        self.assertEqual(migration.done["db to s3"], 1)
        self.assertEqual(migration.done["bytes"], 73_100)
        self.assertEqual(self._rows(), before)

    def test_the_choice_is_obeyed(self):
        self._migrate("s3", min_size=50_000)
        self.assertEqual(sorted(self._where().values()), ["db", "file", "s3", "s3", "s3"])
        self._migrate("db", model="another.model")
        self.assertEqual(sorted(self._where().values()), ["db", "file", "s3", "s3", "s3"])

    def test_the_rules_say_what_does_not_go_to_the_bucket(self):
        with self.registry_cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            rule = env["ha.attachment.rule"].create(
                {"note": "t", "res_model": self.MODEL, "largest": 5000, "storage": "db"}
            )
        try:
            self._migrate("s3")
            self.assertEqual(list(self._where().values()), ["db", "s3", "db", "db", "s3"])
            self._check_contents()
        finally:
            with self.registry_cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, {})["ha.attachment.rule"].browse(rule.id).unlink()

    def test_equal_contents_are_one_object(self):
        content = os.urandom(1000)
        for location in ("file", "file", "db", "s3"):
            self._place(content, location)
        self._migrate("s3")
        self.assertEqual(len(self.keys()), 6)
        self._check_contents()

    @mute_logger(MIGRATION_LOG, "odoo.addons.ha_attachment_s3.bucket")
    def test_what_is_missing_or_damaged_is_reported_and_left_alone(self):
        lost = self._place(os.urandom(100), "file")
        damaged = self._place(os.urandom(100), "file")
        gone = self._place(os.urandom(100), "s3")
        with self.registry_cursor() as cr:
            attachments = api.Environment(cr, SUPERUSER_ID, {})["ir.attachment"]
            path = {
                identifier: attachments._full_path(attachments.browse(identifier).store_fname)
                for identifier in (lost, damaged)
            }
            self.delete_behind_odoo(attachments.browse(gone))
        os.unlink(path[lost])
        with open(path[damaged], "wb") as file:
            file.write(b"other")
        before = dict(zip(self._where(), self._rows(), strict=True))
        for to, wrong in (("s3", {lost, damaged}), ("db", {lost, damaged, gone})):
            migration = self._migrate(to)
            self.assertEqual(set(migration.problems), wrong)
            after = dict(zip(self._where(), self._rows(), strict=True))
            self.assertTrue(all(after[identifier] == before[identifier] for identifier in wrong))
        for identifier in (lost, damaged, gone):
            del self.contents[identifier]
        self._check_contents()

    @mute_logger(MIGRATION_LOG)
    def test_an_object_that_is_damaged_already_is_not_referred_to_when_verified(self):
        content = os.urandom(1000)
        identifier = self._place(content, "s3")
        self._migrate("db")
        with self.registry_cursor() as cr:
            attachments = api.Environment(cr, SUPERUSER_ID, {})["ir.attachment"]
            location = parse(attachments._s3_locate(content).store_fname)
        self.client.put_object(Bucket=location.bucket, Key=location.key, Body=b"damaged")
        migration = self._migrate("s3", verify=True)
        self.assertEqual(set(migration.problems), {identifier})
        self.assertEqual(self._where()[identifier], "db")
        self._check_contents()

    def test_a_users_write_at_the_same_time_wins(self):
        for to in ("s3", "db", "file"):
            chosen = next(iter(self.contents))
            new = os.urandom(500)

            def write(registry, to=to, chosen=chosen, new=new):
                with registry.cursor() as cr:
                    api.Environment(cr, SUPERUSER_ID, {})["ir.attachment"].browse(chosen).raw = new
                self.contents[chosen] = new

            self._while_switching(write, to)
            self._check_contents()

    def test_a_row_that_is_gone_meanwhile_is_no_problem(self):
        chosen = next(iter(self.contents))

        def unlink(registry):
            with registry.cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, {})["ir.attachment"].browse(chosen).unlink()
            del self.contents[chosen]

        migration = self._while_switching(unlink, "s3")
        self.assertFalse(migration.problems)
        self._check_contents()

    def _while_switching(self, act, to):
        """Migrate, with ``act`` done once after the contents were read."""
        migration = self.Migration(self.env.registry, self._wanted(to))
        finish, acted = migration._finish, []

        def act_and_finish(pool, batch):
            if not acted:
                acted.append(True)
                act(self.env.registry)
            finish(pool, batch)

        migration._finish = act_and_finish
        for _step in migration.run():
            pass
        self.assertTrue(acted)
        return migration

    def test_a_row_that_someone_holds_is_waited_for_by_nobody(self):
        chosen = next(iter(self.contents))
        held, done = threading.Event(), threading.Event()

        def hold():
            with self.registry_cursor() as cr:
                cr.execute("SELECT 1 FROM ir_attachment WHERE id = %s FOR UPDATE", [chosen])
                held.set()
                done.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(60)
        try:
            migration = self._migrate("s3")
        finally:
            done.set()
            holder.join()
        self.assertEqual(migration.done["busy"], 1)
        self.assertEqual(self._where()[chosen], "file")
        self._check_contents()
        self.assertEqual(self._migrate("s3").done["moved"], 1)
        self._check_contents()

    def test_what_another_database_owns_is_copied_to_this_one(self):
        with patch.object(type(self.attachments), "_s3_owner", lambda _self: f"{7:016x}-1"):
            migration = self._migrate("s3")
            self.assertEqual(migration.done["moved"], 5)
            names = {row[1] for row in self._rows()}
            self._check_contents()
        self.assertTrue(all(f"/{7:016x}-1/" in name for name in names))
        self.assertEqual(len(self.keys()), 7, "the other's are still there")

    @mute_logger("odoo.addons.ha_attachment_s3.bucket", "odoo.addons.ha_attachment_s3.store")
    def test_an_outage_ends_it_and_it_goes_on_later(self):
        working = self.settings
        self.s3_goes_away()
        with self.assertRaises(StorageUnavailable):
            self._migrate("s3")
        self.configure(working)
        self._check_contents()
        self._migrate("s3")
        self.assertEqual(set(self._where().values()), {"s3"})
        self._check_contents()

    @mute_logger("odoo.addons.ha_attachment_s3.bucket", "odoo.addons.ha_attachment_s3.store")
    def test_what_s3_cannot_give_is_read_from_the_old_filestore(self):
        chosen = next(iter(self.contents))
        self._migrate("s3")
        with self.registry_cursor() as cr:
            attachment = api.Environment(cr, SUPERUSER_ID, {})["ir.attachment"].browse(chosen)
            path = attachment._full_path(f"{attachment.checksum[:2]}/{attachment.checksum}")
            self.s3_goes_away()
            self.assertEqual(attachment.raw, self.contents[chosen])
            self.assertEqual(attachment._to_http_stream().read(), self.contents[chosen])
            with open(path, "wb") as file:
                file.write(b"damaged")
            attachment.invalidate_recordset()
            with self.assertRaises(StorageUnavailable):
                self.assertTrue(attachment.raw)
        os.unlink(path)

    def test_the_button_and_the_scheduled_action(self):
        with self.registry_cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            record = env["ha.attachment.migration"].create({"res_model": self.MODEL})
            record.action_start()
            self.assertEqual((record.state, record.total), ("running", 5))
            identifier = record.id
        self.addCleanup(self._remove_migration, identifier)
        paused = self._in_migration(identifier, lambda record: record.action_pause())
        self._in_migration(identifier, lambda record: record._run())
        self.assertEqual(self._read_migration(identifier)["moved"], 0, paused)
        self._in_migration(identifier, lambda record: record.action_start())
        self._in_migration(identifier, lambda record: record._run())
        after = self._read_migration(identifier)
        self.assertEqual(
            (after["state"], after["looked_at"], after["moved"], after["progress"]),
            ("done", 5, 3, 100.0),
        )
        self.assertEqual(set(self._where().values()), {"s3"})
        self._check_contents()

    def _in_migration(self, identifier, act):
        with self.registry_cursor() as cr:
            act(api.Environment(cr, SUPERUSER_ID, {})["ha.attachment.migration"].browse(identifier))

    def _read_migration(self, identifier):
        with self.registry_cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            return env["ha.attachment.migration"].browse(identifier).read()[0]

    def _remove_migration(self, identifier):
        self._in_migration(identifier, lambda record: record.unlink())

    def test_only_administrators_migrate(self):
        user = new_test_user(self.env, "migrations", "base.group_user")
        with self.assertRaises(AccessError):
            self.env["ha.attachment.migration"].with_user(user).create({"to": "db"})
