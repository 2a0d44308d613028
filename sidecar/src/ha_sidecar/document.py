"""The topology document: one JSON object made from the state and what is known of replicas. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .cluster import ClusterView, Member, ReplicaLag, Source, SyncMode
from .outlook import Replica, outlook
from .state import State

VERSION = 1


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-01-31T12:00:00.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def topology(
    scope: str,
    state: State,
    view: ClusterView | None,
    sampled: Mapping[str, ReplicaLag] | None,
    now: datetime,
) -> dict[str, Any]:
    """Return the document. ``sampled`` is by member name and may be stale by a second; None: the
    primary could not be asked who streams."""
    lags = sampled or {}
    primary = state.primary
    # The last known primary is no replica as long as nobody else is published.
    known = state.memory.primary
    leader = primary.name if primary else view.leader if view else None
    replicas = [
        {
            **_replica(member, view, lags.get(member.name)),
            "streams": None if sampled is None else member.name in sampled,
        }
        for member in (view.members if view else ())
        if member.name != leader and not (leader is None and known and member.name == known.name)
    ]
    mode = view.sync_mode if view else SyncMode.OFF
    timeline = primary.timeline if primary else state.memory.highest_timeline
    would_be = [_for_outlook(each, lags, asked=primary is not None) for each in replicas]
    return {
        "version": VERSION,
        "scope": scope,
        "epoch": state.memory.epoch,
        "state": str(state.phase),
        "primary": {
            "name": primary.name,
            "host": primary.host,
            "port": primary.port,
            "timeline": primary.timeline,
            "system_identifier": primary.system_identifier,
        }
        if primary
        else None,
        "replicas": replicas,
        "sync_mode": str(mode),
        "failover": outlook(would_be, timeline, synchronous=mode is not SyncMode.OFF),
        "since": timestamp(state.since or now),
        "observed_at": timestamp(now),
        "source": str(state.source or Source.SQL),
    }


def _replica(member: Member, view: ClusterView | None, lag: ReplicaLag | None) -> dict[str, Any]:
    if view and view.sync_mode is not SyncMode.OFF:
        # What Patroni may promote without a loss: it writes this down after PostgreSQL agreed.
        sync = member.name in view.sync_names
    else:
        sync = lag is not None and lag.sync_state in {"sync", "quorum"}
    return {
        "name": member.name,
        "host": member.host,
        "port": member.port,
        "timeline": member.timeline,
        "state": member.state,
        "sync": sync,
        "replay_lsn": (lag.replay_lsn if lag else None) or member.replay_lsn,
        "lag_bytes": lag.lag_bytes if lag else None,
        "lag_seconds": lag.lag_seconds if lag else None,
        "missing_bytes": lag.missing_bytes if lag else None,
        "nofailover": member.nofailover,
    }


def _for_outlook(
    replica: Mapping[str, Any], lags: Mapping[str, ReplicaLag], *, asked: bool
) -> Replica:
    """``asked``: there is a primary that tells who streams; else the replica's own word counts."""
    return Replica(
        replica["name"],
        replica["timeline"],
        streams=replica["name"] in lags if asked else replica["state"] in ("streaming", "running"),
        synchronous=replica["sync"],
        barred=replica["nofailover"],
        missing_bytes=replica["missing_bytes"],
    )


def encode(document: Mapping[str, Any]) -> bytes:
    """Encode on one line, so that it also fits one line of a server-sent event."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
