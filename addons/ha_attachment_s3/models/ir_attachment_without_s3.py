import os
from contextlib import suppress

from odoo import api, models
from odoo.addons.ha_base.settings import current
from odoo.http import Stream

from .. import filestore
from ..errors import ObjectDamaged, StorageUnavailable
from ..location import is_remote, parse
from ..settings import Settings


class IrAttachment(models.Model):
    """The files that a migration left behind: they wait for the grace period, too, and until then
    they are read where S3 can't be. Loaded after ir_attachment_serving.py, which asks S3."""

    _inherit = "ir.attachment"

    @api.model
    def _file_read(self, fname, size=None):
        try:
            return super()._file_read(fname, size)
        except (StorageUnavailable, ObjectDamaged):
            content = self._left_in_filestore(fname) if is_remote(fname) else None
            if content is None:
                raise
            return content if size is None else content[:size]

    def _to_http_stream(self):
        if is_remote(self.store_fname) and current(Settings).s3_bucket:
            # boto3 is only there where S3 is configured.
            from ..bucket import bucket

            content = self._left_in_filestore(self.store_fname) if bucket().away else None
            if content is not None:
                return Stream(
                    type="data",
                    data=content,
                    size=len(content),
                    mimetype=self.mimetype,
                    download_name=self.name,
                    etag=self.checksum,
                    public=self.public,
                    last_modified=self.write_date,
                )
        return super()._to_http_stream()

    @api.model
    def _left_in_filestore(self, name):
        """The verified content of this object, from where stock kept it; None: not there."""
        self.env.cr.execute(
            "SELECT checksum FROM ir_attachment WHERE store_fname = %s AND checksum IS NOT NULL"
            " LIMIT 1",
            [name],
        )
        row = self.env.cr.fetchone()
        if not row:
            return None
        content = filestore.read(self._full_path(f"{row[0][:2]}/{row[0]}"), row[0])
        return content if content is not None and parse(name).holds(content) else None

    def _gc_file_store_unsafe(self):
        # Stock's checklist may name them for an older reason: each file is put on it when it is
        # written. They come back to it from our checklist, in time.
        self.env.cr.execute(
            "SELECT store_fname FROM ha_attachment_garbage"
            " WHERE store_fname NOT LIKE 's3://%%'"
            "   AND marked_at >= (clock_timestamp() AT TIME ZONE 'UTC') - %s * interval '1 second'",
            [current(Settings).s3_garbage_grace],
        )
        for (name,) in self.env.cr.fetchall():
            with suppress(OSError):
                os.unlink(os.path.join(self._full_path("checklist"), name))
        return super()._gc_file_store_unsafe()
