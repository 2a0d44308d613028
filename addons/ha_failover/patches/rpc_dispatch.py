"""Seams: ``service.model.dispatch`` and ``service.common.dispatch`` (XML-RPC and JSON-RPC)."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from .. import replay
from ..errors import DatabaseUnavailable, OutcomeUnknown
from ..work import Verdict


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def dispatch(method: str, params: Any) -> Any:
        try:
            return replay.run(lambda: original(method, params), lambda: None, f"RPC {method}")
        except replay.Unanswerable as error:
            # The protocol has no 503: a fault, with an error of Odoo's usual family.
            kind = DatabaseUnavailable if error.verdict is Verdict.EXPIRED else OutcomeUnknown
            raise kind(error.verdict.value) from error

    return dispatch


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
