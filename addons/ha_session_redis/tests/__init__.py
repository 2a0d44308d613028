from . import (
    test_concurrency,
    test_contract,
    test_lifetime,
    test_outage,
    test_postgres,
    test_requests,
    test_rotation,
)
