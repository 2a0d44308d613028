"""Seam: ``Registry.check_signaling``."""

import logging
from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from .. import caches

_logger = logging.getLogger(__name__)


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def check_signaling(self: Any, cr: Any = None) -> Any:
        if not caches.trusted(self):
            # Not clear_all_caches: that would be told to every other process, as if changed here.
            for cache in self._Registry__caches.values():
                cache.clear()
            _logger.info("The database may be another one now: caches cleared")
        return original(self, cr)

    return check_signaling


PATCH = Patch(
    name="registry-check-signaling",
    target="odoo.orm.registry:Registry.check_signaling",
    reason="The new primary's sequences may equal the old one's though its data differs, and "
    "stock then goes on with what it has cached.",
    checked_on="19.0",
    contains=(
        "def check_signaling(self, cr: BaseCursor | None = None) -> Registry:",
        "self.__caches[cache].clear()",
    ),
    wrap=_wrap,
)
