"""Carrying sessions between Odoo's files and Redis."""
