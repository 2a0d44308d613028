"""Seam: ``Request._update_served_exception``."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from ..errors import was_lost


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def _update_served_exception(self: Any, exc: Exception) -> Exception:
        if was_lost(exc):
            return exc  # to be replayed or answered 503; nobody will see an error page of it
        result: Exception = original(self, exc)
        return result

    return _update_served_exception


PATCH = Patch(
    name="served-exception",
    target="odoo.http:Request._update_served_exception",
    reason="Stock renders an error page for every exception, for which some addons query the "
    "database that just went away.",
    checked_on="19.0",
    contains=("exc.error_response = self.registry['ir.http']._handle_error(exc)",),
    wrap=_wrap,
)
