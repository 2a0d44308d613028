from . import (
    test_all_of_redis_gone,
    test_client,
    test_concurrency,
    test_contract,
    test_lifetime,
    test_outage,
    test_postgres,
    test_requests,
    test_rotation,
    test_status,
)
