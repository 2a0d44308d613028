{
    "name": "HA Direct Uploads to S3",
    "summary": "Large chatter files go from the browser to the bucket and back, past Odoo",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Odoo HA",
    "website": "https://github.com/odoo-ha/odoo-ha",
    "license": "LGPL-3",
    "depends": ["ha_attachment_s3", "cloud_storage"],
    "data": ["views/settings.xml"],
    "assets": {
        "web.assets_backend": ["ha_attachment_s3_direct/static/src/*.js"],
        "mail.assets_public": ["ha_attachment_s3_direct/static/src/*.js"],
    },
    "uninstall_hook": "uninstall_hook",
    "installable": True,
}
