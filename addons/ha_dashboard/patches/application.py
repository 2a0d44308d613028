"""Seam: ``Application.__call__``.

While the database fails over, whatever needs a cursor is held. The page that shows the failover is then
answered before Odoo builds a request, and each request's end is when its cost to users is known.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from odoo.addons.ha_base.patches import Patch
from odoo.addons.ha_failover import status as failover

from .. import live, process, reporter
from ..ledger import NAMES


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def __call__(  # noqa: N807
        self: Any, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        reporter.begin()
        if environ.get("PATH_INFO") == live.PATH:
            return live.answer(environ, start_response)
        try:
            return original(self, environ, start_response)
        finally:
            node, counted = process.node(), failover.counted()
            if node is not None:
                node.ledger.bring(tuple(getattr(counted, name) for name in NAMES), time.time())

    return __call__


PATCH = Patch(
    name="dashboard",
    target="odoo.http:Application.__call__",
    reason="The dashboard must show an outage of the database while it lasts.",
    checked_on="19.0",
    contains=("with HTTPRequest(environ) as httprequest:", "request = Request(httprequest)"),
    wrap=_wrap,
)
