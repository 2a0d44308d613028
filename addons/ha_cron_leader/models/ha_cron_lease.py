from odoo import fields, models


class HaCronLease(models.Model):
    """Who may run the scheduled actions of a pool. Written by the nodes' keepers in SQL only."""

    _name = "ha.cron.lease"
    _description = "Scheduled Actions Lease"
    _order = "job_pool"
    _rec_name = "job_pool"
    _log_access = False

    job_pool = fields.Char(required=True, readonly=True, help="The group of jobs it is for.")
    holder = fields.Char(
        required=True, readonly=True, help="The node that runs the jobs, and which start of it."
    )
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
    backend_pid = fields.Integer(
        string="Session", readonly=True, help="The database session that renewed it last."
    )
    backend_start = fields.Datetime(string="Session start", readonly=True)

    _pool_unique = models.Constraint("UNIQUE (job_pool)", "A pool has one lease.")
    # The token must stand in a unique index: only then does a new grant wait for transactions
    # that checked the old one (statements.CHECK).
    _token_index = models.UniqueIndex("(job_pool, token)")
