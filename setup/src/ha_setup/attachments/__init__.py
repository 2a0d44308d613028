"""`odoo-ha attachments`: the attachments of a database, moved and audited."""
