from . import test_concurrency, test_contract, test_requests
