from datetime import UTC

from odoo import api, fields, models
from odoo.addons.ha_failover.marker import table
from odoo.tools import SQL

from ..outages import merge, seconds

#: Seconds after its end in which what is known of an outage still grows.
_GROWS = 300.0
#: Records that are kept, of all nodes.
_MOST = 500


class HaDashboardOutage(models.Model):
    """What one node recorded of one outage of the database. Written in SQL by that node only."""

    _name = "ha.dashboard.outage"
    _description = "Recorded Outage of the Database"
    _order = "began_at desc, id desc"
    _rec_name = "node"
    _log_access = False

    node = fields.Char(required=True, readonly=True)
    began_at = fields.Char(required=True, readonly=True)
    document = fields.Json(readonly=True)

    _once = models.Constraint("UNIQUE (node, began_at)", "A node records an outage once.")

    @api.model
    def _record(self, node, records, now):
        """Keep ``records``, this node's: one that still grows takes the place of what was kept.

        What it lacks that was known before (its cost, where the node was restarted since) stays.
        """
        self.env.cr.execute("SELECT began_at FROM ha_dashboard_outage WHERE node = %s", [node])
        recorded = {began_at for (began_at,) in self.env.cr.fetchall()}
        for record in records:
            ended = seconds(record["ended_at"])
            if record["began_at"] in recorded and ended is not None and now - ended > _GROWS:
                continue
            first = record["promoted_at"] and self._first_write(record["promoted_at"])
            whole = {**record, "first_write_at": first}
            known = {name: value for name, value in whole.items() if value is not None}
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO ha_dashboard_outage (node, began_at, document) VALUES (%s, %s, %s)
                    ON CONFLICT (node, began_at)
                    DO UPDATE SET document = ha_dashboard_outage.document || %s
                    """,
                    node,
                    record["began_at"],
                    fields.Json().convert_to_column_insert(whole, self),
                    fields.Json().convert_to_column_insert(known, self),
                )
            )

    @api.model
    def _first_write(self, promoted_at):
        """When the first transaction wrote after ``promoted_at``; None when none did within the time
        for which ha_failover keeps its markers."""
        nanoseconds = int((seconds(promoted_at) or 0.0) * 1e9)
        least = (nanoseconds // 1_000_000) << 80
        self.env.cr.execute(
            SQL(
                "SELECT created_at FROM %s WHERE token >= %s::uuid AND created_at >= %s"
                " ORDER BY token LIMIT 1",
                SQL.identifier(table.TABLE),
                f"{least:032x}",
                promoted_at,
            )
        )
        found = self.env.cr.fetchone()
        return found and found[0].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    @api.model
    def _merged(self):
        """One history of what the nodes recorded, newest first."""
        found = self.search_read([], ["node", "document"], limit=_MOST)
        return merge((one["node"], one["document"]) for one in found)

    @api.autovacuum
    def _forget_oldest(self):
        self.env.cr.execute(
            "DELETE FROM ha_dashboard_outage WHERE id NOT IN"
            " (SELECT id FROM ha_dashboard_outage ORDER BY began_at DESC LIMIT %s)",
            [_MOST],
        )
