"""The web client in a real Chromium: a picture is attached in the chatter, goes to the bucket itself, is shown
from there, and is saved by both buttons. Needs Chromium (Debian's package chromium) and HA_TEST_BROWSER=1; skipped without."""

import base64
import io
import os
import re
import tempfile
from pathlib import Path
from unittest import SkipTest
from unittest.mock import patch

from odoo.tests import HttpCase, common, tagged
from PIL import Image

from ..direct_name import parse
from .common import DirectUploads

PATIENCE = 120  # seconds
NAME = "Façade 図.png"
WIDTH, HEIGHT = 400, 300
#: The page asks here how many files the browser has saved; the test answers.
SAVED = "/saved-files/"

CODE = """
(async () => {
    const until = async (what, find) => {
        for (let turn = 0; turn < 600; turn++) {
            const found = await find();
            if (found) { return found; }
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error(`waited for ${what}`);
    };
    const saved = (count) =>
        until(`${count} saved files`, async () => (await fetch("%(saved)s" + count)).ok);
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
    // The card's button.
    card.querySelector("button[title=Download]").click();
    await saved(1);
    // The viewer's.
    card.click();
    const link = await until("the viewer's link", () =>
        document.querySelector(".o-FileViewer-headerButton a[download]")
    );
    link.click();
    await saved(2);
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
            "saved": SAVED,
        }
        path = f"/odoo/res.partner/{self.partner.id}"
        self.authenticate("admin", "admin")
        # What the page loads is made before the browser's patience is asked for.
        for asset in re.findall(r"/web/assets/[^\"']+", self.url_open(path, timeout=PATIENCE).text):
            self.url_open(asset, timeout=PATIENCE)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        saved = []
        paused = common.ChromeBrowser._handle_request_paused

        def answer_what_is_saved(browser, **params):
            number = params["request"]["url"].partition(SAVED)[2]
            if not number:
                return paused(browser, **params)
            for path in Path(directory.name).glob("*.png"):
                saved.append((path.name, path.read_bytes()))
                path.unlink()  # the next of this name would take its place
            code = 200 if len(saved) == int(number) else 404
            answer = {"requestId": params["requestId"], "responseCode": code}
            return browser._websocket_send("Fetch.fulfillRequest", params=answer)

        send = common.ChromeBrowser._websocket_send

        def otherwise(browser, method, *, params=None, **how):
            """Odoo's browser saves nothing, and lets nothing through but to Odoo."""
            if method == "Page.setDownloadBehavior":
                # The page's own setting isn't for what a link in a new tab saves.
                method = "Browser.setDownloadBehavior"
                params = {"behavior": "allow", "downloadPath": directory.name}
            if method == "Fetch.enable":
                params = {"patterns": [{"urlPattern": f"*{SAVED}*"}, {"urlPattern": "https://*"}]}
            return send(browser, method, params=params, **how)

        console = common.ChromeBrowser._handle_console

        def not_the_pages_own(browser, type, **said):
            """The page complains of files that Debian's Odoo lacks; this test's code throws."""
            if type != "error":
                console(browser, type, **said)

        with (
            patch.object(common.ChromeBrowser, "_handle_request_paused", answer_what_is_saved),
            patch.object(common.ChromeBrowser, "_handle_console", not_the_pages_own),
            patch.object(common.ChromeBrowser, "_websocket_send", otherwise),
        ):
            self.browser_js(path, code, login="admin", timeout=PATIENCE)
        self.assertEqual(saved, [(NAME, picture.getvalue())] * 2)
        attachment = self.attachments.search(
            [("res_model", "=", "res.partner"), ("res_id", "=", self.partner.id)]
        )
        self.assertEqual((attachment.name, attachment.type), (NAME, "cloud_storage"))
        self.assertEqual(parse(attachment.url).size, len(picture.getvalue()))
        self.assertEqual(self.read_anew(attachment), picture.getvalue())
