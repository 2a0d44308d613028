import logging
import time

from odoo import api, fields, models
from odoo.addons.ha_cron_leader import report as cron_report
from odoo.exceptions import AccessError, UserError
from odoo.http import request

from .. import facts, live, process, sidecar
from ..ledger import cost
from ..outages import seconds

_logger = logging.getLogger(__name__)

#: The bus's message with a node's facts.
NEWS = "ha_dashboard/node"
#: Seconds for which the nodes tell the bus after somebody looked.
_LOOKS = 60
_GROUP = "base.group_system"


class HaDashboardNode(models.Model):
    """What a node last said of itself. Written in SQL by that node; orders for it by others."""

    _name = "ha.dashboard.node"
    _description = "Node of the Cluster"
    _order = "node"
    _rec_name = "node"
    _log_access = False

    node = fields.Char(required=True, readonly=True)
    facts = fields.Json(readonly=True)
    seen_at = fields.Datetime(readonly=True, help="By the database's clock.")
    watched_until = fields.Datetime(readonly=True)
    ordered = fields.Json(readonly=True, help="What the node shall do, until it has done it.")
    refusal = fields.Char(readonly=True, help="Why it didn't do what was ordered last.")

    _node_unique = models.Constraint("UNIQUE (node)", "A node has one row.")

    def _register_hook(self):
        """A node on which the suite isn't active can only tell that when it loads the database."""
        result = super()._register_hook()
        if not facts.is_active():
            self._write_facts(facts.gather())
        return result

    # -- what the nodes do

    def _write_facts(self, found):
        """Keep ``found``; return whether somebody looks, and what is ordered of the node.

        Histories are left out: the bus has them, and each write is as long as what is kept.
        """
        kept = dict(found)
        if "sidecar" in kept:
            kept["sidecar"] = {**kept["sidecar"], "outages": [], "lag": None}
        self.env.cr.execute(
            """
            INSERT INTO ha_dashboard_node AS node (node, facts, seen_at)
            VALUES (%s, %s, now() AT TIME ZONE 'UTC')
            ON CONFLICT (node) DO UPDATE SET facts = EXCLUDED.facts, seen_at = EXCLUDED.seen_at
            RETURNING node.watched_until > now() AT TIME ZONE 'UTC', node.ordered
            """,
            [found["node"], fields.Json().convert_to_column_insert(kept, self)],
        )
        watched, ordered = self.env.cr.fetchone()
        return bool(watched), ordered

    @api.model
    def _report(self, found):
        """Write this node's facts and what it recorded; tell the bus when somebody looks."""
        watched, ordered = self._write_facts(found)
        self.env["ha.dashboard.outage"]._record(found["node"], self._outages(found), time.time())
        if watched:
            self.env["bus.bus"]._sendone(self.env.ref(_GROUP), NEWS, found)
        return watched, ordered

    @api.model
    def _answer(self, node, refusal):
        """The node did what was ordered, or refused it."""
        self.env.cr.execute(
            "UPDATE ha_dashboard_node SET ordered = NULL, refusal = %s WHERE node = %s",
            [refusal or None, node],
        )

    def _outages(self, found):
        """The sidecar's records, each with what it cost this node's users, where that is known."""
        records = (found.get("sidecar") or {}).get("outages") or []
        shared = process.node()
        rows, since = (shared.ledger.rows(), shared.since) if shared else ([], None)
        told = []
        for place, record in enumerate(records):
            began, ended = seconds(record["began_at"]), seconds(record["ended_at"])
            following = records[place + 1 : place + 2]
            until = seconds(following[0]["began_at"]) if following else time.time() + 1
            known = since is not None and began > max(since, time.time() - 900)
            spent = cost(rows, began, ended or time.time(), until) if known else None
            told.append({**record, "cost": spent})
        return told

    # -- what the page asks

    @api.model
    def get_state(self):
        """All that there is to show, and from now on the nodes tell the bus what changes."""
        self._require_administrator()
        if request:
            live.admit(request.session)
        nodes = self.sudo()
        nodes._keep_watched()
        own = facts.gather()
        return {
            "own": own,
            "nodes": nodes._nodes(own["node"]),
            "pools": cron_report.status(self.env.cr)["pools"],
            "migrations": nodes._migrations(),
            "outages": nodes.env["ha.dashboard.outage"]._merged(),
        }

    def _keep_watched(self):
        self.env.cr.execute(
            """
            UPDATE ha_dashboard_node
               SET watched_until = now() AT TIME ZONE 'UTC' + %s * interval '1 second'
             WHERE watched_until IS NULL
                OR watched_until < now() AT TIME ZONE 'UTC' + %s * interval '1 second'
            """,
            [_LOOKS, _LOOKS / 2],
        )

    def _nodes(self, own):
        self.env.cr.execute(
            """
            SELECT node, facts, refusal,
                   extract(epoch FROM now() AT TIME ZONE 'UTC' - seen_at)::float8
              FROM ha_dashboard_node WHERE node <> %s ORDER BY node
            """,
            [own],
        )
        return [
            {"node": node, "facts": found, "refusal": refusal, "age": age}
            for node, found, refusal, age in self.env.cr.fetchall()
        ]

    def _migrations(self):
        running = self.env["ha.attachment.migration"].search(
            [("state", "in", ("running", "paused"))]
        )
        return running.read(["to", "state", "progress", "moved", "total", "left_alone"])

    # -- what administrators have done

    @api.model
    def order_drain(self, node, drain):
        """Take a node out of the balancers, or back: at once where it is asked, else within seconds."""
        self._require_administrator()
        self._audit("drain" if drain else "undrain", node)
        wanted = {"drain": bool(drain), "by": self.env.user.login}
        if node == facts.node_id():
            self._command("/drain", wanted)
            return True
        column = fields.Json().convert_to_column_insert(wanted, self)
        self.env.cr.execute(
            "UPDATE ha_dashboard_node SET ordered = %s, refusal = NULL WHERE node = %s"
            " AND seen_at > now() AT TIME ZONE 'UTC' - interval '1 minute'",
            [column, node],
        )
        if not self.env.cr.rowcount:
            raise UserError(
                self.env._("The node %s was not heard of for a minute: nothing was ordered.", node)
            )
        return True

    @api.model
    def order_switchover(self, candidate):
        """Make ``candidate`` the primary; the sidecar's progress tells how it goes."""
        self._require_administrator()
        self._audit("switchover", candidate)
        self._command("/switchover", {"candidate": candidate, "by": self.env.user.login})
        return True

    @api.model
    def order_step_down(self, pool):
        """The node that runs a pool's scheduled actions hands it over."""
        self._require_administrator()
        self._audit("step down", pool)
        lease = self.env["ha.cron.lease"].search([("job_pool", "=", pool)])
        if not lease:
            raise UserError(self.env._("No node leads the pool %s.", pool))
        lease.action_step_down()
        return True

    @api.model
    def order_silence(self, alert, seconds):
        """Tell nobody of an alert for so long."""
        self._require_administrator()
        self._audit("silence", alert)
        wanted = {"id": alert, "seconds": seconds, "by": self.env.user.login}
        self._command("/alerts/silence", wanted)
        return True

    @api.model
    def forget(self, node):
        """Drop the row of a node that is gone for good."""
        self._require_administrator()
        self._audit("forget", node)
        self.sudo().search([("node", "=", node)]).unlink()
        return True

    def _command(self, path, wanted):
        try:
            return sidecar.order(path, wanted)
        except (sidecar.SidecarAway, sidecar.OrderRefused) as error:
            _logger.info("Refused to %s: %s", self.env.user.login, error)
            raise UserError(str(error)) from None

    def _audit(self, what, of):
        user = self.env.user
        _logger.info("Ordered by %s (user %d): %s %r", user.login, user.id, what, of)

    def _require_administrator(self):
        if not self.env.user.has_group(_GROUP):
            raise AccessError(self.env._("The cluster is shown to system administrators only."))
