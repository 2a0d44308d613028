"""Attachments in a real bucket: what is acknowledged is there, what is read is intact."""

import base64
import hashlib
import io
import os
import secrets
from dataclasses import replace
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger
from PIL import Image

from ..errors import ObjectDamaged, StorageUnavailable
from ..location import is_remote, parse
from ..pending import EARLY
from .common import CONTENT, InBucket

DOWNLOAD_LOG = "odoo.addons.ha_attachment_s3.download"
STORE_LOG = "odoo.addons.ha_attachment_s3.store"
MODEL_LOG = "odoo.addons.ha_attachment_s3.models.ir_attachment"


def image(side: int) -> bytes:
    """A PNG that does not compress."""
    picture = Image.frombytes("RGB", (side, side), os.urandom(side * side * 3))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


@tagged("post_install", "-at_install")
class TestStorage(InBucket, TransactionCase):
    def test_round_trip(self):
        attachment = self.attach()
        location = parse(attachment.store_fname)
        self.assertEqual(location.sha256, hashlib.sha256(CONTENT).hexdigest())
        self.assertEqual(
            attachment.checksum, hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest()
        )
        self.assertFalse(attachment.db_datas)
        self.assertEqual(self.read_anew(attachment), CONTENT)
        stored = self.client.get_object(Bucket=location.bucket, Key=location.key)
        self.assertEqual(stored["Body"].read(), CONTENT)

    def test_round_trip_on_a_host_that_booted_just_now(self):
        # The monotonic clock begins at boot. A default of 0 for "stored at" took every content
        # for stored in a host's first ten minutes, and lost it.
        with patch("odoo.addons.ha_attachment_s3.pending.time") as clock:
            clock.monotonic.return_value = 30.0
            attachment = self.attach()
        self.assertEqual(self.read_anew(attachment), CONTENT)

    def test_nothing_is_left_in_the_local_filestore(self):
        content = os.urandom(1000)
        self.attach(content)
        checksum = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        path = os.path.join(self.attachments._filestore(), checksum[:2], checksum)
        self.assertFalse(os.path.exists(path))

    def test_equal_contents_are_one_object(self):
        first, second = self.attach(), self.attach(name="other")
        self.assertEqual(first.store_fname, second.store_fname)
        self.assertEqual(len(self.keys()), 1)
        copied = first.copy()
        self.assertEqual(self.read_anew(copied), CONTENT)

    def test_a_changed_content_is_another_object(self):
        attachment = self.attach()
        before = attachment.store_fname
        attachment.raw = b"new content"
        self.env.cr.flush()
        self.assertNotEqual(attachment.store_fname, before)
        self.assertEqual(self.read_anew(attachment), b"new content")
        self.assertEqual(len(self.keys()), 2, "the old one waits for its grace period")

    def test_an_empty_content_needs_no_object(self):
        attachment = self.attach(b"")
        self.assertFalse(attachment.store_fname)
        self.assertEqual(self.read_anew(attachment), False)
        self.assertEqual(self.keys(), [])

    def test_a_large_content(self):
        content = os.urandom(12 << 20)
        self.assertEqual(self.read_anew(self.attach(content)), content)

    # -- what stays in the database

    def test_what_odoo_serves_by_its_address_stays_in_the_database(self):
        bundle = self.attach(url="/web/assets/1/web.assets.min.js", mimetype="text/javascript")
        self.assertEqual(bundle.db_datas, CONTENT)
        self.assertFalse(bundle.store_fname)
        self.assertEqual(self.keys(), [])

    def test_small_images_of_records_stay_in_the_database_and_large_ones_do_not(self):
        partner = self.env["res.partner"].create({"name": "Anna"})
        field = {"res_model": "res.partner", "res_id": partner.id, "res_field": "image_128"}
        small, large = self.attachments.create(
            [
                {"name": "large", "raw": image(300), **field},
                {"name": "small", "raw": image(32), **field},
            ][::-1]
        )
        self.assertEqual((small.name, large.name), ("small", "large"), "the order is the caller's")
        self.assertTrue(small.db_datas)
        self.assertTrue(is_remote(large.store_fname))
        self.assertEqual(self.read_anew(large), image(300) and large.raw)
        small.raw = image(300)
        self.assertTrue(is_remote(small.store_fname))
        small.raw = image(32)
        self.assertFalse(small.store_fname)

    # -- damage and outage

    def test_a_missing_object_is_an_error_and_not_an_empty_file(self):
        attachment = self.attach()
        self.delete_behind_odoo(attachment)
        with self.assertLogs(DOWNLOAD_LOG, "ERROR"), self.assertRaises(ObjectDamaged):
            self.read_anew(attachment)
        with mute_logger(DOWNLOAD_LOG), self.assertRaises(ObjectDamaged):
            self.assertTrue(attachment.datas)

    def test_a_damaged_object_is_an_error_and_not_content(self):
        attachment = self.attach()
        for damaged in (CONTENT[:-1], CONTENT[:-1] + b"X", b""):
            self.put_behind_odoo(attachment, damaged)
            with self.assertLogs(DOWNLOAD_LOG, "ERROR"), self.assertRaises(ObjectDamaged):
                self.read_anew(attachment)

    def test_a_lost_object_is_stored_again_with_the_next_equal_content(self):
        attachment = self.attach()
        self.env.cr.cache.clear()  # as for another transaction
        self.delete_behind_odoo(attachment)
        self.attach()
        self.assertEqual(self.read_anew(attachment), CONTENT)

    @mute_logger(STORE_LOG)
    def test_a_read_while_s3_is_away_is_an_error(self):
        attachment = self.attach()
        self.s3_goes_away()
        with self.assertRaises(StorageUnavailable) as caught:
            self.read_anew(attachment)
        answer = caught.exception.get_response()
        self.assertEqual(answer.status_code, 503)
        self.assertTrue(answer.headers["Retry-After"])

    @mute_logger(STORE_LOG)
    def test_a_write_while_s3_is_away_is_an_error_and_leaves_no_row(self):
        attachment = self.attach()
        self.s3_goes_away()
        with self.assertRaisesRegex(UserError, "nothing was saved"), self.env.cr.savepoint():
            self.attach(b"another content", name="lost")
        with self.assertRaisesRegex(UserError, "nothing was saved"), self.env.cr.savepoint():
            attachment.raw = b"another content"
        self.assertFalse(self.attachments.search([("name", "=", "lost")]))
        self.env.cr.flush()  # what was rolled back is not tried again

    @mute_logger(STORE_LOG)
    def test_who_swallows_the_error_of_a_write_meets_it_at_the_commit(self):
        self.s3_goes_away()
        attachment = self.attachments.create({"name": "lost", "raw": b"content"})
        self.assertEqual(self.read_anew(attachment), b"content", "its own transaction reads it")
        for _commit in range(3):
            with self.assertRaisesRegex(UserError, "nothing was saved"):
                self.env.cr.flush()

    # -- several at once

    def _count_calls(self, name):
        """What the bucket's method of this name is called with from now on."""
        calls = []

        def seen(bucket, *arguments):
            calls.append(arguments)
            return original(bucket, *arguments)

        original = getattr(type(self.bucket()), name)
        patcher = patch.object(type(self.bucket()), name, seen)
        patcher.start()
        self.addCleanup(patcher.stop)
        return calls

    def test_all_contents_of_a_transaction_are_sent_together(self):
        together, puts = self._count_calls("put_all"), self._count_calls("put")
        self.env["res.partner"].create(
            {"name": "Anna", "image_1920": base64.b64encode(image(1500))}
        )
        first = self.attachments.create({"name": "one", "raw": b"one"})
        self.attachments.create({"name": "again", "raw": b"one"})
        self.attachments.create({"name": "two", "raw": b"two"})
        early = [location.key for location, content in puts if len(content) >= EARLY]
        self.assertTrue(early, "the large image set out while the next was made")
        self.env.cr.flush()
        ((late,),) = together
        self.assertGreaterEqual(len(late), 2)
        self.assertFalse(set(early) & {location.key for location, _content in late})
        self.assertEqual(len(puts), 6, "four images that aren't small, and two files; each once")
        self.assertEqual(len(self.keys()), 6)
        self.env.cr.cache.clear()
        self.assertEqual(self.read_anew(first), b"one")

    def test_what_sets_out_early_is_marked_before_and_known_after_a_rollback(self):
        content = os.urandom(EARLY)
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            attachment = self.attachments.create({"name": "large", "raw": content})
            name = attachment.store_fname
            with self.env.registry.cursor() as cr:
                cr.execute("SELECT 1 FROM ha_attachment_garbage WHERE store_fname = %s", [name])
                self.assertTrue(cr.fetchone(), "whatever happens now, the collector finds it")
            raise ZeroDivisionError
        self.env.cr.flush()
        self.assertFalse(self.attachments.search([("store_fname", "=", name)]))
        again = self.attach(content)
        self.assertEqual(self.read_anew(again), content)

    @mute_logger(STORE_LOG)
    def test_what_set_out_early_and_failed_is_an_error_at_the_commit_until_it_is_stored(self):
        settings, content = self.settings, os.urandom(EARLY)
        self.s3_goes_away()
        attachment = self.attachments.create({"name": "large", "raw": content})
        for _commit in range(2):
            with self.assertRaisesRegex(UserError, "nothing was saved"):
                self.env.cr.flush()
        self.configure(settings)
        self.env.cr.flush()
        self.assertEqual(self.read_anew(attachment), content)

    def test_what_waits_is_bounded(self):
        with patch("odoo.addons.ha_attachment_s3.pending.MOST", 1000):
            for number in range(3):
                self.attachments.create({"name": "file", "raw": b"%d" % number * 600})
        self.assertEqual(len(self.keys()), 2)
        self.env.cr.flush()
        self.assertEqual(len(self.keys()), 3)

    def test_a_large_content_goes_in_parts(self):
        content = os.urandom(40 << 20)
        attachment = self.attach(content)
        self.assertEqual(self.read_anew(attachment), content)
        location = parse(attachment.store_fname)
        stored = self.client.head_object(Bucket=location.bucket, Key=location.key)
        self.assertRegex(stored["ETag"], "-5", "five parts")
        self.env.cr.cache.clear()
        attachment.unlink()
        self.assertEqual(self.read_anew(self.attach(content)), content, "it was there")

    def test_how_objects_are_to_be_kept_is_said_with_each(self):
        said = []
        self.configure(replace(self.settings, s3_storage_class="STANDARD", s3_encryption="AES256"))
        client = self.bucket().client
        client.meta.events.register(
            "before-parameter-build.s3", lambda params, **_: said.append(dict(params))
        )
        content = os.urandom(33 << 20)
        small = self.attach()
        self.assertEqual(self.read_anew(small), CONTENT)
        self.assertEqual(self.read_anew(self.attach(content)), content)
        for names in ({"Body", "ServerSideEncryption"}, {"ChecksumAlgorithm", "StorageClass"}):
            self.assertTrue(any(names <= params.keys() for params in said), names)

    def test_companies_may_have_buckets_of_their_own(self):
        name = f"company-{secrets.token_hex(4)}"
        self.client.create_bucket(Bucket=name)
        company = self.env["res.company"].create({"name": "Other"})
        self.configure(replace(self.settings, s3_company_buckets=((company.id, name),)))
        own, other = self.attachments.create(
            [
                {"name": "own", "raw": b"own", "company_id": company.id},
                {"name": "other", "raw": b"other"},
            ]
        )
        self.env.cr.flush()
        self.assertEqual(parse(own.store_fname).bucket, name)
        self.assertEqual(parse(other.store_fname).bucket, self.settings.s3_bucket)
        (own | other).write({"raw": b"changed"})
        self.env.cr.flush()
        self.assertEqual(parse(own.store_fname).bucket, name)
        self.assertEqual(parse(other.store_fname).bucket, self.settings.s3_bucket)
        self.configure(replace(self.settings, s3_company_buckets=()))
        self.assertEqual(self.read_anew(own), b"changed", "its name says where it is")
        location = parse(own.store_fname)
        self.client.delete_object(Bucket=name, Key=location.key)

    @mute_logger(STORE_LOG)
    def test_a_refusal_is_an_error_that_shows_no_secret(self):
        attachment = self.attach()
        self.configure(replace(self.settings, s3_secret_key="wrong-secret"))
        with self.assertLogs(STORE_LOG, "ERROR") as logs, self.assertRaises(StorageUnavailable):
            self.read_anew(attachment)
        self.assertIn("check s3_secret_key", logs.output[0])
        self.assertNotIn("wrong-secret", "".join(logs.output))
        self.assertNotIn("wrong-secret", repr(self.settings))

    # -- whose objects are read

    def test_nobody_can_choose_which_object_is_read(self):
        secret = self.attach(b"of another database", name="secret")
        name = secret.store_fname
        user = new_test_user(self.env, "curious", groups="base.group_user")
        for asking in (self.env.user, user):
            attachments = self.attachments.with_user(asking)
            values = {"name": "mine", "raw": b"mine", "store_fname": name, "checksum": "0" * 40}
            mine = attachments.create(values)
            mine.write({"store_fname": name, "file_size": 1})
            mine.web_save({"store_fname": name}, {"name": {}})
            attachments.with_context(default_store_fname=name).create({"name": "by default"})
            attachments.load(["name", "store_fname"], [["imported", name]])
            copied = mine.copy({"store_fname": name})
            self.env.cr.flush()
            for attachment in (mine, copied):
                self.assertNotEqual(attachment.store_fname, name)
                self.assertEqual(self.read_anew(attachment), b"mine")
            found = self.attachments.sudo().search([("store_fname", "=", name)])
            self.assertEqual(found, secret)

    # -- other storages

    def _in_filestore(self, content):
        self.env["ir.config_parameter"].set_param("ir_attachment.location", "file")
        attachment = self.attach(content)
        self.env["ir.config_parameter"].set_param("ir_attachment.location", False)
        self.assertFalse(is_remote(attachment.store_fname))
        return attachment

    def test_files_of_the_filestore_stay_readable(self):
        content = os.urandom(1000)
        self.assertEqual(self.read_anew(self._in_filestore(content)), content)

    def test_the_system_parameter_goes_before_the_bucket(self):
        set_param = self.env["ir.config_parameter"].set_param
        self.assertEqual(self.attachments._storage(), "s3")
        for location in ("db", "file", "s3"):
            set_param("ir_attachment.location", location)
            self.assertEqual(self.attachments._storage(), location)

    def test_no_client_can_choose_the_storage(self):
        for value in ("db", {"storage": "db"}):
            self.assertEqual(
                self.attachments.with_context(ha_attachment_place=value)._storage(), "s3"
            )

    def test_force_storage_moves_to_the_bucket_and_back(self):
        content = os.urandom(1000)
        attachment = self._in_filestore(content)
        self.assertIn(attachment, self.attachments.search(self.attachments._get_storage_domain()))
        attachment._migrate()
        self.assertTrue(is_remote(attachment.store_fname))
        self.assertEqual(self.read_anew(attachment), content)
        for location, field in (("db", "db_datas"), ("file", "store_fname")):
            self.env["ir.config_parameter"].set_param("ir_attachment.location", location)
            domain = self.attachments._get_storage_domain()
            self.assertIn(attachment, self.attachments.search(domain))
            attachment._migrate()
            self.assertTrue(attachment[field])
            self.assertEqual(self.read_anew(attachment), content)

    def test_a_file_that_this_node_lacks_is_not_replaced_by_nothing(self):
        attachment = self._in_filestore(os.urandom(1000))
        before = attachment.store_fname
        os.unlink(self.attachments._full_path(before))
        with self.assertLogs(MODEL_LOG, "ERROR"):
            attachment._migrate()
        self.assertEqual(attachment.store_fname, before)

    def test_objects_have_no_path(self):
        with self.assertRaises(ValueError):
            self.attachments._full_path(self.attach().store_fname)

    def test_names_that_odoo_did_not_give_are_not_read(self):
        for name in ("s3://odoo-attachments/../secret", "s3://b/k", "s3://"):
            with self.assertRaises(ValueError):
                self.attachments._file_read(name)
