"""The patches of Odoo that ha_health needs, one file a seam."""
