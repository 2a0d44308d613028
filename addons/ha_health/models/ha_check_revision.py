from odoo import fields, models


class HaCheckRevision(models.Model):
    """What a check said, from each change of it on. Written by ``ha.check`` only."""

    _name = "ha.check.revision"
    _description = "Cluster Check Revision"
    _order = "id desc"
    _rec_name = "code"

    check_id = fields.Many2one(
        "ha.check", readonly=True, ondelete="set null", index=True, copy=False
    )
    code = fields.Char(required=True, readonly=True)
    change = fields.Selection(
        [("created", "Created"), ("changed", "Changed"), ("deleted", "Deleted")],
        required=True,
        readonly=True,
    )
    expression = fields.Char(readonly=True)
    severity = fields.Char(readonly=True)
    message = fields.Char(readonly=True)
    enabled = fields.Boolean(readonly=True)
    details = fields.Char(readonly=True, help="For each, seconds to raise and to clear, muted by.")
