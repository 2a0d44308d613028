"""ha-sidecar: tells one node's Odoo which PostgreSQL server is the proven primary."""

__version__ = "0.1.0"
