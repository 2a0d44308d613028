"""Which statements make a transaction one that wrote."""

import pytest
from odoo.addons.ha_failover.marker.wrote import wrote


@pytest.mark.parametrize(
    ("tag", "query"),
    [
        ("INSERT 0 1", b"INSERT INTO t VALUES (1)"),
        ("UPDATE 0", b"UPDATE t SET x = 1"),
        ("DELETE 3", b"DELETE FROM t"),
        ("CREATE TABLE", b"CREATE TABLE t ()"),
        ("COPY 2", None),
        ("SELECT 1", b"WITH x AS (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM x"),
        ("SELECT 1", b"with gone as (delete from t returning 1) select count(*) from gone"),
        ("SELECT 1", b"SELECT nextval('s')"),
        ("SELECT 1", b"SELECT id FROM t FOR NO KEY UPDATE"),
        (None, b"anything the server gave no tag for"),
    ],
)
def test_these_write(tag: str | None, query: bytes | None) -> None:
    assert wrote(tag, query)


@pytest.mark.parametrize(
    ("tag", "query"),
    [
        ("SELECT 5", b'SELECT "update_date", deleted FROM t WHERE name = $1'),
        ("SET", b"SET LOCAL statement_timeout = 1"),
        ("SAVEPOINT", b"SAVEPOINT a"),
        ("RELEASE", b"RELEASE SAVEPOINT a"),
        ("ROLLBACK", b"ROLLBACK TO SAVEPOINT a"),
        ("LISTEN", b"LISTEN imbus"),
    ],
)
def test_these_do_not(tag: str, query: bytes) -> None:
    assert not wrote(tag, query)
