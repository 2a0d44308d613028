from odoo import fields, models
from odoo.addons.ha_base.settings import current

from ..settings import Settings


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    ha_attachment_bucket = fields.Char("Bucket", compute="_compute_ha_attachment_bucket")

    def _compute_ha_attachment_bucket(self):
        self.ha_attachment_bucket = current(Settings).s3_bucket
