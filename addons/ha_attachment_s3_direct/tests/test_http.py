"""What browsers get, through Odoo's real HTTP stack: redirects, and only for whoever may read."""

import io
import json
import zipfile

import requests
from odoo.http import Request
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import NAME, TIMEOUT, DirectUploads


@tagged("post_install", "-at_install")
class TestHttp(DirectUploads, HttpCase):
    def ask(self, path):
        """One answer of Odoo's, no redirect followed."""
        return self.url_open(path, allow_redirects=False)

    def follow(self, answer):
        self.assertEqual(answer.status_code, 302, answer.text)
        self.assertIn("X-Amz-Signature=", answer.headers["Location"])
        return requests.get(answer.headers["Location"], timeout=TIMEOUT)

    def test_upload_and_download(self):
        self.authenticate("admin", "admin")
        answer = self.url_open(
            "/mail/attachment/upload",
            data={
                "csrf_token": Request.csrf_token(self),
                "thread_id": self.partner.id,
                "thread_model": "res.partner",
                "cloud_storage": "true",
                "cloud_storage_size": str(len(self.content)),
            },
            files={"ufile": (NAME, b"", "application/pdf")},
        ).json()
        upload = answer["upload_info"]
        self.assertEqual((upload["method"], upload["response_status"]), ("PUT", 200))
        requests.put(
            upload["url"], data=self.content, headers=upload["headers"], timeout=TIMEOUT
        ).raise_for_status()
        number = answer["data"]["attachment_id"]
        self.assertNotIn(self.settings.s3_secret_key, json.dumps(answer))

        shown = self.ask(f"/web/content/{number}")
        self.assertEqual(shown.headers["Cache-Control"], "private, max-age=290")
        got = self.follow(shown)
        self.assertEqual(got.content, self.content)
        self.assertEqual(got.headers["Content-Type"], "application/pdf")
        self.assertTrue(got.headers["Content-Disposition"].startswith("inline;"))
        saved = self.follow(self.ask(f"/web/content/{number}?download=true"))
        self.assertTrue(saved.headers["Content-Disposition"].startswith("attachment;"))
        part = requests.get(
            shown.headers["Location"], headers={"Range": "bytes=10-19"}, timeout=TIMEOUT
        )
        self.assertEqual((part.status_code, part.content), (206, self.content[10:20]))

    def test_several_in_a_zip(self):
        first, second = self.uploaded(name="a.pdf"), self.uploaded(name="b.pdf")
        self.authenticate("admin", "admin")
        answer = self.url_open(
            "/mail/attachment/zip",
            data={
                "csrf_token": Request.csrf_token(self),
                "file_ids": f"{first.id},{second.id}",
                "zip_name": "both.zip",
            },
        )
        answer.raise_for_status()
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            self.assertEqual(archive.read("b.pdf"), self.content)

    def test_links_are_for_those_who_may_read(self):
        private = self.uploaded(res_model=False, res_id=0)
        private.access_token = "7c0ffee0-token"
        everybodys = self.uploaded(public=True)
        of_partner = self.uploaded()
        new_test_user(self.env, "direct-portal", groups="base.group_portal")
        new_test_user(self.env, "direct-colleague", groups="base.group_user")
        for login, may in (
            (None, {everybodys}),
            ("direct-portal", {everybodys}),
            ("direct-colleague", {everybodys, of_partner}),
            ("admin", {everybodys, of_partner, private}),
        ):
            self.authenticate(login, login)
            for attachment in (private, everybodys, of_partner):
                answer = self.ask(f"/web/content/{attachment.id}")
                with self.subTest(login=login, attachment=attachment):
                    if attachment in may:
                        self.assertEqual(self.follow(answer).content, self.content)
                    else:
                        self.assertIn(answer.status_code, (303, 404))
                        self.assertNotIn("X-Amz", answer.headers.get("Location", ""))
        self.authenticate(None, None)
        path = f"/web/content/{private.id}?access_token="
        self.assertEqual(self.follow(self.ask(path + "7c0ffee0-token")).content, self.content)
        with mute_logger("odoo.http"):
            self.assertEqual(self.ask(path + "wrong").status_code, 404)

    @mute_logger("odoo.addons.ha_attachment_s3_direct.objects")
    def test_no_redirect_into_the_void(self):
        never = self.invite()
        there = self.uploaded()
        self.authenticate("admin", "admin")
        answer = self.ask(f"/web/content/{never.id}?download=true")
        self.assertEqual(answer.status_code, 404)
        self.assertIn("never finished", answer.text)
        self.s3_goes_away()
        answer = self.ask(f"/web/content/{there.id}")
        self.assertEqual(answer.status_code, 503)
        self.assertTrue(answer.headers["Retry-After"])
