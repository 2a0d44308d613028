"""Workers that Odoo's master killed because a request took longer than limit_time_real: it says so in its log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

# "WorkerHTTP (4711) timeout after 60s", of odoo.service.server; cron workers alike.
_KILLED = re.compile(rb"\bWorker\w* \(\d+\) timeout after \d")


class HungWorkers:
    """Counts in what is added to these logs from now on."""

    def __init__(self, logs: Iterable[Path]) -> None:
        self._sizes = {log: _size(log) for log in logs}

    def count(self) -> int:
        return sum(_count(log, since) for log, since in self._sizes.items())


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _count(log: Path, since: int) -> int:
    if not log.exists():
        return 0
    with log.open("rb") as file:
        # A large one was put aside when its node was started again, and this is a new one.
        file.seek(since if _size(log) >= since else 0)
        return sum(bool(_KILLED.search(line)) for line in file)
