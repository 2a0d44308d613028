from . import (
    test_audit,
    test_cache,
    test_garbage,
    test_http,
    test_migration,
    test_odoo_own,
    test_replica,
    test_rules,
    test_security,
    test_serving,
    test_storage,
)
