"""The patches of Odoo that ha_cron_leader needs, one file a seam."""
