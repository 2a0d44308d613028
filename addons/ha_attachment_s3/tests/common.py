"""A prefix of its own in the bucket that the running Odoo is configured for."""

import importlib
import secrets
from dataclasses import replace
from unittest import SkipTest
from unittest.mock import patch

from odoo.addons.ha_base.settings import current
from odoo.tools import config

from ..location import parse
from ..settings import Settings

#: Above the size of a small image, below that of a slow test.
CONTENT = b"attachment %s " % secrets.token_hex(8).encode() * 5000


def configured() -> Settings:
    """The settings in force. These tests need the real thing: without S3 they are skipped."""
    settings = current(Settings)
    if "ha_base" in config["server_wide_modules"] and settings == Settings():
        # pytest-odoo imports test modules, and ha_base with them, before Odoo would have.
        raise AssertionError("ha_base's post_load did not run, or [ha] is empty: nothing to test")
    if not settings.s3_bucket:
        raise SkipTest("s3_bucket is not configured")
    return settings


class InBucket:
    """Mixin: attachments go below ``self.settings.s3_prefix``, which is emptied at the end."""

    def setUp(self):
        super().setUp()
        # Needs boto3, which an Odoo without the feature need not have.
        from ..bucket import bucket

        self.bucket = bucket
        self.configure(
            replace(configured(), s3_prefix=f"test/{secrets.token_hex(6)}", s3_cache_size=0)
        )
        self.client = bucket().client
        self.addCleanup(self._clean_up, self.settings)
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.search([("key", "=", "ir_attachment.location")]).unlink()
        self.attachments = self.env["ir.attachment"]

    def configure(self, settings):
        """Make these the settings in force until the test ends."""
        loaded = importlib.import_module("odoo.addons.ha_base.settings.load")._current
        patcher = patch.dict(loaded, {Settings: settings})
        patcher.start()
        self.addCleanup(patcher.stop)
        self.settings = settings

    def s3_goes_away(self):
        """Nothing listens at the endpoint any more."""
        self.configure(replace(self.settings, s3_endpoint_url="http://127.0.0.1:1", s3_attempts=2))

    def keys(self):
        answer = self.client.list_objects_v2(
            Bucket=self.settings.s3_bucket, Prefix=f"{self.settings.s3_prefix}/"
        )
        return sorted(entry["Key"] for entry in answer.get("Contents", ()))

    def attach(self, content=CONTENT, **values):
        attachment = self.attachments.create({"name": "file.bin", "raw": content, **values})
        self.env.cr.flush()  # as a commit does
        return attachment

    def read_anew(self, attachment):
        attachment.invalidate_recordset()
        return attachment.raw

    def put_behind_odoo(self, attachment, content):
        """Change the object as a broken disk would."""
        location = parse(attachment.store_fname)
        self.client.put_object(Bucket=location.bucket, Key=location.key, Body=content)

    def delete_behind_odoo(self, attachment):
        location = parse(attachment.store_fname)
        self.client.delete_object(Bucket=location.bucket, Key=location.key)

    def _clean_up(self, settings):
        self.settings = settings
        for key in self.keys():
            self.client.delete_object(Bucket=settings.s3_bucket, Key=key)
        with self.env.registry.cursor() as cr:
            cr.execute(
                "DELETE FROM ha_attachment_garbage WHERE store_fname LIKE %s",
                [f"s3://{settings.s3_bucket}/{settings.s3_prefix}/%"],
            )
