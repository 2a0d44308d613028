{
    "name": "HA Health",
    "summary": "/web/health says whether this node can serve; checks of the cluster, and alerts",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["ha_base", "web"],
    "data": [
        "security/ir.model.access.csv",
        "views/ha_check_views.xml",
        "data/ir_cron.xml",
    ],
    "installable": True,
}
