{
    "name": "HA Base",
    "summary": "Settings, node identity and guarded patches of the Odoo HA suite",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["base"],
    "data": [],
    "post_load": "post_load",
    "installable": True,
}
