"""Odoo's own tests of cloud storage, with another provider chosen and this one installed beside it, and Odoo's
own migration with this one chosen."""

from unittest import SkipTest

import requests
from odoo.addons.cloud_storage_azure.tests import (
    test_cloud_storage_azure as azure,
)
from odoo.addons.cloud_storage_azure.tests import (
    test_cloud_storage_azure_attachment_controller as controller,
)
from odoo.tests import TransactionCase, tagged

from ..direct_name import parse
from .common import DirectUploads


class Installed:
    """Mixin: skipped where Odoo's addon is not in the database."""

    addon = "cloud_storage_azure"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.addon not in cls.env.registry._init_modules:
            raise SkipTest(f"{cls.addon} is not installed")


@tagged("post_install", "-at_install")
class TestAzureBeside(Installed, azure.TestCloudStorageAzure):
    pass


@tagged("post_install", "-at_install")
class TestAzureControllerBeside(Installed, controller.TestCloudStorageAttachmentController):
    pass


@tagged("post_install", "-at_install")
class TestMigration(Installed, DirectUploads, TransactionCase):
    addon = "cloud_storage_migration"

    def test_odoos_own_migration(self):
        self.env["ir.config_parameter"].set_param("ir_attachment.location", "file")
        attachment = self.attachments.create({"name": "Façade.pdf", "raw": self.content})
        self.assertFalse(attachment.store_fname.startswith("s3://"))
        attachment._migrate_local_to_cloud_storage(requests.Session())
        self.assertEqual((attachment.type, attachment.store_fname), ("cloud_storage", False))
        self.assertEqual(attachment.mimetype, "application/pdf")
        self.assertEqual(parse(attachment.url).size, len(self.content))
        self.assertEqual(self.read_anew(attachment), self.content)
