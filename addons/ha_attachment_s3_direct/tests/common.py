"""Direct uploads to the bucket that the running Odoo is configured for."""

import secrets

import requests
from odoo.addons.ha_attachment_s3.settings import Settings
from odoo.addons.ha_attachment_s3.tests.common import InBucket
from odoo.addons.ha_base.settings import current
from odoo.tests import common

TIMEOUT = 20
NAME = "Façade ®°⁉€∇ 『にㄅ㊀中한︸🌈 “a”/../b.pdf"


class DirectUploads(InBucket):
    """Mixin: the provider is S3. Odoo's tests block requests to elsewhere; here the bucket is none."""

    @classmethod
    def _request_handler(cls, s, r, /, **kw):
        if r.url.startswith(f"{current(Settings).s3_endpoint_url}/"):
            return common._super_send(s, r, **kw)
        return super()._request_handler(s, r, **kw)

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("cloud_storage_provider", "s3")
        self.partner = self.env["res.partner"].create({"name": "Somebody"})
        self.content = b"%PDF-1.4\n" + secrets.token_bytes(30_000)

    def invite(self, *, size=None, **values):
        """An attachment whose file is still to come, as the controller makes it."""
        attachment = self.attachments.sudo().create(
            {
                "name": NAME,
                "raw": b"",
                "res_model": "res.partner",
                "res_id": self.partner.id,
                **values,
            }
        )
        attachment._post_add_create(
            cloud_storage="true",
            cloud_storage_size=str(len(self.content) if size is None else size),
        )
        return attachment

    def put(self, attachment, content=None, **headers):
        """Upload as the browser would; the answer."""
        info = attachment._generate_cloud_storage_upload_info()
        return requests.request(
            info["method"],
            info["url"],
            data=self.content if content is None else content,
            headers=info["headers"] | headers,
            timeout=TIMEOUT,
        )

    def uploaded(self, **values):
        attachment = self.invite(**values)
        self.put(attachment).raise_for_status()
        attachment.invalidate_recordset()
        return attachment
