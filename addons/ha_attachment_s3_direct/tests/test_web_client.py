"""The web client in a real Chromium: a picture is attached in the chatter, goes to the bucket itself, and is
shown from there. Needs Chromium (Debian's package chromium) and HA_TEST_BROWSER=1; skipped without."""

import base64
import io
import os
import re
from unittest import SkipTest
from unittest.mock import patch

from odoo.tests import HttpCase, common, tagged
from PIL import Image

from ..direct_name import parse
from .common import DirectUploads

PATIENCE = 120  # seconds
NAME = "Façade 図.png"
WIDTH, HEIGHT = 400, 300

CODE = """
(async () => {
    const until = async (what, find) => {
        for (let turn = 0; turn < 1000; turn++) {
            const found = await find();
            if (found) { return found; }
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error(`waited for ${what}`);
    };
    const content = Uint8Array.from(atob("%(content)s"), (letter) => letter.charCodeAt(0));
    const input = await until("the chatter's upload button", () =>
        document.querySelector(".o-mail-Chatter-topbar input[type=file]")
    );
    const files = new DataTransfer();
    files.items.add(new File([content], "%(name)s", { type: "image/png" }));
    input.files = files.files;
    input.dispatchEvent(new Event("change"));
    const card = await until("the uploaded file", () => document.querySelector(
        '.o-mail-AttachmentContainer[title="%(name)s"]:not(.o-isUploading)'
    ));
    const image = await until("the picture from the bucket", () => {
        const found = card.querySelector("img.o-mail-AttachmentImage");
        return found && found.src.includes("/web/image/") && found.naturalWidth && found;
    });
    if (image.naturalWidth !== %(width)d || image.naturalHeight !== %(height)d) {
        throw new Error(`another picture: ${image.naturalWidth}x${image.naturalHeight}`);
    }
    console.log("test successful");
})();
"""


@tagged("post_install", "-at_install")
class TestWebClient(DirectUploads, HttpCase):
    def setUp(self):
        if not os.environ.get("HA_TEST_BROWSER"):
            raise SkipTest("HA_TEST_BROWSER is not set: no browser is started")
        super().setUp()

    def test_upload_and_download(self):
        picture = io.BytesIO()
        noise = Image.frombytes("RGB", (WIDTH, HEIGHT), os.urandom(3 * WIDTH * HEIGHT))
        noise.save(picture, "PNG")
        self.env["ir.config_parameter"].set_param("cloud_storage_min_file_size", 1000)
        self.env["res.config.settings"]._setup_cloud_storage_provider()
        code = CODE % {
            "content": base64.b64encode(picture.getvalue()).decode(),
            "name": NAME,
            "width": WIDTH,
            "height": HEIGHT,
        }
        path = f"/odoo/res.partner/{self.partner.id}"
        self.authenticate("admin", "admin")
        # What the page loads is made before the browser's patience is asked for.
        for asset in re.findall(r"/web/assets/[^\"']+", self.url_open(path, timeout=PATIENCE).text):
            self.url_open(asset, timeout=PATIENCE)
        asked = []
        paused = common.ChromeBrowser._handle_request_paused

        def to_the_bucket(browser, **params):
            """Odoo's browser lets requests to Odoo only pass; the bucket is the other."""
            request = params["request"]
            if not request["url"].startswith(self.settings.s3_endpoint_url):
                return paused(browser, **params)
            asked.append((request["method"], "X-Amz-Signature=" in request["url"]))
            return browser._websocket_send(
                "Fetch.continueRequest", params={"requestId": params["requestId"]}
            )

        console = common.ChromeBrowser._handle_console

        def not_the_pages_own(browser, type, **said):
            """The page complains of files that Debian's Odoo lacks; this test's code throws."""
            if type != "error":
                console(browser, type, **said)

        with (
            patch.object(common.ChromeBrowser, "_handle_request_paused", to_the_bucket),
            patch.object(common.ChromeBrowser, "_handle_console", not_the_pages_own),
        ):
            self.browser_js(path, code, login="admin", timeout=PATIENCE)
        self.assertIn(("PUT", True), asked)
        self.assertIn(("GET", True), asked)
        attachment = self.attachments.search(
            [("res_model", "=", "res.partner"), ("res_id", "=", self.partner.id)]
        )
        self.assertEqual((attachment.name, attachment.type), (NAME, "cloud_storage"))
        self.assertEqual(parse(attachment.url).size, len(picture.getvalue()))
        self.assertEqual(self.read_anew(attachment), picture.getvalue())
