"""Seam: ``Cursor.commit``."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from .. import fence


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def commit(self: Any) -> None:
        fence.check(self)
        original(self)

    return commit


PATCH = Patch(
    name="cron-fence",
    target="odoo.sql_db:Cursor.commit",
    reason="A job of a deposed leader must not commit, whichever cursor it uses.",
    checked_on="19.0",
    contains=("self.flush() self._cnx.commit()",),
    wrap=_wrap,
)
