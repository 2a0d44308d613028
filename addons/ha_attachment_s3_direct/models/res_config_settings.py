from odoo import fields, models
from odoo.addons.ha_attachment_s3.errors import StorageUnavailable
from odoo.addons.ha_attachment_s3.settings import Settings
from odoo.addons.ha_base.settings import current
from odoo.exceptions import UserError

from ..direct_name import invent

_PROBE_SIZE = 16  # bytes


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    cloud_storage_provider = fields.Selection(selection_add=[("s3", "S3")])
    s3_direct_place = fields.Char(
        "Bucket",
        compute="_compute_s3_direct_place",
        help="From odoo.conf; each Odoo node has the same.",
    )

    def _compute_s3_direct_place(self):
        settings = current(Settings)
        address = settings.s3_public_endpoint_url or settings.s3_endpoint_url
        place = " · ".join(filter(None, (settings.s3_bucket, address, settings.s3_region)))
        self.s3_direct_place = place if settings.s3_bucket else False

    def _get_cloud_storage_configuration(self):
        """What is in force, without any secret; empty where odoo.conf names no bucket."""
        if self._cloud_storage_provider() != "s3":
            return super()._get_cloud_storage_configuration()
        settings = current(Settings)
        if not settings.s3_bucket:
            return {}
        return {
            "bucket": settings.s3_bucket,
            "endpoint": settings.s3_endpoint_url,
            "public_endpoint": settings.s3_public_endpoint_url,
        }

    def _setup_cloud_storage_provider(self):
        """Upload as a browser would, before anybody has to."""
        if self._cloud_storage_provider() != "s3":
            return super()._setup_cloud_storage_provider()
        # boto3 is only there where S3 is configured.
        from ..cors import CorsRefused, check_upload

        prefix = self.env["ir.attachment"]._s3_prefix()
        probe = invent(current(Settings).s3_bucket, prefix, 0, _PROBE_SIZE)
        origin = self.env["ir.config_parameter"].sudo().get_param("web.base.url")
        self.env["ha.attachment.garbage"].sudo()._mark([probe.url])
        try:
            check_upload(probe, origin)
        except CorsRefused as error:
            raise UserError(
                self.env._(
                    "The bucket %(bucket)s does not let pages of %(origin)s upload, and Odoo's S3 "
                    "credentials may not change that. Give the bucket a CORS rule with the origin "
                    "%(origin)s, the methods GET, HEAD and PUT and the header Content-Type, or give "
                    "the credentials s3:GetBucketCORS and s3:PutBucketCORS.",
                    bucket=probe.bucket,
                    origin=origin,
                )
            ) from error
        except StorageUnavailable as error:
            raise UserError(
                self.env._(
                    "A trial upload to the bucket failed. Check the s3_ settings in the section [ha] "
                    "of odoo.conf, and that this server, too, reaches s3_public_endpoint_url. The "
                    "log says more."
                )
            ) from error
        return None

    def _check_cloud_storage_uninstallable(self):
        if self._cloud_storage_provider() != "s3":
            return super()._check_cloud_storage_uninstallable()
        # Another provider, or none, may be chosen: what was uploaded is read by its URL all the same.
        return None

    def _cloud_storage_provider(self):
        return self.env["ir.config_parameter"].sudo().get_param("cloud_storage_provider")
