"""The answer to ``/web/health``, as WSGI."""

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from odoo.addons.ha_base.node import node_id

from .question import BadQuestion, may_see_details, parse
from .sampler import Sampler, outage_since
from .settings import Settings
from .verdict import Holding, Question, Status, Verdict, judge

#: What ha_failover offers: (hold budget in seconds or None without it, requests held now).
Held = Callable[[], tuple[float | None, int]]

#: What ha_session_redis counted in this process, None where it has nothing to say.
Sessions = Callable[[], dict[str, Any] | None]

StartResponse = Callable[..., Any]


def answer(
    environ: dict[str, Any],
    start_response: StartResponse,
    *,
    sampler: Sampler,
    settings: Settings,
    held: Held,
    sessions: Sessions,
) -> Iterable[bytes]:
    """Answer from memory; only a process's very first answer waits for its first look."""
    try:
        question = parse(environ.get("QUERY_STRING", ""))
    except BadQuestion as error:
        body = {"status": Status.FAIL.value, "output": str(error)}
        return _send(environ, start_response, HTTPStatus.BAD_REQUEST, body, "application/json")
    if question.probe != "live":
        sampler.wait_for_first_look()
    now, clock = time.monotonic(), time.time()
    budget, waiting = held()
    holding = Holding(budget, outage_since(sampler.topology, now, clock))
    verdict = judge(question, sampler.memory, holding, now, settings.health_max_age)
    status = HTTPStatus.OK
    if verdict.status is Status.FAIL:
        # Stock's own status for its own question.
        status = (
            HTTPStatus.INTERNAL_SERVER_ERROR
            if question.db_server_status
            else HTTPStatus.SERVICE_UNAVAILABLE
        )
    body = {"status": verdict.status.value}
    if question.db_server_status:
        body["db_server_status"] = verdict.status is not Status.FAIL
    kind = "application/json"
    if may_see_details(environ, settings.health_token, settings.health_trusted_networks):
        body |= _details(question, verdict, sampler, waiting, clock)
        body["checks"] |= _session_checks(sessions(), _timestamp(clock))
        kind = "application/health+json"
    return _send(environ, start_response, status, body, kind)


def _details(
    question: Question, verdict: Verdict, sampler: Sampler, waiting: int, clock: float
) -> dict[str, Any]:
    """The rest of draft-inadarei-api-health-check-06's object."""
    memory, topology = sampler.memory, sampler.topology
    looked_at = _timestamp(clock if sampler.looked_at is None else sampler.looked_at)
    checks: dict[str, list[dict[str, Any]]] = {
        "database:role": [
            {
                "componentType": "datastore",
                "observedValue": memory.look.role if memory.look else None,
                "status": verdict.status.value,
                "time": looked_at,
            }
        ],
        "requests:held": [
            {
                "componentType": "component",
                "observedValue": waiting,
                "observedUnit": "requests",
                "status": (Status.WARN if waiting else Status.PASS).value,
                "time": _timestamp(clock),
            }
        ],
    }
    if topology is not None:
        checks["topology:state"] = [
            {
                "componentType": "component",
                "observedValue": topology.get("state"),
                "status": (Status.PASS if topology.get("state") == "stable" else Status.WARN).value,
                "time": str(topology.get("observed_at")),
            }
        ]
    return {
        "serviceId": node_id(),
        "description": f"Odoo node, probe {question.probe}, role {question.role}",
        "output": verdict.reason,
        "checks": checks,
    }


def _session_checks(counted: dict[str, Any] | None, now: str) -> dict[str, list[dict[str, Any]]]:
    """What this process counted of its session store: one measurement each."""
    if counted is None:
        return {}
    well = counted["state"] == "closed"
    checks = {
        "sessions:state": [
            {
                "componentType": "datastore",
                "observedValue": counted["state"],
                "status": (Status.PASS if well else Status.WARN).value,
                "time": now,
            }
        ]
    }
    for name, value in counted.items():
        if name != "state":
            checks[f"sessions:{name}"] = [
                {"componentType": "datastore", "observedValue": value, "time": now}
            ]
    return checks


def _send(
    environ: dict[str, Any],
    start_response: StartResponse,
    status: HTTPStatus,
    body: dict[str, Any],
    kind: str,
) -> Iterable[bytes]:
    data = json.dumps(body).encode()
    headers = [
        ("Content-Type", kind),
        ("Content-Length", str(len(data))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response(f"{status.value} {status.phrase}", headers)
    return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else data]


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
