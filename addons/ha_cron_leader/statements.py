"""The SQL of leases. Every time in it is the database's."""

#: The pool that every job belongs to.
POOL = "main"

TABLE_EXISTS = "SELECT to_regclass('ha_cron_lease') IS NOT NULL"

#: Bounds what the server does for a client that gave up. In one string with the statement it
#: needs no transaction block and leaves nothing behind in a pooled session.
_BOUND = "SET LOCAL statement_timeout = %(timeout_ms)s; "

#: Acquire or renew, in one statement. One row: granted, holder, token, seconds that the holder's
#: lease still runs. The holder keeps its token while nobody else was granted the lease in
#: between, even if it ran out: what runs under it was never replaced.
#: A renewal is an UPDATE of its own because ON CONFLICT would lock the row as if its token
#: changed, and thereby fail the CHECK of transactions that began before it. Who neither holds nor
#: gets the lease writes nothing.
ACQUIRE = (
    _BOUND
    + """
WITH session AS (
    SELECT pid, backend_start AT TIME ZONE 'UTC' AS backend_start
      FROM pg_stat_get_activity(pg_backend_pid())
), renewed AS (
    UPDATE ha_cron_lease
       SET expires_at = clock_timestamp() AT TIME ZONE 'UTC' + %(lease)s * interval '1 second',
           backend_pid = session.pid,
           backend_start = session.backend_start
      FROM session
     WHERE job_pool = %(pool)s AND holder = %(holder)s
    RETURNING holder, token, expires_at
), taken AS (
    INSERT INTO ha_cron_lease AS lease
           (job_pool, holder, token, acquired_at, expires_at, backend_pid, backend_start)
    SELECT %(pool)s, %(holder)s, 1, clock_timestamp() AT TIME ZONE 'UTC',
           clock_timestamp() AT TIME ZONE 'UTC' + %(lease)s * interval '1 second',
           session.pid, session.backend_start
      FROM session
     WHERE NOT EXISTS (SELECT FROM renewed)
       AND NOT EXISTS (
           SELECT FROM ha_cron_lease AS running
            WHERE running.job_pool = %(pool)s
              AND running.expires_at > clock_timestamp() AT TIME ZONE 'UTC')
    ON CONFLICT (job_pool) DO UPDATE SET
           token = lease.token + 1,
           holder = EXCLUDED.holder,
           acquired_at = clock_timestamp() AT TIME ZONE 'UTC',
           expires_at = clock_timestamp() AT TIME ZONE 'UTC'
                        + %(lease)s * interval '1 second',
           backend_pid = EXCLUDED.backend_pid,
           backend_start = EXCLUDED.backend_start
     WHERE lease.expires_at <= clock_timestamp() AT TIME ZONE 'UTC'
    RETURNING holder, token, expires_at
), granted AS (
    SELECT * FROM renewed UNION ALL SELECT * FROM taken
), answer AS (
    SELECT true AS granted, holder, token, expires_at FROM granted
    UNION ALL
    SELECT false, holder, token, expires_at FROM ha_cron_lease
     WHERE job_pool = %(pool)s AND NOT EXISTS (SELECT FROM granted)
)
SELECT granted, holder, token,
       extract(epoch FROM expires_at - clock_timestamp() AT TIME ZONE 'UTC')::float
  FROM answer
"""
)

#: Let the next one have it at once. The row stays: it says who was last, and the token goes on.
RELEASE = (
    _BOUND
    + """
UPDATE ha_cron_lease SET expires_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE job_pool = %(pool)s AND holder = %(holder)s
   AND expires_at > clock_timestamp() AT TIME ZONE 'UTC'
RETURNING true
"""
)

#: Is the grant still the last one? Holds a lock until the transaction ends: a new grant changes
#: the token, which stands in a unique index, and waits for it; a renewal doesn't, and a
#: transaction that began before a renewal doesn't conflict with it.
#: The holder is compared too: after the loss of a commit in an asynchronous failover a token may
#: be granted twice.
CHECK = """
SELECT FROM ha_cron_lease
 WHERE job_pool = %(pool)s AND holder = %(holder)s AND token = %(token)s
   FOR KEY SHARE
"""
