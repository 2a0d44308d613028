from odoo import models
from odoo.addons.ha_base.settings import current
from odoo.http import Stream

from ..location import is_remote, parse
from ..pending import Pending
from ..settings import Settings


class IrAttachment(models.Model):
    """How objects in S3 reach a browser; see serving.py."""

    _inherit = "ir.attachment"

    def _to_http_stream(self):
        self.ensure_one()
        if not is_remote(self.store_fname):
            return super()._to_http_stream()
        values = {
            "size": self.file_size,
            "mimetype": self.mimetype,
            "download_name": self.name,
            "etag": self.checksum,
            "public": self.public,
            "last_modified": self.write_date,
        }
        waits = Pending(self.env.cr).find(self.store_fname) is not None
        if waits or not current(Settings).s3_bucket:
            return Stream(type="data", data=self.raw, **values)
        # boto3 is only there where S3 is configured.
        from ..serving import ObjectStream

        return ObjectStream(parse(self.store_fname), **values)
