"""Where the parts of a cluster are: of the demonstration, of an inventory, of one node's odoo.conf."""
