"""The table of marker rows and the statements on it. Pure."""

import secrets
import uuid

from ..gate.proof import WAL_FILE

TABLE = "ha_commit_marker"

#: The app ha_failover creates it when it is installed in a database. No foreign key, no ORM
#: columns: one row is one token.
CREATE = f"""
    CREATE TABLE IF NOT EXISTS {TABLE} (
        token uuid PRIMARY KEY,
        resolution boolean NOT NULL DEFAULT false,
        answer bytea,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""

#: What the table of version 19.0.1.0.0 lacks.
UPGRADE = f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS answer bytea"

#: Rows come and go in the order of their age, so whole pages are freed and used again: vacuumed
#: after each purge, and never shortened, for which PostgreSQL would lock the table.
KEEP_SMALL = f"""
    ALTER TABLE {TABLE} SET (
        autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 5000,
        vacuum_truncate = off
    )
"""

EXISTS = "SELECT to_regclass(%s) IS NOT NULL"

#: In the transaction that wrote, just before its COMMIT.
MARK = f"INSERT INTO {TABLE} (token) VALUES (%s::uuid)"

#: The same for a request that may come again: with what it will be answered, if that is known.
MARK_REQUEST = f"INSERT INTO {TABLE} (token, answer) VALUES (%s::uuid, %s)"

#: Through a pooler the same also tells where the transaction is.
TELL = f" RETURNING {WAL_FILE}"

#: In a transaction of its own (autocommit, READ COMMITTED). It waits for the original where that
#: still runs. It may be repeated, should *its* answer be lost: the row says who wrote it first.
#: DO UPDATE, not DO NOTHING: it returns the row, and makes this transaction one that writes, so
#: that with synchronous replication its COMMIT also waits for the original's. The lock_timeout is
#: part of the string, so that nothing of it stays in a session that a pooler hands on.
RESOLVE = f"""
    SET LOCAL lock_timeout = %s;
    INSERT INTO {TABLE} AS marker (token, resolution) VALUES (%s::uuid, true)
    ON CONFLICT (token) DO UPDATE SET resolution = marker.resolution
    RETURNING resolution, {WAL_FILE}
"""

#: Ends the original where its COMMIT never reached the server, which goes on waiting for it: the
#: link died in silence. Its last statement is then the marker's.
END_WAITING = f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE state = 'idle in transaction' AND pid <> pg_backend_pid()
      AND query LIKE 'INSERT INTO {TABLE} %%' AND strpos(query, %s) > 0
"""

#: The rows of a request's tokens.
FIND = f"SELECT token::text, resolution, answer FROM {TABLE} WHERE token = ANY(%s::uuid[])"

#: Like RESOLVE, by who answers the request with an error: nobody else may still commit it.
REFUSE = f"""
    INSERT INTO {TABLE} AS marker (token, resolution, answer) VALUES (%s::uuid, true, '')
    ON CONFLICT (token) DO UPDATE SET resolution = marker.resolution
"""

PURGE = f"DELETE FROM {TABLE} WHERE created_at < clock_timestamp() - %s * interval '1 second'"

#: Seconds that a marker is kept. Longer than any hold budget: a resolution looks for its token
#: within the budget of the request that wrote it.
KEEP = 3600


def new_token(now: int) -> uuid.UUID:
    """A unique token that rises with time (a UUID of version 7), so that the index grows at its
    end only, and not all over.

    :param now: nanoseconds since 1970
    """
    number = (now // 1_000_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=number & ~(3 << 62) | 2 << 62)
