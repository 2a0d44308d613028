{
    "name": "HA Failover",
    "summary": "Requests caught by a database failover are held and answered, exactly once",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["ha_base"],
    "data": ["data/ir_cron.xml"],
    "installable": True,
}
