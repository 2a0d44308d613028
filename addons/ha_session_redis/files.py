"""Stock Odoo's sessions in files, as a store to come from. Nothing is written here."""

import contextlib
import json
import os
import time
from collections.abc import Iterable

from odoo.http import STORED_SESSION_BYTES, FilesystemSessionStore, Session
from odoo.tools import config


class Files:
    """The directory ``sessions`` below Odoo's ``data_dir``, which need not exist."""

    def __init__(self) -> None:
        self._path = os.path.join(config["data_dir"], "sessions")

    def fetch(self, sid: str) -> tuple[dict, float] | None:
        """(session, seconds since it was saved), None where there is no such file."""
        path = os.path.join(self._path, sid[:2], sid)
        try:
            with open(path, encoding="utf-8") as file:
                session = json.load(file)
            age = time.time() - os.path.getmtime(path)
        except (OSError, ValueError, RecursionError):
            return None
        return (session, age) if session and isinstance(session, dict) else None

    def missing(self, identifiers: Iterable[str]) -> set[str]:
        """Those of ``identifiers`` that have no file."""
        return self._stock().get_missing_session_identifiers(identifiers)

    def drop(self, sids: Iterable[str]) -> None:
        """Delete the files of sids that were rotated, as stock would."""
        for sid in sids:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._path, sid[:2], sid))

    def drop_identifiers(self, identifiers: Iterable[str]) -> None:
        """Delete the files of sessions that were logged out or revoked, as stock would."""
        if os.path.isdir(self._path):
            names = [identifier[:STORED_SESSION_BYTES] for identifier in identifiers]
            self._stock().delete_from_identifiers(names)

    def _stock(self) -> FilesystemSessionStore:
        return FilesystemSessionStore(self._path, session_class=Session, renew_missing=True)
