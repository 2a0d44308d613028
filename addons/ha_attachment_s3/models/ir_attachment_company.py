from dataclasses import dataclass

from odoo import api, models
from odoo.addons.ha_base.settings import current

from ..settings import Settings

_BUCKET = "ha_attachment_bucket"


@dataclass(frozen=True)
class _Bucket:
    """A context value that no client can send: it decides where contents are stored."""

    name: str


class IrAttachment(models.Model):
    """Companies with a bucket of their own (s3_company_buckets). An object's name says its
    bucket, so reading needs to know nothing of this, and a company that changes moves nothing."""

    _inherit = "ir.attachment"

    @api.model
    def _s3_bucket(self):
        bucket = self.env.context.get(_BUCKET)
        return bucket.name if isinstance(bucket, _Bucket) else super()._s3_bucket()

    @api.model_create_multi
    def create(self, vals_list):
        settings = current(Settings)
        if not settings.s3_company_buckets or isinstance(self.env.context.get(_BUCKET), _Bucket):
            return super().create(vals_list)
        default = self.env.context.get("default_company_id", self.env.company.id)
        buckets = [settings.bucket_of(vals.get("company_id", default)) for vals in vals_list]
        created = {}
        for name in sorted(set(buckets)):
            rows = [index for index, bucket in enumerate(buckets) if bucket == name]
            records = self.with_context(**{_BUCKET: _Bucket(name)}).create(
                [vals_list[index] for index in rows]
            )
            created.update(zip(rows, records._ids, strict=True))
        return self.browse([created[index] for index in range(len(vals_list))])

    def _set_attachment_data(self, asbytes):
        settings = current(Settings)
        if not settings.s3_company_buckets or isinstance(self.env.context.get(_BUCKET), _Bucket):
            return super()._set_attachment_data(asbytes)
        by_bucket = self.grouped(
            lambda attachment: settings.bucket_of(attachment.sudo().company_id.id)
        )
        for name, attachments in by_bucket.items():
            attachments.with_context(**{_BUCKET: _Bucket(name)})._set_attachment_data(asbytes)
        return None
