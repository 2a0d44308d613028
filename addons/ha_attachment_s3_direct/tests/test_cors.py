"""Whether pages of Odoo may use the bucket: the settings page tries it, and nobody else may."""

from unittest.mock import patch

import requests
from odoo.addons.ha_attachment_s3.tests.test_security import RequestsToS3
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged

from .common import TIMEOUT, DirectUploads


@tagged("post_install", "-at_install")
class TestCors(RequestsToS3, DirectUploads, TransactionCase):
    def test_the_settings_page_tries_an_upload(self):
        self.env["ir.config_parameter"].set_param("cloud_storage_provider", False)
        page = self.env["res.config.settings"].create({"cloud_storage_provider": "s3"})
        self.assertIn(self.settings.s3_bucket, page.s3_direct_place)
        page.execute()
        self.assertEqual(self.keys(), [])
        self.s3_goes_away()
        self.env["ir.config_parameter"].set_param("cloud_storage_provider", False)
        with self.assertRaisesRegex(UserError, "trial upload"):
            page.execute()

    def test_a_bucket_that_lets_no_page_in_is_told_to(self):
        from .. import cors

        other = {"AllowedOrigins": ["https://other.example"], "AllowedMethods": ["GET"]}
        rules = [{**other, "MaxAgeSeconds": 10}]
        self.client.put_bucket_cors(
            Bucket=self.settings.s3_bucket, CORSConfiguration={"CORSRules": rules}
        )
        self.addCleanup(self.client.delete_bucket_cors, Bucket=self.settings.s3_bucket)
        with (
            patch.object(cors, "_rules", side_effect=self.denied()),
            self.assertRaisesRegex(UserError, "s3:PutBucketCORS"),
        ):
            self.env["res.config.settings"]._setup_cloud_storage_provider()
        self.env["res.config.settings"]._setup_cloud_storage_provider()
        found = self.client.get_bucket_cors(Bucket=self.settings.s3_bucket)["CORSRules"]
        self.assertEqual(found, [cors.RULE, *rules])

    def test_a_rule_that_hides_the_files_name_is_not_enough(self):
        from .. import cors

        older = {**cors.RULE, "ExposeHeaders": ["ETag"]}
        self.client.put_bucket_cors(
            Bucket=self.settings.s3_bucket, CORSConfiguration={"CORSRules": [older]}
        )
        self.addCleanup(self.client.delete_bucket_cors, Bucket=self.settings.s3_bucket)
        self.env["res.config.settings"]._setup_cloud_storage_provider()
        found = self.client.get_bucket_cors(Bucket=self.settings.s3_bucket)["CORSRules"]
        self.assertEqual(found, [cors.RULE, older])

    def denied(self):
        from botocore.exceptions import ClientError

        answer = {
            "Error": {"Code": "AccessDenied"},
            "ResponseMetadata": {"HTTPStatusCode": 403},
        }
        return ClientError(answer, "GetBucketCors")

    def test_no_bucket_and_no_object_is_made_public(self):
        self.addCleanup(self.client.delete_bucket_cors, Bucket=self.settings.s3_bucket)
        self.client.delete_bucket_cors(Bucket=self.settings.s3_bucket)
        self.env["res.config.settings"]._setup_cloud_storage_provider()
        attachment = self.uploaded(public=True)
        self.assertEqual(self.read_anew(attachment), self.content)
        self.assertIn("cors", {query for _method, query, _headers in self.sent})
        self.assert_nothing_public()
        for link in (
            attachment._generate_cloud_storage_upload_info()["url"],
            attachment._direct_link(download=True),
        ):
            self.assertNotIn("acl", link.partition("?")[2].lower())
            self.assertEqual(requests.get(link.partition("?")[0], timeout=TIMEOUT).status_code, 403)
