"""This node's facts without the database, for a page that a system administrator has open.

Who may see them is written in the session, which is on the server: the page's own call puts it there
after it has checked the user's groups, for ``ADMITTED`` seconds. Below /websocket a balancer sends it to
the gevent process, which answers while every worker holds a request.
"""

import json
import time
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from odoo import http

from . import facts

PATH = "/websocket/ha_dashboard"
#: The session's key, and for how long a check of the groups counts.
KEY, ADMITTED = "ha_dashboard_until", 300.0


def admit(session: Any) -> None:
    """Let this session see the facts for a while. The caller has checked the user's groups."""
    if float(session.get(KEY) or 0.0) < time.time() + ADMITTED / 2:
        session[KEY] = time.time() + ADMITTED


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one WSGI request."""
    if environ.get("REQUEST_METHOD") != "GET" or not _is_admitted(environ):
        return _send(start_response, "403 Forbidden", {"error": "open the dashboard again"})
    return _send(start_response, "200 OK", facts.gather())


def _is_admitted(environ: dict[str, Any]) -> bool:
    try:
        cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    except CookieError:
        return False
    sid = cookies["session_id"].value if "session_id" in cookies else ""
    store = http.root.session_store
    if not store.is_valid_key(sid):
        return False
    session = store.get(sid)
    return bool(session.get("uid")) and float(session.get(KEY) or 0.0) > time.time()


def _send(start_response: Callable[..., Any], status: str, body: dict[str, Any]) -> Iterable[bytes]:
    data = json.dumps(body).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(data))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response(status, headers)
    return [data]
