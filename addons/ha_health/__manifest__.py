{
    "name": "HA Health",
    "summary": "/web/health says whether this node can serve: role, age, held requests",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["ha_base", "web"],
    "data": [],
    "installable": True,
}
