"""Seam: ``Registry.check_signaling``."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from odoo.addons.ha_base.patches import Patch
from odoo.tools.lru import LRU

from .. import caches

_logger = logging.getLogger(__name__)

_ASK = """
    SELECT CASE WHEN NOT replica THEN ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int END,
           CASE WHEN NOT replica THEN (pg_current_wal_insert_lsn() - '0/0')::bigint END
    FROM (SELECT pg_is_in_recovery() AS replica) AS server
"""


class _Watched(LRU[Any, Any]):
    """Tells whether anything was added since somebody asked."""

    __slots__ = ("added",)

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.added = False

    def __setitem__(self, key: Any, value: Any) -> None:
        LRU.__setitem__(self, key, value)
        self.added = True


@dataclass
class _Lasting:
    """What is known of one registry's lasting caches; ``bound`` None: nothing."""

    watched: list[_Watched]
    bound: caches.Bound | None = None
    sequences: dict[str, int] = field(default_factory=dict)
    binding: threading.Lock = field(default_factory=threading.Lock)

    def unchanged(self, registry: Any) -> bool:
        return self.sequences == registry.cache_sequences and not any(c.added for c in self.watched)


def _lasting(registry: Any) -> _Lasting:
    found: _Lasting | None = getattr(registry, "_ha_lasting", None)
    if found is None:
        all_caches = registry._Registry__caches
        for name in caches.LASTING:
            all_caches[name] = _Watched(all_caches[name].count)
        found = registry._ha_lasting = _Lasting([all_caches[name] for name in caches.LASTING])
    return found


def _clear_distrusted(registry: Any, lasting: _Lasting) -> None:
    bound = lasting.bound if lasting.unchanged(registry) else None
    lasting.bound = bound.after(caches.last_move()) if bound else None
    # Not clear_all_caches: that would be told to every other process, as if changed here.
    for name, cache in registry._Registry__caches.items():
        if lasting.bound is None or name not in caches.LASTING:
            cache.clear()
    _logger.info(
        "The database may be another one now: %s",
        "all caches cleared" if lasting.bound is None else "caches cleared that change often",
    )


def _bind(registry: Any, lasting: _Lasting, cr: Any) -> None:
    """Learn before which position of the WAL all that is cached was committed."""
    if not lasting.binding.acquire(blocking=False):
        return  # another thread does; what it misses is asked for next time
    try:
        lasting.bound = None
        lasting.sequences = dict(registry.cache_sequences)
        for cache in lasting.watched:
            cache.added = False
        # What is added from here on makes it unknown again. So ask after that, not before.
        cr.execute(_ASK)
        timeline, lsn = cr.fetchone()
        if lsn is not None:
            lasting.bound = caches.Bound(lsn, frozenset({timeline}))
    finally:
        lasting.binding.release()


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def check_signaling(self: Any, cr: Any = None) -> Any:
        lasting = _lasting(self)
        generation = caches.generation()
        if getattr(self, "_ha_generation", 0) != generation:
            _clear_distrusted(self, lasting)
            # Only now: another thread must not go on with what is still being cleared.
            self._ha_generation = generation
        registry = original(self, cr)
        known = lasting.bound is not None and lasting.unchanged(self)
        # Only a proven primary can say it: a read replica would be asked in vain at each request.
        proven = getattr(getattr(cr, "_cnx", None), "_ha_server", None) is not None
        if not known and proven and registry is self:
            _bind(self, lasting, cr)
        return registry

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
