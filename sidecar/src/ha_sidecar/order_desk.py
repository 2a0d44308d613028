"""What people may have this sidecar do through its socket, where ``socket_orders`` allows it.

Draining writes a file. A switchover is the command ``ha-sidecar switchover`` in a process of its own,
with this sidecar's settings: those must then name who may write in etcd and ask Patroni.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from .api import Order
from .document import timestamp
from .drain import drain_path, put
from .node import Switch
from .settings import Settings

_log = structlog.get_logger("ha_sidecar.orders")

#: Lines of the command's progress that are kept.
_MOST_LINES = 40
_SWITCHES = {True: Switch.DRAIN, False: Switch.OFF}


class OrderDesk:
    """Takes orders from the API's threads, one switchover at a time."""

    def __init__(self, settings: Settings, arguments: Sequence[str] | None = None) -> None:
        """``arguments`` are those that this process was started with."""
        self._settings = settings
        given = sys.argv[1:] if arguments is None else arguments
        self._arguments = [each for each in given if each != "run"]
        self._lock = threading.Lock()
        self._running: subprocess.Popen[str] | None = None
        self._last: dict[str, Any] | None = None

    def orders(self) -> dict[str, Order]:
        """By the API's path."""
        return {"/drain": self._drain, "/switchover": self._switchover}

    def status(self) -> dict[str, Any]:
        """What is allowed, and the last switchover: its progress, then how it ended."""
        with self._lock:
            last = None if self._last is None else {**self._last, "lines": [*self._last["lines"]]}
        return {"allowed": list(self._settings.socket_orders), "switchover": last}

    def _refusal(self, wanted: str) -> str | None:
        if wanted in self._settings.socket_orders:
            return None
        allowed = json.dumps([*self._settings.socket_orders, wanted])
        return f"this sidecar takes no such order: set socket_orders = {allowed} and restart it"

    def _drain(self, wanted: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        if (refusal := self._refusal("drain")) is not None:
            return 403, {"error": refusal}
        drain = wanted.get("drain")
        if not isinstance(drain, bool):
            return 400, {"error": "drain should be true or false"}
        to, path = _SWITCHES[drain], drain_path(self._settings)
        try:
            put(path, to)
        except OSError as error:
            return 409, {"error": f"drain_path: {path} can't be changed ({error.strerror})"}
        _log.info("ordered", order="drain" if drain else "undrain", by=_by(wanted))
        return 200, {"switch": str(to)}

    def _switchover(self, wanted: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        if (refusal := self._refusal("switchover")) is not None:
            return 403, {"error": refusal}
        candidate = wanted.get("candidate")
        if not isinstance(candidate, str) or not candidate or candidate.startswith("-"):
            return 400, {"error": "candidate should be the name of a replica"}
        with self._lock:
            if self._running is not None:
                return 409, {"error": "a switchover is under way"}
            command = [sys.executable, "-m", "ha_sidecar", "switchover", *self._arguments]
            command += ["--json", "--candidate", candidate]
            try:
                self._running = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            except OSError as error:
                return 409, {"error": f"ha-sidecar switchover can't be started: {error.strerror}"}
            self._last = {
                "candidate": candidate,
                "by": _by(wanted),
                "started_at": timestamp(datetime.now(UTC)),
                "lines": [],
                "running": True,
                "outcome": None,
            }
            threading.Thread(target=self._follow, args=[self._running], daemon=True).start()
        _log.info("ordered", order="switchover", candidate=candidate, by=_by(wanted))
        return 202, {"started": True}

    def _follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            with self._lock:
                assert self._last is not None
                self._last["lines"] = [*self._last["lines"], line.rstrip()][-_MOST_LINES:]
        said = process.stdout.read()
        process.wait()
        outcome: dict[str, Any] = {"outcome": "failed"}
        with contextlib.suppress(ValueError):
            outcome = json.loads(said)
        _log.info("switchover ended", outcome=outcome.get("outcome"), code=process.returncode)
        with self._lock:
            assert self._last is not None
            self._last |= {"running": False, "outcome": outcome, "code": process.returncode}
            self._running = None


def _by(wanted: Mapping[str, Any]) -> str:
    """Who ordered it, as the asker says, for the log."""
    return str(wanted.get("by", "unknown"))[:100]
