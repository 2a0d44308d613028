from . import (
    test_audit,
    test_cache,
    test_garbage,
    test_http,
    test_migration,
    test_odoo_own,
    test_rules,
    test_storage,
)
