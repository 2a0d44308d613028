"""Static files need no session: serve them while Redis is away, and spare it the reads."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from odoo import http
from odoo.addons.ha_base.patches import Patch

from ..store import RedisSessionStore


def _wrap(original: Callable[[Any], None]) -> Callable[[Any], None]:
    def _post_init(self: Any) -> None:
        store = http.root.session_store
        if (
            not isinstance(store, RedisSessionStore)
            or not http.root.get_static_file(self.httprequest.path)
            or _debugs_assets(self.httprequest.referrer)
        ):
            original(self)
            return
        self.session, self.db = store.new(), None
        self.session.update(http.get_default_session())
        self.session.can_save = False
        self._post_init = None

    return _post_init


def _debugs_assets(referrer: str | None) -> bool:
    """A developer's page: its session says that static files must not be cached."""
    modes = parse_qs(urlsplit(referrer or "").query).get("debug", ())
    return any("assets" in mode for mode in modes)


PATCH = Patch(
    name="static_files_without_session",
    target="odoo.http:Request._post_init",
    reason="the session is read before static files are served, which need none",
    checked_on="19.0",
    contains=("self.session, self.db = self._get_session_and_dbname()", "self._post_init = None"),
    wrap=_wrap,
)
