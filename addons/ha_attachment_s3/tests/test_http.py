"""What a browser gets, through Odoo's real HTTP stack."""

import io
import json
import os

from odoo.http import Request
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger
from PIL import Image

from .common import CONTENT, InBucket
from .test_storage import image

STORE_LOG = "odoo.addons.ha_attachment_s3.store"


@tagged("post_install", "-at_install")
class TestHttp(InBucket, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate("admin", "admin")

    def test_download(self):
        attachment = self.attach(name="Façade – 図.bin")
        answer = self.url_open(f"/web/content/{attachment.id}?download=1")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.content, CONTENT)
        self.assertEqual(answer.headers["Content-Length"], str(len(CONTENT)))
        self.assertIn(
            "filename*=UTF-8''Fa%C3%A7ade%20%E2%80%93%20%E5%9B%B3.bin",
            answer.headers["Content-Disposition"],
        )
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")

    def test_range_and_etag(self):
        url = f"/web/content/{self.attach().id}"
        part = self.url_open(url, headers={"Range": "bytes=10-19"})
        self.assertEqual((part.status_code, part.content), (206, CONTENT[10:20]))
        whole = self.url_open(url)
        again = self.url_open(url, headers={"If-None-Match": whole.headers["ETag"]})
        self.assertEqual((again.status_code, again.content), (304, b""))

    def test_thumbnail(self):
        attachment = self.attach(image(300), name="photo.png")
        answer = self.url_open(f"/web/image/{attachment.id}?width=64&height=64")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(Image.open(io.BytesIO(answer.content)).size, (64, 64))

    def test_upload(self):
        content = os.urandom(2000)
        answer = self.url_open(
            "/web/binary/upload_attachment",
            data={"model": "res.partner", "id": "1", "csrf_token": Request.csrf_token(self)},
            files={"ufile": ("uploaded.bin", content)},
        )
        self.assertEqual(answer.status_code, 200)
        attachment = self.attachments.search([("name", "=", "uploaded.bin")], limit=1)
        self.assertIn("s3://", attachment.store_fname)
        self.assertEqual(self.read_anew(attachment), content)

    @mute_logger(STORE_LOG)
    def test_a_read_while_s3_is_away_is_a_503(self):
        document, picture = self.attach(), self.attach(image(300), name="photo.png")
        self.env.flush_all()
        self.env.invalidate_all()
        self.s3_goes_away()
        for url in (
            f"/web/content/{document.id}",
            f"/web/image/{picture.id}",
            f"/web/image/{picture.id}?width=64&height=64",
        ):
            answer = self.url_open(url)
            self.assertEqual(answer.status_code, 503, url)
            self.assertTrue(answer.headers["Retry-After"])
            self.assertNotIn(b"PNG", answer.content[:10])

    @mute_logger("odoo.addons.ha_attachment_s3.download")
    def test_a_damaged_object_is_a_500_and_no_placeholder(self):
        picture = self.attach(image(300), name="photo.png")
        self.put_behind_odoo(picture, b"broken")
        self.env.flush_all()
        self.env.invalidate_all()
        answer = self.url_open(f"/web/image/{picture.id}")
        self.assertEqual(answer.status_code, 500)
        self.assertIn("damaged", answer.text)

    @mute_logger(STORE_LOG, "odoo.http", "odoo.addons.web.controllers.binary")
    def test_a_write_while_s3_is_away(self):
        self.s3_goes_away()
        answer = self.url_open(
            "/web/dataset/call_kw",
            data=json.dumps(
                {
                    "params": {
                        "model": "ir.attachment",
                        "method": "create",
                        "args": [{"name": "lost.txt", "raw": "text"}],
                        "kwargs": {},
                    }
                }
            ),
            headers={"Content-Type": "application/json"},
        )
        data = answer.json()["error"]["data"]
        self.assertEqual(data["name"], "odoo.exceptions.UserError")
        self.assertIn("nothing was saved", data["message"])
        answer = self.url_open(
            "/json/2/ir.attachment/create",
            data=json.dumps({"vals_list": [{"name": "lost.txt", "raw": "text"}]}),
            headers={"Content-Type": "application/json"},
        )
        self.assertGreaterEqual(answer.status_code, 400)
        self.url_open(
            "/web/binary/upload_attachment",
            data={"model": "res.partner", "id": "1", "csrf_token": Request.csrf_token(self)},
            files={"ufile": ("lost.txt", b"text")},
        )
        self.assertFalse(self.attachments.search([("name", "=", "lost.txt")]))
