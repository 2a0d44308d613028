"""Odoo's own attachment tests, on S3: only where they look at the disk, they look at S3."""

import os
from dataclasses import replace
from unittest.mock import patch

from odoo import api
from odoo.addons.base.tests import test_ir_attachment
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..location import SCHEME, parse
from .common import InBucket


@tagged("post_install", "-at_install")
class TestIrAttachmentOnS3(InBucket, test_ir_attachment.TestIrAttachment):
    def setUp(self):
        super().setUp()
        location = self.attachments._s3_locate(self.blob1)
        self.blob1_fname = location.store_fname
        isfile = os.path.isfile

        def is_object(path):
            _filestore, scheme, name = str(path).partition(SCHEME)
            self.env.cr.flush()  # objects are stored just before the commit
            return self._exists(parse(scheme + name)) if scheme else isfile(path)

        patcher = patch.object(os.path, "isfile", is_object)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _exists(self, location):
        found = self.client.list_objects_v2(Bucket=location.bucket, Prefix=location.key)
        return bool(found["KeyCount"])

    def _collect_at_once(self, _records=None):
        """On a cursor of its own, which sees no attachment of this test: all is garbage."""
        self.env.cr.flush()
        self.configure(replace(self.settings, s3_garbage_grace=0))
        with self.registry.cursor() as cr:
            api.Environment(cr, self.env.uid, {})["ha.attachment.garbage"]._collect()

    def test_12_gc(self):
        with patch.object(
            self.registry["ir.attachment"], "_gc_file_store_unsafe", self._collect_at_once
        ):
            return super().test_12_gc()

    def test_13_rollback(self):
        with patch.object(
            self.registry["ir.attachment"], "_gc_file_store_unsafe", self._collect_at_once
        ):
            return super().test_13_rollback()


@tagged("post_install", "-at_install")
class TestPermissionsOnS3(InBucket, test_ir_attachment.TestPermissions):
    @mute_logger("odoo.addons.ha_attachment_s3.store")
    def test_write_error(self):
        self.s3_goes_away()
        with self.assertRaises(UserError):
            self.attachments._file_write(b"test", "test")
            self.env.cr.flush()
        self.env.cr.precommit.clear()
