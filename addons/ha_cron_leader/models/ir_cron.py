import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import fence, process


class IrCron(models.Model):
    _inherit = "ir.cron"

    job_pool = fields.Char(
        "Pool",
        default="main",
        required=True,
        help="The actions of a pool run on one node at a time, on one that has the pool among "
        "its cron_pools. Another pool can run on another node.",
    )

    @api.constrains("job_pool")
    def _check_job_pool(self):
        for job in self:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", job.job_pool or ""):
                raise ValidationError(
                    self.env._(
                        "The pool %r must be a name of letters, digits, - and _, as cron_pools "
                        "has it in the nodes' odoo.conf.",
                        job.job_pool,
                    )
                )

    @api.model
    def _commit_progress(self, *args, **kwargs):
        """When another node shall run the pool, no time is left: a job that works in batches
        ends after this one, and goes on there."""
        left = super()._commit_progress(*args, **kwargs)
        lease = fence.fenced_by()
        return 0.0 if lease is not None and process.wanted_elsewhere(lease) else left
