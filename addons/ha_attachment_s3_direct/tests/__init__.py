from . import test_cors, test_direct, test_http, test_odoo_own, test_web_client
