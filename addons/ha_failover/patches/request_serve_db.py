"""Seam: ``Request._serve_db``."""

from collections.abc import Callable
from typing import Any

from odoo import http
from odoo.addons.ha_base.patches import Patch
from odoo.exceptions import UserError
from werkzeug.wrappers import Response

from .. import replay, work
from ..resubmission import answer
from ..resubmission.request import request_of
from ..work import Verdict

#: Seconds after which a browser or balancer may try again.
RETRY_AFTER = 5

_MESSAGES = {
    Verdict.EXPIRED: "The database is not available. Nothing was saved; please try again.",
    Verdict.UPLOAD: "The database failed over during the upload. Nothing was saved; please send "
    "it again.",
    Verdict.PARTIAL: "The database failed over in the middle of this operation, after a part of it "
    "was saved. Please check what was done before you repeat it.",
    Verdict.UNKNOWN: "The database failed over while this operation was being saved, and whether it "
    "was saved could not be found out. Please check before you repeat it.",
    Verdict.ANSWERED: "The server that worked on this operation was lost after it had saved it, at "
    "least in part. Please check what was done before you repeat it.",
    Verdict.REFUSED: "The server that worked on this operation was lost. Nothing was saved; please "
    "try again.",
}


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def _serve_db(self: Any) -> Any:
        if work.current() is not None:
            return original(self)
        path = self.httprequest.path
        label = f"{self.httprequest.method} {path}"
        try:
            return replay.run(
                lambda: original(self),
                lambda: _rewind(self),
                label,
                request=request_of(self.httprequest, self.db),
                keep=lambda response: _keep(self, response),
            )
        except replay.AnsweredBefore as before:
            status, headers, body = answer.decode(before.answer)
            return Response(body, status, headers)
        except replay.Unanswerable as error:
            return _answer(self, error.verdict)

    return _serve_db


def _keep(request: Any, response: Any) -> bytes | None:
    if response.is_streamed or response.is_qweb:
        return None
    return answer.encode(
        response.status_code,
        list(response.headers.items()),
        response.get_data(),
        session_cookie=request.httprequest.cookies.get("session_id"),
    )


def _rewind(request: Any) -> None:
    """Put the request back to where it was before ``_serve_db``."""
    for _name, file in request.httprequest.files.items(multi=True):
        if not (hasattr(file, "seekable") and file.seekable()):
            raise replay.Unanswerable(Verdict.UPLOAD)
        file.seek(0)
    request.future_response = http.FutureResponse()
    request.dispatcher = http._dispatchers["http"](request)
    request.registry = None
    request.env = None
    request.session, request.db = request._get_session_and_dbname()


def _answer(request: Any, verdict: Verdict) -> Any:
    """A clear answer that neither logs anybody out nor touches the session.

    Only where nothing was saved may a browser or balancer try again by itself. Otherwise a person
    must decide, so an RPC client gets an error that the web client shows in a dialog (of a 503 it
    only says "connection lost").
    """
    if verdict is not Verdict.EXPIRED and request.dispatcher.routing_type != "http":
        return request.dispatcher.handle_error(UserError(_MESSAGES[verdict]))
    repeatable = verdict in (Verdict.EXPIRED, Verdict.UPLOAD, Verdict.REFUSED)
    headers = {"Cache-Control": "no-store"}
    if repeatable:
        headers["Retry-After"] = str(RETRY_AFTER)
    return Response(
        _MESSAGES[verdict] + "\n",
        status=503 if repeatable else 500,
        headers=headers,
        content_type="text/plain; charset=utf-8",
    )


PATCH = Patch(
    name="request-serve-db",
    target="odoo.http:Request._serve_db",
    reason="Stock answers a request that meets a failover with an error, or takes the database "
    "for unusable and logs the user out.",
    checked_on="19.0",
    contains=(
        "cr = registry.cursor(readonly=True)",
        "except (AttributeError, psycopg2.OperationalError, psycopg2.ProgrammingError) as e: "
        "raise RegistryError",
        "return service_model.retrying(serve_func, env=self.env)",
        "raise self._update_served_exception(exc)",
    ),
    wrap=_wrap,
)
