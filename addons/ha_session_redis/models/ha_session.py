"""The tables' life in a database: made at installation, emptied by the autovacuum."""

from odoo import api, models

from ..postgres import table


class HaSession(models.AbstractModel):
    """Abstract: sessions are no records; nobody but the session store reads them."""

    _name = "ha.session"
    _description = "Session Kept for an Outage of Redis"

    def init(self):  # pylint: disable=missing-return
        super().init()
        self.env.cr.execute(table.CREATE)

    @api.autovacuum
    def _gc_sessions_kept(self):
        for statement in table.PURGE:
            self.env.cr.execute(statement)
