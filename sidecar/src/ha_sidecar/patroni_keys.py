"""Reads Patroni's keys below ``<namespace><scope>/`` in etcd into a ClusterView. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from .cluster import ClusterView, Hold, Member, Switchover, SyncMode

MEMBERS = "members/"
#: Beside Patroni's own keys, so that one watch brings both in the order they were written and
#: the sidecars need no further right. Patroni reads and deletes only the keys it knows.
HOLD = "odoo_ha_hold"


def view_from_keys(values: Mapping[str, str]) -> ClusterView:
    """Build the view from ``{key relative to the scope's prefix: value}``.

    A value that can't be read counts as absent: a member nobody can connect to is never
    proven, so nothing is lost by leaving it out.
    """
    config = _object(values.get("config"))
    sync = _object(values.get("sync"))
    members = (
        _member(key.removeprefix(MEMBERS), value)
        for key, value in sorted(values.items())
        if key.startswith(MEMBERS)
    )
    return ClusterView(
        leader=values.get("leader") or None,
        members=tuple(member for member in members if member),
        system_identifier=values.get("initialize") or None,
        sync_mode=sync_mode(config),
        sync_names=frozenset(_names(sync.get("sync_standby"))),
        paused=config.get("pause") is True,
        switchover=_switchover(_object(values.get("failover"))),
        hold=_hold(_object(values.get(HOLD))),
    )


def sync_mode(config: Mapping[str, Any]) -> SyncMode:
    """Return the synchronous mode of Patroni's dynamic configuration."""
    mode = str(config.get("synchronous_mode", "off")).lower()
    if mode == "quorum":
        return SyncMode.QUORUM
    if mode not in {"true", "on", "yes", "1"}:
        return SyncMode.OFF
    strict = str(config.get("synchronous_mode_strict", "off")).lower()
    return SyncMode.STRICT if strict in {"true", "on", "yes", "1"} else SyncMode.ON


def _member(name: str, text: str) -> Member | None:
    data = _object(text)
    try:
        url = urlsplit(str(data["conn_url"]))
        host, port = url.hostname, url.port or 5432
        api = urlsplit(str(data.get("api_url") or ""))
    except (KeyError, ValueError):
        return None
    if not name or not host:
        return None
    return Member(
        name=name,
        host=host,
        port=port,
        role=str(data.get("role", "")),
        state=str(data.get("replication_state") or data.get("state") or ""),
        timeline=_integer(data.get("timeline")),
        replay_lsn=lsn_text(data.get("replay_lsn", data.get("xlog_location"))),
        api_url=f"{api.scheme}://{api.netloc}" if api.netloc else None,
        nofailover=_is_barred(data.get("tags")),
    )


def _is_barred(tags: object) -> bool:
    """Tell whether the member's tags keep Patroni from ever promoting it."""
    if not isinstance(tags, dict):
        return False
    return bool(tags.get("nofailover")) or str(tags.get("failover_priority", 1)) == "0"


def _hold(data: Mapping[str, Any]) -> Hold | None:
    leader, candidate = data.get("leader"), data.get("candidate")
    if not isinstance(leader, str) or not isinstance(candidate, str):
        return None
    return Hold(leader, candidate, str(data.get("by", "")))


def _switchover(data: Mapping[str, Any]) -> Switchover | None:
    if not data:
        return None
    return Switchover(
        leader=data.get("leader") or None,
        candidate=data.get("member") or data.get("candidate") or None,
        scheduled_at=moment(data.get("scheduled_at")),
    )


def moment(value: object) -> datetime | None:
    """Read an ISO 8601 time; one without a zone is taken as UTC."""
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def lsn_text(value: object) -> str | None:
    """Write Patroni's LSN, a number, the way PostgreSQL does: ``0/3000060``."""
    position = _integer(value)
    if position is None or position <= 0:
        return None
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def _names(value: object) -> list[str]:
    if not isinstance(value, str):
        return []
    return [name for name in (part.strip() for part in value.split(",")) if name]


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _object(text: str | None) -> Mapping[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
