"""Seam: ``service.model.retrying``."""

from collections.abc import Callable
from typing import Any

from odoo import sql_db
from odoo.addons.ha_base.patches import Patch

from .. import work
from ..errors import ConnectionLost, was_lost


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def retrying(func: Callable[[], Any], env: Any) -> Any:
        unit = work.current()
        if unit is None:
            return original(func, env)
        unit.cursor = env.cr
        returned: list[Any] = []  # the last result and the commits counted when it was returned

        def observed() -> Any:
            returned.clear()
            unit.returned = work.MISSING
            result = func()
            returned[:] = (result, unit.commits)
            unit.returned = result
            return result

        try:
            result = original(observed, env)
        except Exception as error:
            # The last commit is done, then the connection died: in a post-commit hook or while
            # the caches were signalled. The work stands.
            if returned and unit.commits > returned[1] and was_lost(error):
                unit.result = returned[0]
            raise
        _refuse_swallowed(env.cr)
        unit.result = result
        return result

    return retrying


def _refuse_swallowed(cursor: Any) -> None:
    """``retrying`` skips the COMMIT of a closed cursor; closed by whom makes the difference."""
    if not isinstance(cursor, sql_db.Cursor) or cursor._closed:
        return  # the work closed its cursor itself
    if cursor._ha_broken is not None or (cursor._ha_wrote and cursor._cnx.closed):
        raise ConnectionLost(
            "the connection was lost in this transaction, and the error was ignored"
        ) from cursor._ha_broken


PATCH = Patch(
    name="retrying",
    target="odoo.service.model:retrying",
    reason="What a request returned and whether its last commit is done decide between replay "
    "and answer; and COMMIT must not be skipped in silence when the connection died.",
    checked_on="19.0",
    contains=(
        "if not env.cr.closed: env.cr.commit()",
        "env.registry.signal_changes() return result",
    ),
    wrap=_wrap,
)
