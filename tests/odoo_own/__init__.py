"""Odoo's own tests, with and without the suite."""
