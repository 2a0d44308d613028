"""Setup: brings up, breaks and measures a highly available Odoo cluster on one machine."""
