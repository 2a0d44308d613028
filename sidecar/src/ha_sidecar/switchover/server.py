"""What a switchover asks PostgreSQL servers, as ``probe_user``. Raises ProbeError."""

from __future__ import annotations

from ..prober import ask
from ..replication import lags_of
from ..session import Session
from .preflight import CandidateFacts, OpenTransaction, PrimaryFacts

#: Sidecars and this command call themselves so; they hold nobody up.
OWN = "ha-sidecar"

_RIGHTS = """
SELECT pg_has_role('pg_read_all_stats', 'USAGE'),
       EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_checkpoint' AND pg_has_role(oid, 'USAGE')),
       ARRAY(SELECT DISTINCT coalesce(host(client_addr), 'local')
             FROM pg_stat_activity WHERE application_name = 'ha-sidecar')
"""
#: Odoo's nodes wait for each other's end (ha_cron_leader) in transactions that do nothing else.
_OPEN = """
SELECT pid, coalesce(usename, ''), coalesce(datname, ''), coalesce(application_name, ''),
       coalesce(host(client_addr), 'local'), coalesce(state, ''),
       extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
  AND application_name NOT LIKE 'ha-sidecar%' AND application_name NOT LIKE 'odoo-ha waits:%'
"""
_CANDIDATE = """
SELECT pg_is_in_recovery(),
       (SELECT system_identifier::text FROM pg_control_system()),
       (SELECT received_tli FROM pg_stat_wal_receiver WHERE status = 'streaming')
"""
#: In one message, so that the session's own statement_timeout doesn't cut it short.
_CHECKPOINT = "SET LOCAL statement_timeout = 0; CHECKPOINT; SELECT true"


def primary_facts(session: Session, deadline: float) -> PrimaryFacts:
    answer = ask(session, deadline)
    ((may_see_all, may_checkpoint, sidecars),) = session.rows(_RIGHTS, deadline)
    return PrimaryFacts(
        answer=answer,
        lags={} if answer.in_recovery else lags_of(session, deadline),
        may_see_all=may_see_all,
        may_checkpoint=may_checkpoint,
        sidecars=frozenset(sidecars),
        open=open_transactions(session, deadline),
    )


def open_transactions(session: Session, deadline: float) -> tuple[OpenTransaction, ...]:
    """Return every client's open transaction, but this command's, the sidecars' and
    of nodes that wait for another node's end."""
    return tuple(OpenTransaction(*row) for row in session.rows(_OPEN, deadline))


def candidate_facts(session: Session, deadline: float) -> CandidateFacts:
    ((in_recovery, identifier, timeline),) = session.rows(_CANDIDATE, deadline)
    return CandidateFacts(in_recovery, identifier, timeline)


def checkpoint(session: Session, deadline: float) -> None:
    session.rows(_CHECKPOINT, deadline)
