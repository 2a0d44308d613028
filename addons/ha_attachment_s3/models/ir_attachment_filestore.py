import os
from contextlib import suppress

from odoo import models
from odoo.addons.ha_base.settings import current

from ..settings import Settings


class IrAttachment(models.Model):
    """Files that a migration left behind wait for the grace period, too."""

    _inherit = "ir.attachment"

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
