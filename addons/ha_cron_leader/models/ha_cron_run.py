from odoo import fields, models


class HaCronRun(models.Model):
    """How a job fared on a node. Written in SQL by the node that ran it."""

    _name = "ha.cron.run"
    _description = "Scheduled Action's Runs on a Node"
    _order = "ended_at desc"
    _rec_name = "node"
    _log_access = False

    cron_id = fields.Many2one(
        "ir.cron", "Scheduled action", required=True, readonly=True, ondelete="cascade"
    )
    job_pool = fields.Char(related="cron_id.job_pool")
    node = fields.Char(required=True, readonly=True)
    runs = fields.Integer(readonly=True)
    failures = fields.Integer(readonly=True)
    late = fields.Integer(
        readonly=True, help="Runs that began more than five minutes after they were due."
    )
    ended_at = fields.Datetime("Last ended", readonly=True)
    seconds = fields.Float("Last took", readonly=True, help="In seconds.")
    longest = fields.Float(readonly=True, help="In seconds.")
    status = fields.Char("Last status", readonly=True)

    _job_and_node = models.Constraint("UNIQUE (cron_id, node)", "A job has one row for each node.")
