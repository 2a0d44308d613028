from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError

from ..placement import Rule

_PATTERN = "Empty: any or none. A * stands for any text; * alone: whatever is there."


class HaAttachmentRule(models.Model):
    """One line of what decides where contents are kept; see placement.py."""

    _name = "ha.attachment.rule"
    _description = "Where Attachments Are Kept"
    _order = "sequence, id"
    _rec_name = "note"

    note = fields.Char("What for", required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    storage = fields.Selection(
        [("db", "Database"), ("file", "Filestore"), ("s3", "Bucket")],
        string="Kept In",
        required=True,
        default="db",
        help="A filestore must be a disk that all Odoo nodes share.",
    )
    url = fields.Char("Served at", help=_PATTERN)
    res_model = fields.Char("Model", help=_PATTERN)
    res_field = fields.Char("Field", help=_PATTERN)
    mimetype = fields.Char("MIME Type", help=_PATTERN)
    smallest = fields.Integer("From Bytes")
    largest = fields.Integer("To Bytes", help="0: no limit")

    @api.constrains("smallest", "largest")
    def _check_sizes(self):
        for rule in self:
            if rule.smallest < 0 or rule.largest < 0 or 0 < rule.largest < rule.smallest:
                raise ValidationError(
                    self.env._("The sizes of the rule “%s” fit no attachment.", rule.note)
                )

    @api.model
    @tools.ormcache()
    def _rules(self):
        """The rules in force, in their order."""
        return tuple(
            Rule(
                storage=rule.storage,
                url=rule.url or None,
                model=rule.res_model or None,
                field=rule.res_field or None,
                mimetype=rule.mimetype or None,
                smallest=rule.smallest,
                largest=rule.largest,
            )
            for rule in self.sudo().search([])
        )

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()
