"""Seam: ``Worker.start``, which each forked worker runs first, those for scheduled jobs too."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from .. import metrics


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def start(self: Any) -> None:
        original(self)
        metrics.report_from_here()

    return start


PATCH = Patch(
    name="health-worker-start",
    target="odoo.service.server:Worker.start",
    reason="What a worker counts must reach /web/metrics, also while it is never asked for it.",
    checked_on="19.0",
    contains=("self.pid = os.getpid()",),
    wrap=_wrap,
)
