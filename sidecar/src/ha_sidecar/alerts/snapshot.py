"""The cluster's state as checks see it: one JSON object, made of what all sidecars tell. Pure.

=====================  =========================================================================
name                   value; None where nobody knows it
=====================  =========================================================================
state                  the topology document's: stable, switching, lost
source                 where the election's news come from: etcd, rest, sql
primary                the proven primary: name, host, port, timeline; None while there is none
last_primary           its name, or that of the last one
stable_seconds         for how long this primary has been stable, 0 otherwise
unproven_seconds       for how long there has been none, 0 otherwise
sync_mode              off, on, strict, quorum
failover               candidates (names), data_loss, loss_bytes
replicas               each: name, host, port, streams, sync, lag_bytes, lag_seconds, state, here
nodes                  each: name, here, proves, serves, status, draining, draining_seconds, redis,
                       s3, cron_leads, cron_unserved
certificates           each: name, days until it expires, node
cron_leads             leases of scheduled actions that all nodes hold together
redis_down_on          names of the nodes to which Redis does not answer; s3_down_on
alerter                the node whose sidecar tells
=====================  =========================================================================

A replica or node that was there once and is gone stays (``here`` is false) until it is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Json = dict[str, Any]

#: What ``each`` of a check may be, and the list it stands for.
KINDS = {"replica": "replicas", "node": "nodes", "certificate": "certificates"}
#: Seconds after which something that is gone is forgotten by itself.
FORGOTTEN_AFTER = 7 * 86_400.0

#: Seconds after which what a gone node led is led by nobody; up to a minute of them isn't counted.
GONE_AFTER = 120.0

_DAY = 86_400.0
_NO_FACTS: Json = {
    "proves": None, "serves": None, "status": None, "redis": None, "s3": None, "cron_leads": None,
    "cron_unserved": None,
}  # fmt: skip
_NO_FAILOVER: Json = {"candidates": None, "data_loss": None, "loss_bytes": None}

#: A state in which every fact is known, for trying a check out.
EXAMPLE: Json = {
    "state": "stable", "source": "etcd", "last_primary": "pg1", "stable_seconds": 3600.0,
    "cron_leads": 1, "unproven_seconds": 0.0, "sync_mode": "on", "alerter": "odoo1", "redis_down_on": [],
    "s3_down_on": [],
    "primary": {"name": "pg1", "host": "10.0.0.11", "port": 5432, "timeline": 3},
    "failover": {"candidates": ["pg2"], "data_loss": "none", "loss_bytes": 0},
    "replicas": [{"name": "pg2", "host": "10.0.0.12", "port": 5432, "streams": True, "sync": True,
                  "lag_bytes": 0, "lag_seconds": 0.0, "state": "streaming", "here": True}],
    "nodes": [{"name": "odoo1", "here": True, "proves": True, "serves": True, "status": "pass",
               "draining": False, "draining_seconds": 0.0, "redis": True, "s3": True,
               "cron_leads": 1, "cron_unserved": 0}],
    "certificates": [{"name": "/etc/odoo-ha/etcd.pem", "days": 300.0, "node": "odoo1"}],
}  # fmt: skip


def snapshot(
    topology: Mapping[str, Any] | None,
    reports: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Mapping[str, Mapping[str, Any]]],
    *,
    alerter: str,
    trusted: bool,
    now: float,
) -> Json:
    """Return the state at ``now`` (Unix time).

    :param reports: what each sidecar that is there tells of its node, by the node's name
    :param known: see ``remember``
    :param trusted: False while etcd is away: what others told then is old, only the alerter's own counts
    """
    document = topology or {}
    primary = document.get("primary")
    age = _age(document.get("since"), now)
    nodes = _nodes(reports, known.get("nodes", {}), alerter, trusted=trusted, now=now)
    return {
        "state": document.get("state"),
        "source": document.get("source"),
        "primary": primary and {key: primary[key] for key in ("name", "host", "port", "timeline")},
        "last_primary": known.get("primary", {}).get("last", {}).get("name", "none yet"),
        "stable_seconds": age if document.get("state") == "stable" else 0.0,
        "unproven_seconds": 0.0 if primary else age,
        "sync_mode": document.get("sync_mode"),
        # Without a primary nobody tells who streams from it.
        "failover": document["failover"] if primary else _NO_FAILOVER,
        "replicas": _replicas(document, known.get("replicas", {})),
        "nodes": nodes,
        "certificates": _certificates(reports, now),
        "redis_down_on": [one["name"] for one in nodes if one["redis"] is False],
        "s3_down_on": [one["name"] for one in nodes if one["s3"] is False],
        "cron_leads": _cron_leads(nodes, known.get("nodes", {})),
        "alerter": alerter,
    }


def remember(
    known: Mapping[str, Mapping[str, Mapping[str, Any]]],
    topology: Mapping[str, Any] | None,
    reports: Mapping[str, Mapping[str, Any]],
    now: float,
) -> dict[str, dict[str, Json]]:
    """Return what is known to belong to the cluster, by kind and name, with when it was last there.

    Times are rounded to the minute, so that what doesn't change needn't be written down.
    """
    minute = now // 60 * 60
    nodes = {name: dict(one) for name, one in known.get("nodes", {}).items()}
    for name, report in reports.items():
        cron = report.get("cron_leads") is not None or nodes.get(name, {}).get("cron", False)
        nodes[name] = {"seen": minute, "cron": cron}
    replicas = {name: dict(one) for name, one in known.get("replicas", {}).items()}
    last = dict(known.get("primary", {}).get("last", {}))
    if topology is not None:
        for one in topology["replicas"]:
            replicas[one["name"]] = {"seen": minute, "host": one["host"], "port": one["port"]}
        if topology["primary"]:
            last = {"name": topology["primary"]["name"]}
            replicas.pop(last["name"], None)
    young = now - FORGOTTEN_AFTER
    return {
        "nodes": {name: one for name, one in nodes.items() if one["seen"] > young},
        "replicas": {name: one for name, one in replicas.items() if one["seen"] > young},
        "primary": {"last": last} if last else {},
    }


def _age(since: Any, now: float) -> float:
    return max(0.0, now - datetime.fromisoformat(since).timestamp()) if since else 0.0


def _replicas(document: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> list[Json]:
    asked = bool(document.get("primary"))
    found = {
        one["name"]: {
            **{key: one[key] for key in ("name", "host", "port", "sync", "state")},
            "streams": one["streams"] if asked else None,
            "lag_bytes": one["lag_bytes"],
            "lag_seconds": one["lag_seconds"],
            "here": True,
        }
        for one in document.get("replicas", ())
    }
    for name, one in known.items():
        found.setdefault(name, {
            "name": name, "host": one.get("host"), "port": one.get("port"), "sync": False,
            "state": "gone", "streams": False if asked else None, "lag_bytes": None,
            "lag_seconds": None, "here": False,
        })  # fmt: skip
    return [found[name] for name in sorted(found)]


def _nodes(
    reports: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Mapping[str, Any]],
    alerter: str,
    *,
    trusted: bool,
    now: float,
) -> list[Json]:
    found = []
    for name in sorted({*reports, *known}):
        report = reports.get(name)
        node: Json = {
            "name": name, "here": report is not None, "draining": False, "draining_seconds": 0.0,
            **_NO_FACTS,
        }  # fmt: skip
        if report is None:
            # Its sidecar is gone: perhaps for a restart, perhaps with the host. What it led, another
            # takes over, or nobody does.
            gone = trusted and known[name].get("cron") and now - known[name]["seen"] > GONE_AFTER
            found.append({**node, "cron_leads": 0 if gone else None})
            continue
        if name == alerter or trusted:
            since = report.get("draining_since")
            node |= {key: report.get(key) for key in _NO_FACTS}
            node["draining"] = since is not None
            node["draining_seconds"] = 0.0 if since is None else max(0.0, now - since)
        found.append(node)
    return found


def _cron_leads(nodes: Sequence[Json], known: Mapping[str, Mapping[str, Any]]) -> int | None:
    """None when nobody is known to lead, but one that did lately can't be asked, or none ever did."""
    leads = sum(one["cron_leads"] or 0 for one in nodes)
    runners = [one for one in nodes if known.get(one["name"], {}).get("cron")]
    unknown = not runners or any(one["cron_leads"] is None for one in runners)
    return None if unknown and not leads else leads


def _certificates(reports: Mapping[str, Mapping[str, Any]], now: float) -> list[Json]:
    """Each certificate once: several nodes may meet the same server, and see the same."""
    found: dict[tuple[str, float], Json] = {}
    for node, report in sorted(reports.items()):
        for one in _list(report.get("certificates")):
            key = (one["name"], one["expires"])
            days = (one["expires"] - now) / _DAY
            found.setdefault(key, {"name": one["name"], "days": days, "node": node})
    names = [one["name"] for one in found.values()]
    for one in found.values():
        # The same path on another host is another certificate.
        if names.count(one["name"]) > 1:
            one["name"] = f"{one['node']}: {one['name']}"
    return list(found.values())


def _list(value: Any) -> Sequence[Mapping[str, Any]]:
    return value if isinstance(value, list) else []
