{
    "name": "HA Dashboard",
    "summary": "One look tells whether the cluster is well; drain, switch over and more with a click",
    "version": "19.0.1.0.0",
    "category": "Administration",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": [
        "bus",
        "ha_attachment_s3",
        "ha_base",
        "ha_cron_leader",
        "ha_failover",
        "ha_health",
        "ha_session_redis",
        "web",
    ],
    "data": [
        "security/ir.model.access.csv",
        "views/ha_dashboard_views.xml",
    ],
    "assets": {
        "web.assets_backend": [
            "ha_dashboard/static/src/*",
            ("remove", "ha_dashboard/static/src/*.dark.scss"),
        ],
        "web.assets_web_dark": ["ha_dashboard/static/src/*.dark.scss"],
    },
    "application": True,
    "installable": True,
}
