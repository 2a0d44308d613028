"""Seam: ``Application.__call__``.

A probe as the guides write it (HTTP/1.0, no Host header) makes stock Odoo answer 500: werkzeug's
and gevent's servers put ``HTTP_HOST`` into the environment only when the header was sent, and
``Request._get_session_and_dbname`` reads it unconditionally. And what comes after needs the
session store, and with a session or a single database a cursor. So health is answered before
Odoo builds a request.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from odoo.addons.ha_base.patches import Patch
from odoo.addons.ha_base.settings import current

from .. import answer, metrics, process
from ..question import HEALTH, METRICS, is_for
from ..settings import Settings


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def __call__(  # noqa: N807
        self: Any, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if is_for(HEALTH, environ):
            _forget_last_request()
            return answer.health(environ, start_response, current(Settings))
        if is_for(METRICS, environ):
            _forget_last_request()
            return answer.page(environ, start_response, current(Settings))
        metrics.report_from_here()
        if not process.is_worker():
            return original(self, environ, start_response)
        busy = process.node_busy()
        busy.begin()
        try:
            return original(self, environ, start_response)
        finally:
            busy.end()

    return __call__


def _forget_last_request() -> None:
    """What Odoo's logs would otherwise tell of the request this thread served before."""
    from odoo.http import thread_local

    thread = threading.current_thread()
    for name in ("dbname", "uid", "url", "query_count", "query_time", "perf_t0", "cursor_mode"):
        if hasattr(thread, name):
            delattr(thread, name)
    thread_local.rpc_model_method = ""


PATCH = Patch(
    name="health",
    target="odoo.http:Application.__call__",
    reason="/web/health said pass on a standby, hung with the database, and answered 500 to "
    "probes without a Host header.",
    checked_on="19.0",
    contains=("with HTTPRequest(environ) as httprequest:", "request = Request(httprequest)"),
    wrap=_wrap,
)
