"""What a node has read or written, it serves without S3."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..errors import StorageUnavailable
from ..location import parse
from .common import CONTENT, InBucket

STORE_LOG = "odoo.addons.ha_attachment_s3.store"


@tagged("post_install", "-at_install")
class TestCache(InBucket, TransactionCase):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.keep(10 << 20)

    def keep(self, size):
        self.configure(
            replace(self.settings, s3_cache_size=size, s3_cache_directory=str(self.directory))
        )

    def files(self):
        return [path for path in self.directory.glob("??/*") if path.is_file()]

    def test_what_was_written_is_read_while_s3_is_away(self):
        attachment = self.attach()
        self.s3_goes_away()
        self.assertEqual(self.read_anew(attachment), CONTENT)

    def test_what_was_read_is_read_while_s3_is_away(self):
        attachment = self.attach()
        for path in self.files():
            path.unlink()
        self.assertEqual(self.read_anew(attachment), CONTENT)
        self.s3_goes_away()
        self.assertEqual(self.read_anew(attachment), CONTENT)

    @mute_logger(STORE_LOG)
    def test_what_is_not_kept_is_an_error_never_empty(self):
        attachment = self.attach()
        for path in self.files():
            path.unlink()
        self.s3_goes_away()
        with self.assertRaises(StorageUnavailable):
            self.read_anew(attachment)

    def test_a_damaged_copy_is_read_from_s3(self):
        attachment = self.attach()
        (copy,) = self.files()
        copy.write_bytes(b"damaged")
        with self.assertLogs("odoo.addons.ha_attachment_s3.cache", "WARNING"):
            self.assertEqual(self.read_anew(attachment), CONTENT)
        self.assertEqual(copy.read_bytes(), CONTENT)

    def test_an_object_that_is_deleted_is_not_kept(self):
        attachment = self.attach()
        self.bucket().delete(parse(attachment.store_fname))
        self.assertEqual(self.files(), [])

    def test_nobody_else_can_read_the_directory(self):
        self.attach()
        for path in self.files():
            self.assertEqual(path.stat().st_mode & 0o077, 0)
            self.assertEqual(path.parent.stat().st_mode & 0o077, 0)

    def test_a_directory_that_cannot_be_written_to_loses_nothing(self):
        (self.directory / "file").write_text("in the way")
        self.configure(
            replace(self.settings, s3_cache_directory=str(self.directory / "file" / "cache"))
        )
        with self.assertLogs("odoo.addons.ha_attachment_s3.cache", "ERROR") as log:
            first, second = self.attach(), self.attach(os.urandom(100))
        self.assertEqual(len(log.output), 1)
        self.assertIn("s3_cache_directory", log.output[0])
        self.assertEqual(self.read_anew(first), CONTENT)
        self.assertEqual(len(self.read_anew(second)), 100)
