from . import test_cache, test_garbage, test_http, test_odoo_own, test_rules, test_storage
