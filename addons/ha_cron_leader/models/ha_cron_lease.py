import psycopg2
from odoo import api, fields, models, sql_db

from .. import statements
from ..facts import LATE
from ..presence import CHANNEL

_REASONS = [
    ("first", "It was the first"),
    ("stopped", "The former node was stopped"),
    ("handed over", "The former node handed it over"),
    ("gone", "The former node died"),
    ("silent", "The former node was silent for too long"),
]


class HaCronLease(models.Model):
    """Who may run the scheduled actions of a pool. Written by the nodes' keepers in SQL only."""

    _name = "ha.cron.lease"
    _description = "Scheduled Actions Lease"
    _order = "job_pool"
    _rec_name = "job_pool"
    _log_access = False

    job_pool = fields.Char("Pool", required=True, readonly=True, help="The jobs it is for.")
    holder = fields.Char(readonly=True, help="The node that runs the jobs, and which start of it.")
    token = fields.Integer(
        required=True,
        readonly=True,
        help="Rises each time another node is granted the lease. What a job of an earlier "
        "holder tries to commit is rolled back.",
    )
    acquired_at = fields.Datetime(
        string="Holder since", required=True, readonly=True, help="By the database's clock."
    )
    expires_at = fields.Datetime(
        required=True,
        readonly=True,
        help="When another node may take it unless it is renewed. By the database's clock.",
    )
    previous = fields.Char("Former holder", readonly=True)
    reason = fields.Selection(_REASONS, "Why it changed", readonly=True)
    paused = fields.Boolean(readonly=True, help="No action of the pool is started.")
    rank = fields.Integer(
        "Preference", readonly=True, help="The pool's place in the holder's cron_pools, from 0."
    )
    ended = fields.Char(readonly=True, help="Why the holder let it go.")
    wanted_by = fields.Char(readonly=True, help="A node that prefers this pool and waits for it.")
    wanted_rank = fields.Integer(readonly=True)
    wanted_until = fields.Datetime(readonly=True)
    barred = fields.Char("Stepped down", readonly=True, help="Who shall not take it back yet.")
    barred_until = fields.Datetime(readonly=True)
    backend_pid = fields.Integer(
        string="Session", readonly=True, help="The database session of the holder's keeper."
    )
    server_start = fields.Datetime(
        readonly=True, help="Since when the server runs on which the holder renewed."
    )
    state = fields.Selection(
        [("led", "Led"), ("paused", "Paused"), ("unserved", "No node serves it")],
        compute="_compute_state",
    )
    jobs = fields.Integer(compute="_compute_state", help="Active scheduled actions of the pool.")
    late_jobs = fields.Integer(
        compute="_compute_state", help="Those due for more than five minutes and not run yet."
    )

    _pool_unique = models.Constraint("UNIQUE (job_pool)", "A pool has one lease.")
    # The token must stand in a unique index: only then does a new grant wait for transactions
    # that checked the old one (statements.CHECK).
    _token_index = models.UniqueIndex("(job_pool, token)")

    def _compute_state(self):
        self.env.cr.execute(
            "SELECT job_pool, count(*), count(*) FILTER (WHERE nextcall < now() AT TIME ZONE 'UTC'"
            " - %s * interval '1 second') FROM ir_cron WHERE active GROUP BY 1",
            [LATE],
        )
        counted = {pool: (jobs, late) for pool, jobs, late in self.env.cr.fetchall()}
        self.env.cr.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC'")
        (now,) = self.env.cr.fetchone()
        for lease in self:
            led = "paused" if lease.paused else "led"
            lease.state = led if lease.expires_at > now else "unserved"
            lease.jobs, lease.late_jobs = counted.get(lease.job_pool, (0, 0))

    # -- what administrators do

    def action_step_down(self):
        """The holder hands the pool over once its jobs have ended."""
        self._require_administrator()
        for lease in self:
            self.env.cr.execute(statements.STEP_DOWN, [lease.job_pool])
        self._tell_nodes()

    def action_pause(self):
        """No job of the pool is started any more."""
        self._set_paused(True)

    def action_resume(self):
        """Jobs are started again."""
        self._set_paused(False)

    def _set_paused(self, paused):
        self._require_administrator()
        for lease in self:
            values = {"pool": lease.job_pool, "paused": paused}
            self.env.cr.execute(statements.PAUSE, values)
        self._tell_nodes()

    def _require_administrator(self):
        if not self.env.su:
            self.check_access("read")  # system administrators only

    def _tell_nodes(self):
        self.invalidate_recordset()
        database = self.env.cr.dbname
        self.env.cr.postcommit.add(lambda: tell_nodes(database))

    @api.model
    def _open_pools(self):
        """Pools that have jobs and no lease, for lack of a node that serves them."""
        self.env.cr.execute(
            "SELECT DISTINCT job_pool FROM ir_cron WHERE active"
            " EXCEPT SELECT job_pool FROM ha_cron_lease"
        )
        return [pool for (pool,) in self.env.cr.fetchall()]

    @api.model
    def action_open(self):
        """The list, with a row for every pool that has jobs."""
        self._require_administrator()
        for pool in self._open_pools():
            self.env.cr.execute(statements.PAUSE, {"pool": pool, "paused": False})
        return self.env["ir.actions.act_window"]._for_xml_id("ha_cron_leader.ha_cron_lease_action")


def tell_nodes(database):
    """Let the nodes' keepers look at the leases of ``database`` now."""
    try:
        with sql_db.db_connect("postgres").cursor() as cr:
            cr.execute("SELECT pg_notify(%s, %s)", [CHANNEL, database])
    except psycopg2.Error:
        return  # they look anyway, a few seconds later
