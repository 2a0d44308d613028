"""The patches of Odoo that ha_dashboard needs, one file a seam."""
