from odoo import api, models

from ..direct_name import parse


class HaAttachmentGarbage(models.Model):
    """Directly uploaded files are on the checklist, too: from before their upload, and when the last
    attachment lets go of them."""

    _inherit = "ha.attachment.garbage"

    @api.model
    def _is_referred_to(self, cr, name):
        if not parse(name):
            return super()._is_referred_to(cr, name)
        cr.execute("SELECT 1 FROM ir_attachment WHERE url = %s LIMIT 1", [name])
        return bool(cr.fetchone())

    @api.model
    def _used_of_others(self, owner):
        self.env.cr.execute(
            "SELECT DISTINCT url FROM ir_attachment WHERE type = 'cloud_storage'"
            " AND url LIKE 's3://%%' AND url NOT LIKE %s",
            [f"%/{owner}/%"],
        )
        direct = [url for (url,) in self.env.cr.fetchall() if parse(url)]
        return super()._used_of_others(owner) + direct

    @api.model
    def _delete_object(self, name):
        direct = parse(name)
        if not direct:
            return super()._delete_object(name)
        # boto3 is only there where S3 is configured.
        from ..objects import delete

        return delete(direct)
