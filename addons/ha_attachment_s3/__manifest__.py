{
    "name": "HA Attachments on S3",
    "summary": "Attachments shared by all Odoo nodes, in an S3-compatible bucket",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["ha_base", "base_setup"],
    "external_dependencies": {"python": ["boto3"]},
    "data": [
        "security/ir.model.access.csv",
        "data/ha_attachment_rule.xml",
        "data/ir_cron.xml",
        "views/ha_attachment_views.xml",
        "views/res_config_settings_views.xml",
    ],
    "installable": True,
}
