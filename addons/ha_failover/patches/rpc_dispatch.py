"""Seams: ``service.model.dispatch`` and ``service.common.dispatch`` (XML-RPC and JSON-RPC)."""

import json
from collections.abc import Callable
from typing import Any

from odoo import http
from odoo.addons.ha_base.patches import Patch

from .. import replay, work
from ..errors import DatabaseUnavailable, OutcomeUnknown
from ..resubmission.answer import LARGEST_BODY
from ..resubmission.request import request_of
from ..work import Verdict


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def dispatch(method: str, params: Any) -> Any:
        outer, request = work.current(), None
        if outer is not None:
            request = outer.request
        elif http.request and params and isinstance(params[0], str):
            request = request_of(http.request.httprequest, params[0])
        try:
            return replay.run(
                lambda: original(method, params),
                lambda: None,
                f"RPC {method}",
                request=request,
                keep=_keep,
            )
        except replay.AnsweredBefore as before:
            return json.loads(before.answer)
        except replay.Unanswerable as error:
            # The protocol has no 503: a fault, with an error of Odoo's usual family.
            kind = DatabaseUnavailable if error.verdict is Verdict.EXPIRED else OutcomeUnknown
            raise kind(error.verdict.value) from error

    return dispatch


def _keep(result: Any) -> bytes | None:
    try:
        kept = json.dumps(result).encode()
    except (TypeError, ValueError):
        return None  # dates and the like, which XML-RPC knows and JSON doesn't
    return kept if len(kept) <= LARGEST_BODY else None


PATCH = Patch(
    name="rpc-dispatch",
    target="odoo.service.model:dispatch",
    reason="RPC calls open their own cursor and retry, apart from the HTTP request's.",
    checked_on="19.0",
    contains=(
        "def dispatch(method, params):",
        "res = execute_cr(cr, uid, model, method_, args, kw)",
        "registry.signal_changes()",
    ),
    wrap=_wrap,
)
PATCH_COMMON = Patch(
    name="rpc-dispatch-common",
    target="odoo.service.common:dispatch",
    reason="A login over RPC opens its own cursor too.",
    checked_on="19.0",
    contains=("def dispatch(method, params):",),
    wrap=_wrap,
)
