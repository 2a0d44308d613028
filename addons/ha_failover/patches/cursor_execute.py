"""Seams: ``Cursor.execute``, and what reaches psycopg2's cursor around it."""

from collections.abc import Callable
from typing import Any

import psycopg2
from odoo.addons.ha_base.patches import Patch

from ..errors import is_lost
from ..marker.wrote import wrote


def _wrap_execute(original: Callable[..., Any]) -> Callable[..., Any]:
    def execute(self: Any, query: Any, params: Any = None, log_exceptions: bool = True) -> None:
        try:
            original(self, query, params, log_exceptions)
        except psycopg2.Error as error:
            if is_lost(error) and not self._closed:
                # Remembered: code above may swallow the error, and the commit must then fail.
                self._ha_broken = error
                if not self._cnx.closed:
                    self._cnx.close()  # a demoted server keeps the link, and is of no use
            raise
        if self._ha_wrote is False:
            self._ha_wrote = wrote(self._obj.statusmessage, self._obj.query)

    return execute


#: Methods of psycopg2's cursor that Odoo's passes through.
_WRITING = frozenset({"copy_expert", "copy_from", "executemany", "callproc"})
#: A cursor that is older than the patches is as Odoo made it: `odoo db` loads the addons with one open.
_OLDER = {"_ha_wrote": None, "_ha_broken": None}


def _wrap_getattr(original: Callable[..., Any]) -> Callable[..., Any]:
    def __getattr__(self: Any, name: str) -> Any:  # noqa: N807
        if name in _OLDER:
            return _OLDER[name]
        if name in _WRITING and self._ha_wrote is not None:
            self._ha_wrote = True
        return original(self, name)

    return __getattr__


PATCH = Patch(
    name="cursor-execute",
    target="odoo.sql_db:Cursor.execute",
    reason="Code that swallows the error of a dead connection got 200 without COMMIT; and only "
    "transactions that wrote shall carry a marker.",
    checked_on="19.0",
    contains=(
        "def execute(self, query, params=None, log_exceptions: bool = True) -> None:",
        "self._obj.execute(query, params)",
    ),
    wrap=_wrap_execute,
)
PATCH_PASSED_THROUGH = Patch(
    name="cursor-getattr",
    target="odoo.sql_db:Cursor.__getattr__",
    reason="COPY and the like go to psycopg2's cursor directly, unseen by execute.",
    checked_on="19.0",
    contains=("return getattr(self._obj, name)",),
    wrap=_wrap_getattr,
)
