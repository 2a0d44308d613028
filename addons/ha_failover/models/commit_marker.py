"""The marker table's life in a database: made at installation, purged by a scheduled action."""

from odoo import api, models

from ..marker import table


class CommitMarker(models.AbstractModel):
    """Abstract: a marker is a row with a token, not a record; nobody reads it through the ORM."""

    _name = "ha.commit.marker"
    _description = "Commit Marker"

    def init(self):  # pylint: disable=missing-return
        super().init()
        self.env.cr.execute(table.CREATE)
        self.env.cr.execute(table.UPGRADE)
        self.env.cr.execute(table.KEEP_SMALL)

    @api.model
    def _purge(self):
        self.env.cr.execute(table.PURGE, (table.KEEP,))
