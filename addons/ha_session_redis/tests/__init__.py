from . import (
    test_concurrency,
    test_contract,
    test_lifetime,
    test_outage,
    test_requests,
    test_rotation,
)
