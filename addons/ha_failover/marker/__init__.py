"""Marker rows: how the outcome of a COMMIT whose answer was lost is found out.

Each transaction that wrote inserts a row with a token of its own just before its COMMIT. If the
connection dies during COMMIT, the same token is inserted again, on the proven primary, in a
transaction of its own:

- *conflict*: the original transaction committed;
- *success*: it did not, and now never can, because its own insert would conflict.

Asking for the transaction's id instead is not safe: ids are given out again after a failover
(``pg_xact_status`` said "committed" of lost transactions).
"""
