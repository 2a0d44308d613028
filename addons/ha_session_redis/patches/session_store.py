"""Odoo's session store is built once a process: build the one on Redis instead of files."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch
from odoo.addons.ha_base.settings import current

from ..settings import Settings
from ..store import RedisSessionStore


def _wrap(_original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def session_store(_application: Any) -> RedisSessionStore:
        return RedisSessionStore(current(Settings), watched=True)

    return session_store


PATCH = Patch(
    name="redis_session_store",
    target="odoo.http:Application.session_store",
    reason="files are known to one node only",
    checked_on="19.0",
    contains=("return FilesystemSessionStore(path, session_class=Session, renew_missing=True)",),
    wrap=_wrap,
)
