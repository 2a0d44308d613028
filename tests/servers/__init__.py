"""Real servers for tests, each on a loopback address and free ports of its own.

``Postgres`` (primary and streaming replicas), ``RedisCluster`` (primary, replicas,
Sentinels), ``SeaweedFS`` (S3) and ``OdooServer`` are context managers: entering starts
the real program and waits until it answers, leaving stops it and everything it started.
Faults are verbs: ``kill``, ``freeze``, ``thaw``, ``promote``.

Nothing outlives the tests: ``processes`` follows every process started here, and
``guard`` ends them even when the test run itself is killed.
"""
