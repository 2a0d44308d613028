{
    "name": "HA Sessions in Redis",
    "summary": "Sessions shared by all Odoo nodes, in Redis; in PostgreSQL while it is away",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["ha_base"],
    "external_dependencies": {"python": ["redis"]},
    "data": [],
    "installable": True,
}
