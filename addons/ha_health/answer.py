"""The answers to ``/web/health`` and ``/web/metrics``, as WSGI."""

import json
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from odoo.addons.ha_base.node import node_id

from . import metrics, process
from .details import Seen, details
from .facts import own
from .question import BadQuestion, knows_token, may_see_details, parse
from .sampler import outage_since
from .settings import Settings
from .verdict import Holding, Status, judge

StartResponse = Callable[..., Any]


def health(
    environ: dict[str, Any], start_response: StartResponse, settings: Settings
) -> Iterable[bytes]:
    """Answer from memory; only a process's very first answer waits for its first look."""
    try:
        question = parse(environ.get("QUERY_STRING", ""))
    except BadQuestion as error:
        body = {"status": Status.FAIL.value, "output": str(error)}
        return _send_json(environ, start_response, HTTPStatus.BAD_REQUEST, body)
    samplers = process.samplers()
    sampler = samplers.main
    # A node that reads elsewhere than it writes has two servers to judge.
    asked = (question.role == "standby" and samplers.replica) or sampler
    if question.probe != "live":
        asked.wait_for_first_look()
    now, clock = time.monotonic(), time.time()
    holding = Holding(process.hold_budget(), outage_since(sampler.topology, now, clock))
    facts, observed_at = sampler.observed
    verdict = judge(
        question,
        asked.memory,
        holding,
        now,
        settings.health_max_age,
        draining="node:draining" in facts,
    )
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
    if not may_see_details(
        environ,
        settings.health_token,
        settings.health_trusted_networks,
        settings.health_trusted_proxies,
    ):
        return _send_json(environ, start_response, status, body)
    replica = samplers.replica.memory if samplers.replica else None
    seen = Seen(
        asked.memory,
        replica,
        sampler.topology,
        facts,
        observed_at,
        own(),
        process.held_requests(),
    )
    body |= details(question, verdict, seen, node_id(), now, clock)
    return _send_json(environ, start_response, status, body, "application/health+json")


def page(
    environ: dict[str, Any], start_response: StartResponse, settings: Settings
) -> Iterable[bytes]:
    """What Prometheus reads of this node. To those without the token there is no such page."""
    if not knows_token(environ, settings.health_token):
        return _send(environ, start_response, HTTPStatus.NOT_FOUND, b"Not Found\n", "text/plain")
    try:
        data, kind = metrics.page(process.samplers(), process.held_requests())
    except metrics.Unavailable as error:
        text = f"{error}\n".encode()
        return _send(environ, start_response, HTTPStatus.NOT_IMPLEMENTED, text, "text/plain")
    return _send(environ, start_response, HTTPStatus.OK, data, kind)


def _send_json(
    environ: dict[str, Any],
    start_response: StartResponse,
    status: HTTPStatus,
    body: dict[str, Any],
    kind: str = "application/json",
) -> Iterable[bytes]:
    return _send(environ, start_response, status, json.dumps(body).encode(), kind)


def _send(
    environ: dict[str, Any],
    start_response: StartResponse,
    status: HTTPStatus,
    data: bytes,
    kind: str,
) -> Iterable[bytes]:
    headers = [
        ("Content-Type", kind),
        ("Content-Length", str(len(data))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        # Or werkzeug's server names itself and its Python, with versions.
        ("Server", "Odoo"),
    ]
    start_response(f"{status.value} {status.phrase}", headers)
    return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else data]
