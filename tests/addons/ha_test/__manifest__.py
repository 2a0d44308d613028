{
    "name": "HA Test",
    "summary": "Requests that a test can interrupt at a known point; for tests only",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tests",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["base", "web"],
    "data": ["security/ir.model.access.csv"],
}
