"""The SQL of leases. Every time in it is the database's."""

#: The pool of a job that names none.
MAIN = "main"

#: Class of the advisory locks that the nodes' keepers hold in the database ``postgres``; the
#: object is ``presence.key`` of a holder.
PRESENCE_CLASS = 1212238659

TABLE_EXISTS = "SELECT to_regclass('ha_cron_lease') IS NOT NULL"

#: Bounds what the server does for a client that gave up. In one string with the statement it
#: needs no transaction block and leaves nothing behind in a pooled session.
_BOUND = "SET LOCAL statement_timeout = %(timeout_ms)s; "

_NOW = "clock_timestamp() AT TIME ZONE 'UTC'"

#: May the row ``lease`` be granted to another one? It ran out, or its holder's session is gone
#: for certain; and it is neither kept from this node nor for a node that prefers the pool.
_FREE = f"""(lease.expires_at <= {_NOW} OR lease.holder IN (SELECT holder FROM gone))
      AND (lease.barred = %(holder)s AND lease.barred_until > {_NOW}) IS NOT TRUE
      AND (lease.wanted_by <> %(holder)s AND lease.wanted_until > {_NOW}
           AND lease.wanted_rank < wanted.rank
           AND lease.wanted_by NOT IN (SELECT holder FROM gone)) IS NOT TRUE"""

#: Acquire or renew the leases of a node's pools, in one statement. One row for each pool that has
#: a lease: pool, granted, holder, token, seconds that the holder's lease still runs, whether the
#: pool is paused, whether the holder is asked to hand it over, and whether the holder's keeper
#: holds its presence lock on this very server.
#:
#: The holder keeps its token while nobody else was granted the lease in between, even if it ran
#: out: what runs under it was never replaced. A renewal is an UPDATE of its own because ON
#: CONFLICT would lock the row as if its token changed, and thereby fail the CHECK of transactions
#: that began before it. Who neither holds nor gets the lease writes nothing, except that a node
#: which prefers the pool more than its holder says so, once.
#:
#: A holder is gone when its presence lock isn't held, on the server where it last renewed: after
#: a failover or restart all such locks are gone, and prove nothing until the holder renewed.
ACQUIRE = (
    _BOUND
    + f"""
WITH wanted AS (
    SELECT pool, (position - 1)::int AS rank
      FROM unnest(%(pools)s::varchar[]) WITH ORDINALITY AS served (pool, position)
), session AS (
    SELECT CASE WHEN extract(epoch FROM pg_postmaster_start_time())::text = %(server)s
           THEN pg_postmaster_start_time() AT TIME ZONE 'UTC' END AS server_start
), gone AS (
    SELECT %(gone)s::varchar AS holder
     WHERE %(gone)s <> '' AND NOT EXISTS (
           SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted
              AND classid = {PRESENCE_CLASS} AND objid = %(gone_key)s
              AND database = (SELECT oid FROM pg_database WHERE datname = 'postgres'))
       AND EXISTS (
           SELECT FROM ha_cron_lease AS lease
            WHERE lease.holder = %(gone)s
              AND lease.server_start = pg_postmaster_start_time() AT TIME ZONE 'UTC')
), renewed AS (
    UPDATE ha_cron_lease AS lease
       SET expires_at = {_NOW} + %(lease)s * interval '1 second',
           rank = wanted.rank,
           backend_pid = CASE WHEN session.server_start IS NOT NULL THEN %(pid)s END,
           server_start = session.server_start,
           ended = NULL
      FROM session, wanted
     WHERE lease.job_pool = wanted.pool AND lease.holder = %(holder)s
       AND (lease.ended IS NOT NULL AND (
            (lease.barred = %(holder)s AND lease.barred_until > {_NOW})
            OR (lease.wanted_by <> %(holder)s AND lease.wanted_until > {_NOW}))) IS NOT TRUE
    RETURNING lease.*
), taken AS (
    INSERT INTO ha_cron_lease AS lease
           (job_pool, holder, token, acquired_at, expires_at, rank, backend_pid, server_start,
            reason, paused)
    SELECT wanted.pool, %(holder)s, 1, {_NOW}, {_NOW} + %(lease)s * interval '1 second',
           wanted.rank, CASE WHEN session.server_start IS NOT NULL THEN %(pid)s END,
           session.server_start, 'first', false
      FROM session, wanted
     WHERE NOT EXISTS (SELECT FROM renewed WHERE job_pool = wanted.pool)
       AND NOT EXISTS (
           SELECT FROM ha_cron_lease AS lease
            WHERE lease.job_pool = wanted.pool AND NOT ({_FREE}))
    ON CONFLICT (job_pool) DO UPDATE SET
           token = lease.token + 1,
           previous = lease.holder,
           reason = COALESCE(lease.ended,
                             CASE WHEN lease.expires_at <= {_NOW} THEN 'silent' ELSE 'gone' END),
           holder = EXCLUDED.holder,
           acquired_at = {_NOW},
           expires_at = {_NOW} + %(lease)s * interval '1 second',
           rank = EXCLUDED.rank,
           backend_pid = EXCLUDED.backend_pid,
           server_start = EXCLUDED.server_start,
           ended = NULL, wanted_by = NULL, wanted_until = NULL
     WHERE lease.expires_at <= {_NOW} OR lease.holder IN (SELECT holder FROM gone)
    RETURNING lease.*
), asked AS (
    UPDATE ha_cron_lease AS lease
       SET wanted_by = %(holder)s, wanted_rank = wanted.rank,
           wanted_until = {_NOW} + %(lease)s * 2 * interval '1 second'
      FROM wanted
     WHERE lease.job_pool = wanted.pool AND lease.holder <> %(holder)s
       AND wanted.rank < lease.rank AND lease.expires_at > {_NOW}
       AND (lease.barred = %(holder)s AND lease.barred_until > {_NOW}) IS NOT TRUE
       AND (lease.wanted_by IS NULL OR lease.wanted_until < {_NOW} + %(lease)s * interval '1 second'
            OR lease.wanted_rank > wanted.rank)
       AND NOT EXISTS (SELECT FROM taken WHERE job_pool = wanted.pool)
    RETURNING lease.job_pool
), granted AS (
    SELECT * FROM renewed UNION ALL SELECT * FROM taken
), answer AS (
    SELECT true AS granted, granted.* FROM granted
    UNION ALL
    SELECT false, lease.* FROM ha_cron_lease AS lease JOIN wanted ON wanted.pool = lease.job_pool
     WHERE NOT EXISTS (SELECT FROM granted WHERE job_pool = lease.job_pool)
)
SELECT job_pool, granted, holder, token,
       extract(epoch FROM expires_at - {_NOW})::float,
       paused,
       COALESCE(granted AND (
           (barred = holder AND barred_until > {_NOW})
           OR (wanted_until > {_NOW} AND wanted_rank < rank AND wanted_by <> holder)), false),
       COALESCE(server_start = pg_postmaster_start_time() AT TIME ZONE 'UTC', false)
  FROM answer
"""
)

