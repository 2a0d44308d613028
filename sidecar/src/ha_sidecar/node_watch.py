"""Asks this node's Odoo how it is, again and again, with hard timeouts; others read the memory."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import urllib3

from .errors import ConfigError
from .node import Answer, Switch, Verdict, count_of, facts_from, judge, read_switch

_log = structlog.get_logger("ha_sidecar.node")

#: Odoo's answer is small; more than this is none.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Sight:
    """What was seen of the node; ``error`` says why the last question had no answer."""

    answer: Answer | None = None
    switch: Switch = Switch.OFF
    switched_at: float | None = None
    error: str | None = None


class NodeWatcher(threading.Thread):
    """One thread that asks Odoo. Without ``url`` it only follows the drain file."""

    def __init__(
        self,
        url: str | None,
        drain_path: Path,
        *,
        interval: float,
        timeout: float,
        max_age: float,
        token: Callable[[], str] | None,
    ) -> None:
        super().__init__(name="node", daemon=True)
        self._url = url
        self._drain_path = drain_path
        self._interval = interval
        self._timeout = timeout
        self._max_age = max_age
        self._token = token
        self._sight = Sight()
        self._ending = threading.Event()
        self._http = urllib3.PoolManager(retries=False, maxsize=1)

    @property
    def sight(self) -> Sight:
        return self._sight

    def verdict(self, now: float) -> Verdict:
        """Judge what was seen last; quick, for any thread."""
        seen = self._sight
        return judge(seen.switch, seen.answer, now, self._max_age)

    def is_current(self, now: float) -> bool:
        """Did Odoo answer anything at all lately?"""
        answer = self._sight.answer
        return answer is not None and now - answer.asked_at <= self._max_age

    def status(self, now: float) -> dict[str, Any]:
        """Return what there is to tell people, for ``/status``."""
        seen, found = self._sight, self.verdict(now)
        answer = seen.answer
        return {
            "status": found.status,
            "agent": found.agent,
            "output": found.reason,
            "switch": str(seen.switch),
            "switched_seconds": None
            if seen.switched_at is None
            else round(max(0.0, time.time() - seen.switched_at), 1),
            "age_seconds": None if answer is None else round(now - answer.asked_at, 3),
            "workers": None if answer is None else answer.workers,
            "workers_free": None if answer is None else answer.free,
            "error": seen.error,
        }

    def end(self) -> None:
        self._ending.set()

    def run(self) -> None:
        while True:
            self.look()
            if self._ending.wait(self._interval):
                self._http.clear()
                return

    def look(self) -> None:
        """Look once: at the drain file, then at Odoo."""
        before = self._sight
        switch, switched_at = _read_drain_file(self._drain_path)
        # Known at once, whatever Odoo does.
        self._sight = Sight(before.answer, switch, switched_at, before.error)
        if switch is not before.switch:
            _log.info("node switched", to=str(switch))
        if self._url is None:
            return
        asked_at = time.monotonic()
        answer, error = before.answer, None
        try:
            answer = self._ask(asked_at)
        except (urllib3.exceptions.HTTPError, ConfigError, ValueError, OSError) as failure:
            error = str(failure)
        if (error is None) is not (before.error is None):
            _log.info("Odoo answers" if error is None else "Odoo does not answer", error=error)
        self._sight = Sight(answer, switch, switched_at, error)

    def _ask(self, asked_at: float) -> Answer:
        assert self._url is not None
        headers = {"User-Agent": "ha-sidecar", "Accept": "application/health+json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token()}"
        response = self._http.request(
            "GET",
            f"{self._url}/web/health",
            headers=headers,
            redirect=False,
            preload_content=False,
            timeout=urllib3.Timeout(total=self._timeout),
        )
        try:
            body = json.loads(response.read(_MOST_BYTES))
        finally:
            response.release_conn()
        body = body if isinstance(body, dict) else {}
        status = "fail" if response.status >= 400 else str(body.get("status", "fail"))
        before = self._sight.answer
        ready = status == "pass" or (before is not None and before.ready_once)
        return Answer(
            asked_at,
            status,
            free=count_of(body, "workers:free"),
            workers=count_of(body, "workers:all"),
            ready_once=ready,
            facts=facts_from(body),
        )


def _read_drain_file(path: Path) -> tuple[Switch, float | None]:
    """Return what it says, and since when (Unix time). One that can't be read drains."""
    try:
        return read_switch(path.read_text(errors="replace")), path.stat().st_mtime
    except FileNotFoundError:
        return Switch.OFF, None
    except OSError:
        return Switch.DRAIN, None
