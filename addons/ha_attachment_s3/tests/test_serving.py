"""Large files: streamed, in parts, by a signed address; only to those who may read them."""

import io
import os
import secrets
import shutil
from dataclasses import replace
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import requests
import urllib3
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger
from PIL import Image

from ..bucket import WHOLE
from .common import InBucket
from .test_storage import image

NAME = "Façade – 図.bin"
CONTENT = os.urandom(WHOLE + (3 << 20))
DOWNLOAD_LOG = "odoo.addons.ha_attachment_s3.download"


@tagged("post_install", "-at_install")
class TestServing(InBucket, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate("admin", "admin")
        self.large = self.attach(CONTENT, name=NAME, mimetype="video/mp4")
        self.url = f"/web/content/{self.large.id}"

    def keep(self, size):
        """Have a cache of this size."""
        self.configure(
            replace(
                self.settings,
                s3_cache_size=size,
                s3_cache_directory=f"/var/tmp/odoo-ha-test-{secrets.token_hex(6)}",
            )
        )
        self.addCleanup(shutil.rmtree, self.settings.s3_cache_directory, ignore_errors=True)

    def ask(self, url=None, **headers):
        return self.url_open(
            url or self.url,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            allow_redirects=False,
        )

    def fetch(self, address, **headers):
        """As a browser would, from S3: Odoo's tests block requests to elsewhere."""
        return urllib3.request("GET", address, headers=headers, timeout=30)

    def test_a_large_file_is_streamed_and_verified(self):
        with patch.object(type(self.bucket()), "get", side_effect=AssertionError("in memory")):
            answer = self.ask(self.url + "?download=1")
            self.assertEqual(answer.status_code, 200)
            self.assertEqual(answer.content, CONTENT)
            self.assertEqual(answer.headers["Content-Length"], str(len(CONTENT)))
            self.assertEqual(answer.headers["Content-Type"], "video/mp4")
            self.assertEqual(answer.headers["Content-Security-Policy"], "default-src 'none'")
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertIn("private", answer.headers["Cache-Control"])
            said = answer.headers["Content-Disposition"]
            self.assertTrue(said.startswith("attachment"))
            self.assertIn("filename*=UTF-8''Fa%C3%A7ade%20%E2%80%93%20%E5%9B%B3.bin", said)
            again = self.ask(If_None_Match=answer.headers["ETag"])
            self.assertEqual((again.status_code, again.content), (304, b""))
            head = self.url_open(self.url, method="HEAD")
            self.assertEqual(head.headers["Content-Length"], str(len(CONTENT)))
            self.assertEqual(head.headers["ETag"], answer.headers["ETag"])

    def test_parts(self):
        etag = self.ask().headers["ETag"]
        for size in (0, 1 << 30):  # without a cache, and with one that takes it
            self.keep(size)
            for wanted, start, stop in (
                ("bytes=10-19", 10, 20),
                ("bytes=5000000-", 5000000, len(CONTENT)),
                ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
                ("bytes=0-", 0, len(CONTENT)),
            ):
                part = self.ask(Range=wanted)
                self.assertEqual(part.status_code, 206)
                self.assertEqual(part.content, CONTENT[start:stop], wanted)
                self.assertEqual(
                    part.headers["Content-Range"], f"bytes {start}-{stop - 1}/{len(CONTENT)}"
                )
            self.assertEqual(self.ask(Range=f"bytes={len(CONTENT)}-").status_code, 416)
            self.assertEqual(self.ask(Range="bytes=0-9", If_Range=etag).status_code, 206)
            self.assertEqual(self.ask(Range="bytes=0-9", If_Range='"other"').content, CONTENT)

    def test_what_was_streamed_is_served_while_s3_is_away(self):
        self.keep(1 << 30)
        self.assertEqual(self.ask().content, CONTENT)
        with mute_logger("odoo.addons.ha_attachment_s3.store"):
            self.s3_goes_away()
            self.assertEqual(self.ask().content, CONTENT)
            self.assertEqual(self.ask(Range="bytes=10-19").content, CONTENT[10:20])

    @mute_logger("odoo.http", "werkzeug", "odoo.addons.ha_attachment_s3.store")
    def test_an_outage_is_known_before_anything_is_sent(self):
        self.s3_goes_away()
        for wanted in ({}, {"Range": "bytes=10-19"}):
            answer = self.ask(**wanted)
            self.assertEqual(answer.status_code, 503)
            self.assertTrue(answer.headers["Retry-After"])

    @mute_logger("odoo.http", "werkzeug", "odoo.service.server")
    def test_a_damaged_file_is_never_complete(self):
        self.keep(1 << 30)
        self.put_behind_odoo(self.large, CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
        with self.assertLogs(DOWNLOAD_LOG, "ERROR") as log:
            with self.assertRaises(requests.RequestException):
                self.ask()
            with mute_logger(DOWNLOAD_LOG):
                self.assertEqual(self.ask(Range="bytes=10-19").status_code, 500)
        self.assertIn("damaged", log.output[0])
        self.put_behind_odoo(self.large, CONTENT[:-1])
        with mute_logger(DOWNLOAD_LOG):
            self.assertEqual(self.ask().status_code, 500, "its size tells at once")

    # -- by a signed address

    def redirect(self, **settings):
        self.configure(replace(self.settings, s3_serve="redirect", **settings))

    def test_a_redirect_says_what_odoo_would(self):
        self.redirect(s3_url_lifetime=60.0)
        answer = self.ask(self.url + "?download=1&unique=1")
        self.assertEqual(answer.status_code, 302)
        self.assertEqual(answer.headers["Cache-Control"], "private, max-age=30")
        self.assertIn("Sec-Fetch-Mode", answer.headers["Vary"])
        address = answer.headers["Location"]
        self.assertEqual(parse_qs(urlsplit(address).query)["X-Amz-Expires"], ["60"])
        self.assertNotIn(self.settings.s3_secret_key, address)
        found = self.fetch(address)
        self.assertEqual(found.status, 200)
        self.assertEqual(found.data, CONTENT)
        self.assertEqual(found.headers["Content-Type"], "video/mp4")
        self.assertIn(
            "filename*=UTF-8''Fa%C3%A7ade%20%E2%80%93%20%E5%9B%B3.bin",
            found.headers["Content-Disposition"],
        )
        part = self.fetch(address, Range="bytes=10-19")
        self.assertEqual((part.status, part.data), (206, CONTENT[10:20]))
        unsigned = self.fetch(address.split("?")[0])
        self.assertEqual(unsigned.status, 403, "the object itself is not public")

    def test_what_is_not_redirected(self):
        etag = self.ask().headers["ETag"]
        small = self.attach(b"small" * 100)
        self.redirect()
        self.assertEqual(self.ask(f"/web/content/{small.id}").content, b"small" * 100)
        self.assertEqual(self.ask(If_None_Match=etag).status_code, 304)
        self.assertEqual(self.url_open(self.url, method="HEAD").status_code, 200)
        for mode, code in (
            ("cors", 200),
            ("same-origin", 200),
            ("navigate", 302),
            ("no-cors", 302),
        ):
            self.assertEqual(self.ask(Sec_Fetch_Mode=mode).status_code, code, mode)
        # Of another content than the beginning that the browser has: the whole, whatever S3 makes of it.
        self.assertEqual(self.ask(Range="bytes=0-9", If_Range='"other"').content, CONTENT)
        self.assertEqual(self.ask(Range="bytes=0-9", If_Range=etag).status_code, 302)
        picture = self.attach(image(700), name="photo.png")
        self.assertGreater(picture.file_size, self.settings.s3_serve_from)
        answer = self.ask(f"/web/image/{picture.id}?width=64&height=64")
        self.assertEqual(Image.open(io.BytesIO(answer.content)).size, (64, 64))
        self.assertEqual(self.ask(f"/web/image/{picture.id}").status_code, 302)

    def test_only_who_may_read_it_gets_an_address(self):
        self.redirect()
        self.large.access_token = secrets.token_hex(8)
        self.env.flush_all()
        new_test_user(self.env, "other", groups="base.group_user")
        for login in ("other", None):
            self.authenticate(login, login)
            with mute_logger("odoo.http", "odoo.addons.base.models.ir_binary"):
                answer = self.ask()
                self.assertIn(answer.status_code, (303, 403, 404), login)
                self.assertNotIn("X-Amz-Signature", answer.headers.get("Location", ""))
                answer = self.ask(f"{self.url}?access_token=wrong")
                self.assertNotIn("X-Amz-Signature", answer.headers.get("Location", ""))
            answer = self.ask(f"{self.url}?access_token={self.large.access_token}")
            self.assertEqual(answer.status_code, 302, login)
            self.assertIn("X-Amz-Signature", answer.headers["Location"])

    def test_nginx_is_told_where_to_fetch_it(self):
        self.configure(replace(self.settings, s3_serve="x-accel"))
        answer = self.ask(self.url + "?download=1")
        self.assertEqual((answer.status_code, answer.content), (200, b""))
        self.assertEqual(answer.headers["Content-Type"], "video/mp4")
        self.assertTrue(answer.headers["Content-Disposition"].startswith("attachment"))
        where = answer.headers["X-Accel-Redirect"]
        self.assertTrue(where.startswith("/ha_s3/"))
        address = self.settings.s3_endpoint_url + where.removeprefix("/ha_s3")
        self.assertEqual(self.fetch(address).data, CONTENT)