#: Why a lease was released whose holder is about to end.
STOPPED = "stopped"

#: Let the next one have it at once; ``why`` is what its row will say. The row stays: it says who
#: was last, and the token goes on. Who stops is barred: a renewal that its keeper has under way may
#: reach the server after this, and would take it all back for a process that is about to end.
RELEASE = (
    _BOUND
    + f"""
UPDATE ha_cron_lease
   SET expires_at = {_NOW}, ended = %(why)s,
       barred = CASE WHEN %(why)s = '{STOPPED}' THEN holder ELSE barred END,
       barred_until = CASE WHEN %(why)s = '{STOPPED}' THEN {_NOW} + interval '1 hour'
                      ELSE barred_until END
 WHERE job_pool = ANY(%(pools)s) AND holder = %(holder)s AND expires_at > {_NOW}
RETURNING job_pool
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

#: The holder shall hand the pool over and not take it back for a while, so that another can.
STEP_DOWN = f"""
UPDATE ha_cron_lease SET barred = holder, barred_until = {_NOW} + interval '30 seconds'
 WHERE job_pool = %s AND expires_at > {_NOW} RETURNING holder
"""

#: No job of the pool is started while it is paused. A pool that nobody leads yet gets a row.
PAUSE = f"""
INSERT INTO ha_cron_lease
       (job_pool, holder, token, acquired_at, expires_at, rank, reason, paused)
VALUES (%(pool)s, '', 0, {_NOW}, {_NOW}, 0, 'first', %(paused)s)
ON CONFLICT (job_pool) DO UPDATE SET paused = EXCLUDED.paused
RETURNING holder
"""
