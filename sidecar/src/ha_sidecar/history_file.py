"""Keeps the history of outages in ``state_dir``, and samples of the replicas' lag in memory."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from .cluster import ClusterView
from .history import Outage, fold, from_json
from .state import State

_log = structlog.get_logger("ha_sidecar.history")

VERSION = 1
#: Seconds between two samples of lag, and how many are kept: ten minutes.
SAMPLE_EVERY, SAMPLES = 5.0, 120


class History:
    """``saw`` and ``sample`` are for the driver, ``status`` for any thread.

    What can't be written is kept in memory: the history is for people, nothing depends on it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = _read(path)
        self._samples: deque[dict[str, tuple[int | None, float | None]]] = deque(maxlen=SAMPLES)
        self._sampled_at: float | None = None
        self._lock = threading.Lock()

    def saw(
        self, before: State, after: State, view: ClusterView | None, reason: str, now: datetime
    ) -> None:
        """Take in one decision."""
        records = fold(self._records, before, after, view, reason, now)
        if records is self._records:
            return
        self._records = records
        try:
            _write(self.path, records)
        except OSError as error:
            _log.error(
                "the history can't be written down",
                setting="state_dir", path=str(self.path), error=error.strerror,
            )  # fmt: skip

    def sample(self, replicas: Sequence[dict[str, Any]], now: float) -> None:
        """Keep the lags of the topology document's ``replicas``, every ``SAMPLE_EVERY`` seconds."""
        if self._sampled_at is not None and now - self._sampled_at < SAMPLE_EVERY:
            return
        self._sampled_at = now
        found = {each["name"]: (each["lag_bytes"], each["lag_seconds"]) for each in replicas}
        with self._lock:
            self._samples.append(found)

    def status(self) -> dict[str, Any]:
        """For ``/history``: outages, oldest first, and each replica's lag, oldest first; null
        where it wasn't known."""
        with self._lock:
            samples = list(self._samples)
        names = sorted({name for sample in samples for name in sample})
        return {
            "outages": [record.as_json() for record in self._records],
            "lag": {
                "every_seconds": SAMPLE_EVERY,
                "replicas": {
                    name: {
                        "bytes": [sample.get(name, (None, None))[0] for sample in samples],
                        "seconds": [sample.get(name, (None, None))[1] for sample in samples],
                    }
                    for name in names
                },
            },
        }


def _read(path: Path) -> tuple[Outage, ...]:
    try:
        data = json.loads(path.read_text())
        return tuple(from_json(each) for each in data["outages"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("the history can't be read; it begins anew", path=str(path), error=str(error))
        return ()


def _write(path: Path, records: Sequence[Outage]) -> None:
    temporary = path.with_suffix(".new")
    text = json.dumps({"version": VERSION, "outages": [each.as_json() for each in records]})
    temporary.write_text(text)
    temporary.replace(path)
