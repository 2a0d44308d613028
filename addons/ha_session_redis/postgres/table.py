"""The tables of sessions and of their ends, and the statements on them. Pure.

Times are the database's. ``recent`` in seconds: also rows that were touched since then.
"""

#: The app creates them when it is installed in a database. No ORM columns: nobody but the store
#: reads them. A sid itself is never in them: ``digest`` is its SHA-256, ``next`` is sealed.
CREATE = """
    CREATE TABLE IF NOT EXISTS ha_session (
        digest bytea PRIMARY KEY,
        identifier varchar(42) NOT NULL,
        document text NOT NULL,
        next bytea,
        expires_at timestamptz NOT NULL,
        touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        revision bigint NOT NULL DEFAULT 1,
        dirty boolean NOT NULL
    );
    CREATE INDEX IF NOT EXISTS ha_session_identifier ON ha_session (identifier);
    CREATE INDEX IF NOT EXISTS ha_session_touched_at ON ha_session (touched_at);
    CREATE INDEX IF NOT EXISTS ha_session_dirty ON ha_session (digest) WHERE dirty;
    CREATE TABLE IF NOT EXISTS ha_session_end (
        identifier varchar(42) PRIMARY KEY,
        ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL,
        dirty boolean NOT NULL
    );
    CREATE INDEX IF NOT EXISTS ha_session_end_ended_at ON ha_session_end (ended_at);
    CREATE INDEX IF NOT EXISTS ha_session_end_dirty ON ha_session_end (identifier) WHERE dirty;
"""

EXISTS = (
    "SELECT to_regclass('ha_session') IS NOT NULL AND to_regclass('ha_session_end') IS NOT NULL"
)

#: What is known of a sid: (seconds since its identifier ended, document, sealed rest of the next
#: sid, milliseconds left, whether the identifier has other rows).
LOOK = """
    SELECT extract(epoch FROM clock_timestamp() - ended.ended_at)::int,
           session.document,
           session.next,
           (extract(epoch FROM session.expires_at - clock_timestamp()) * 1000)::bigint,
           EXISTS (SELECT FROM ha_session other
                    WHERE other.identifier = wanted.identifier AND other.digest <> wanted.digest)
      FROM (VALUES (%(digest)s::bytea, %(identifier)s::varchar)) AS wanted (digest, identifier)
      LEFT JOIN ha_session session ON session.digest = wanted.digest
      LEFT JOIN ha_session_end ended ON ended.identifier = wanted.identifier
"""

_WRITE = """
    INSERT INTO ha_session AS old (digest, identifier, document, next, expires_at, dirty)
    VALUES (%(digest)s, %(identifier)s, %(document)s, %(next)s,
            clock_timestamp() + %(milliseconds)s * interval '1 millisecond', %(dirty)s)
    ON CONFLICT (digest) DO UPDATE
       SET document = excluded.document, next = excluded.next, expires_at = excluded.expires_at,
           dirty = excluded.dirty, touched_at = clock_timestamp(), revision = old.revision + 1
"""
#: A rotated sid is never written again: no row is returned then.
WRITE = _WRITE + "WHERE old.next IS NULL RETURNING true"

#: One end ends the identifier for good. ``known``: only where the identifier has rows.
END = """
    INSERT INTO ha_session_end AS old (identifier, expires_at, dirty)
    SELECT wanted.identifier, clock_timestamp() + %(seconds)s * interval '1 second', %(dirty)s
      FROM unnest(%(identifiers)s::varchar[]) AS wanted (identifier)
     WHERE NOT %(known)s
        OR EXISTS (SELECT FROM ha_session WHERE ha_session.identifier = wanted.identifier)
    ON CONFLICT (identifier) DO UPDATE SET dirty = old.dirty OR excluded.dirty
"""
DROP = "DELETE FROM ha_session WHERE identifier = ANY(%(identifiers)s::varchar[])"
DROP_ONE = "DELETE FROM ha_session WHERE digest = %(digest)s"

#: Those of the identifiers that a session lives of.
ALIVE = """
    SELECT DISTINCT identifier FROM ha_session
     WHERE identifier = ANY(%(identifiers)s::varchar[]) AND expires_at > clock_timestamp()
       AND NOT EXISTS (SELECT FROM ha_session_end ended
                        WHERE ended.identifier = ha_session.identifier)
"""

ENDS_TO_TELL = """
    SELECT identifier FROM ha_session_end
     WHERE (dirty OR ended_at > clock_timestamp() - %(recent)s * interval '1 second')
       AND identifier > %(after)s
     ORDER BY identifier LIMIT %(limit)s
"""
ENDS_TOLD = """
    UPDATE ha_session_end SET dirty = false
     WHERE dirty AND identifier = ANY(%(identifiers)s::varchar[])
"""
SESSIONS_TO_TELL = """
    SELECT digest, identifier, revision, dirty FROM ha_session
     WHERE (dirty OR touched_at > clock_timestamp() - %(recent)s * interval '1 second')
       AND digest > %(after)s
     ORDER BY digest LIMIT %(limit)s
"""
#: A row that was written again meanwhile stays dirty.
SESSIONS_TOLD = """
    UPDATE ha_session SET dirty = false
      FROM unnest(%(digests)s::bytea[], %(revisions)s::bigint[]) AS told (digest, revision)
     WHERE ha_session.dirty AND ha_session.digest = told.digest
       AND ha_session.revision = told.revision
"""

INACTIVITY = "SELECT value FROM ir_config_parameter WHERE key = 'sessions.max_inactivity_seconds'"

PURGE = (
    "DELETE FROM ha_session WHERE expires_at < clock_timestamp() - interval '1 day'",
    "DELETE FROM ha_session_end WHERE expires_at < clock_timestamp()",
)
