{
    "name": "HA Cron Leader",
    "summary": "One node runs the scheduled actions; another takes over when it fails",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["ha_base"],
    "data": [
        "security/ir.model.access.csv",
        "views/ha_cron_lease_views.xml",
        "views/ha_cron_run_views.xml",
        "views/ir_cron_views.xml",
    ],
    "installable": True,
}
