"""The patches of Odoo that ha_failover needs, one file a seam."""
