"""Attachments whose files browsers upload: names, links, reading, copying, letting go."""

import importlib
from dataclasses import replace
from unittest.mock import patch

import requests
from odoo import api
from odoo.addons.ha_attachment_s3.errors import StorageUnavailable
from odoo.addons.ha_base.settings import current
from odoo.exceptions import AccessError, UserError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from .. import uninstall_hook
from ..direct_name import parse
from ..settings import Settings as DirectSettings
from .common import NAME, TIMEOUT, DirectUploads

LOG = "odoo.addons.ha_attachment_s3_direct.objects"


@tagged("post_install", "-at_install")
class TestDirect(DirectUploads, TransactionCase):
    def get(self, attachment, **options):
        return requests.get(attachment._direct_link(download=False), timeout=TIMEOUT, **options)

    # -- up

    def test_upload_and_download(self):
        attachment = self.invite()
        self.assertEqual(attachment.type, "cloud_storage")
        self.assertEqual(attachment.mimetype, "application/pdf")
        self.assertFalse(attachment.store_fname)
        self.assertEqual(self.put(attachment).status_code, 200)
        self.assertEqual(attachment.file_size, len(self.content))
        answer = self.get(attachment)
        self.assertEqual(answer.content, self.content)
        self.assertEqual(answer.headers["Content-Type"], "application/pdf")
        self.assertIn("filename*=UTF-8''Fa%C3%A7ade", answer.headers["Content-Disposition"])
        self.assertTrue(answer.headers["Content-Disposition"].startswith("inline"))

    def test_the_key_lies_below_the_databases_prefix_and_says_nothing(self):
        attachment = self.invite()
        name = parse(attachment.url)
        self.assertEqual(name.bucket, self.settings.s3_bucket)
        self.assertTrue(
            name.key.startswith(f"{self.attachments._s3_prefix()}/direct/{attachment.id}/")
        )
        self.assertNotIn("b.pdf", name.key)

    def test_the_upload_link_takes_this_file_only(self):
        attachment = self.invite()
        self.assertEqual(self.put(attachment, b"too short").status_code, 403)
        self.assertEqual(self.put(attachment, **{"Content-Type": "text/html"}).status_code, 403)
        url = attachment._generate_cloud_storage_upload_info()["url"]
        self.assertEqual(requests.get(url, timeout=TIMEOUT).status_code, 403)
        other = url.replace(f"/direct/{attachment.id}/", "/direct/0/")
        self.assertEqual(requests.put(other, data=b"", timeout=TIMEOUT).status_code, 403)
        self.assertEqual(self.keys(), [])

    def test_a_link_is_over_after_its_time(self):
        attachment = self.uploaded()
        links = (
            attachment._generate_cloud_storage_upload_info()["url"],
            attachment._generate_cloud_storage_download_info()["url"],
        )
        for link in links:
            self.assertIn("X-Amz-Expires=300", link)
        with patch.object(type(attachment), "_cloud_storage_download_url_time_to_expiry", 1):
            link = attachment._direct_link(download=False)
        self.assertIn("X-Amz-Expires=1&", link)

    def test_no_secret_is_in_a_link_or_the_database(self):
        attachment = self.uploaded()
        said = str(attachment._generate_cloud_storage_upload_info())
        said += attachment._direct_link(download=True)
        said += str(attachment.sudo().read())
        said += str(self.env["res.config.settings"].create({}).read())
        self.assertNotIn(self.settings.s3_secret_key, said)
        self.env.cr.execute("SELECT value FROM ir_config_parameter")
        self.assertNotIn(self.settings.s3_secret_key, str(self.env.cr.fetchall()))

    def test_without_a_signature_there_is_nothing(self):
        attachment = self.uploaded()
        naked = attachment._direct_link(download=False).partition("?")[0]
        for request in (requests.get, requests.put, requests.delete):
            self.assertEqual(request(naked, timeout=TIMEOUT).status_code, 403)
        self.assertEqual(self.read_anew(attachment), self.content)

    def test_an_older_browser_page_says_no_size(self):
        attachment = self.invite(size="")
        self.assertEqual(parse(attachment.url).size, 0)
        self.assertEqual(self.put(attachment).status_code, 200)
        self.assertEqual(self.read_anew(attachment), self.content)

    def test_a_node_without_a_bucket_says_so(self):
        self.configure(replace(self.settings, s3_bucket=None))
        with self.assertRaisesRegex(UserError, "s3_bucket"):
            self.invite()

    # -- read by the server

    def test_server_code_reads_it(self):
        attachment = self.uploaded()
        self.assertEqual(attachment.raw, self.content)
        self.assertEqual(len(attachment.datas) // 4, -(-len(self.content) // 3))
        self.assertEqual(attachment.read(["raw"])[0]["raw"], self.content)

    def test_a_mail_carries_it(self):
        attachment = self.uploaded()
        mail = self.env["mail.mail"].create(
            {
                "email_to": "somebody@example.com",
                "body_html": "see there",
                "attachment_ids": [attachment.id],
            }
        )
        (sent,) = mail._prepare_outgoing_list()
        self.assertEqual([each[1] for each in sent["attachments"]], [self.content])

    def test_a_larger_one_is_an_error_and_no_exhausted_worker(self):
        attachment = self.uploaded()
        limited = replace(current(DirectSettings), s3_direct_read_limit=1000)
        loaded = importlib.import_module("odoo.addons.ha_base.settings.load")._current
        with (
            patch.dict(loaded, {DirectSettings: limited}),
            self.assertRaisesRegex(UserError, "s3_direct_read_limit"),
        ):
            self.read_anew(attachment)
        self.assertEqual(self.get(attachment).content, self.content)

    @mute_logger(LOG)
    def test_an_upload_that_never_arrived_is_a_clear_error(self):
        attachment = self.invite()
        for use in (lambda: self.read_anew(attachment), lambda: self.get(attachment)):
            with self.assertRaises(Exception) as caught:
                use()
            self.assertEqual(caught.exception.code, 404)
            self.assertIn("never finished", caught.exception.description)

    @mute_logger(LOG)
    def test_while_s3_is_away_nothing_is_empty(self):
        attachment = self.uploaded()
        self.s3_goes_away()
        for use in (lambda: self.read_anew(attachment), lambda: self.get(attachment)):
            with self.assertRaises(StorageUnavailable):
                use()

    def test_it_becomes_an_ordinary_attachment(self):
        attachment = self.uploaded()
        url = attachment.url
        attachment._migrate_remote_to_local()
        self.assertEqual((attachment.type, attachment.url), ("binary", False))
        self.assertTrue(attachment.store_fname.startswith("s3://"))
        self.assertEqual(self.read_anew(attachment), self.content)
        self.assertTrue(self.is_on_the_checklist(url))

    def test_written_anew_it_is_the_new_file(self):
        attachment = self.uploaded()
        attachment.raw = b"new"
        self.assertEqual(attachment.type, "binary")
        self.assertEqual(self.read_anew(attachment), b"new")

    # -- copies and rights

    def test_a_copy_refers_to_the_same_object(self):
        attachment = self.uploaded()
        with patch("odoo.addons.ha_attachment_s3_direct.objects.read") as read:
            copy = attachment.copy()
        read.assert_not_called()
        self.assertEqual((copy.url, copy.type), (attachment.url, "cloud_storage"))
        self.assertEqual((copy.file_size, copy.mimetype), (len(self.content), "application/pdf"))
        attachment.unlink()
        self.assertTrue(self.is_needed(copy.url))
        self.assertEqual(self.read_anew(copy), self.content)

    def test_nobody_reads_a_file_by_its_address(self):
        attachment = self.uploaded(res_model=False, res_id=0)
        user = new_test_user(self.env, "nosy", groups="base.group_user")
        theirs = self.attachments.with_user(user)
        values = {"name": "mine", "type": "cloud_storage", "url": attachment.url}
        with self.assertRaises(AccessError):
            theirs.create(values)
        mine = theirs.create({"name": "mine", "raw": b"x"})
        with self.assertRaises(AccessError):
            mine.write(values)
        with self.assertRaises(AccessError):
            attachment.with_user(user).read(["raw"])

    def test_who_may_read_it_may_copy_it(self):
        attachment = self.uploaded()
        user = new_test_user(
            self.env, "colleague", groups="base.group_user,base.group_partner_manager"
        )
        copy = attachment.with_user(user).copy()
        self.assertEqual(copy.raw, self.content)

    # -- letting go

    def is_needed(self, url):
        self.env.flush_all()
        return self.env["ha.attachment.garbage"]._is_referred_to(self.env.cr, url)

    def collect(self):
        """As the collector would after the grace, on a cursor of its own: it sees no attachment of here."""
        self.env.cr.flush()
        self.configure(replace(self.settings, s3_garbage_grace=0))
        with self.env.registry.cursor() as cr:
            api.Environment(cr, self.env.uid, {})["ha.attachment.garbage"]._collect()

    def is_on_the_checklist(self, url):
        self.env.cr.flush()
        with self.env.registry.cursor() as cr:
            cr.execute("SELECT 1 FROM ha_attachment_garbage WHERE store_fname = %s", [url])
            return bool(cr.fetchone())

    def test_the_invitation_is_on_the_checklist_already(self):
        self.assertTrue(self.is_on_the_checklist(self.invite().url))

    def test_the_object_of_a_deleted_attachment_is_garbage(self):
        attachment = self.uploaded()
        url = attachment.url
        with self.env.registry.cursor() as cr:
            cr.execute("DELETE FROM ha_attachment_garbage WHERE store_fname = %s", [url])
        self.assertTrue(self.is_needed(url))
        attachment.unlink()
        self.assertFalse(self.is_needed(url))
        self.assertTrue(self.is_on_the_checklist(url))
        self.collect()
        self.assertEqual(self.keys(), [])
        self.assertFalse(self.is_on_the_checklist(url))

    def test_it_is_not_uninstalled_while_files_need_it(self):
        attachment = self.uploaded()
        self.assertEqual(attachment.name, NAME)
        with self.assertRaises(UserError):
            uninstall_hook(self.env)
        attachment.unlink()
        uninstall_hook(self.env)
        self.assertFalse(self.env["ir.config_parameter"].get_param("cloud_storage_provider"))
