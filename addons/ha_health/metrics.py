"""What Prometheus reads of this node, gathered over all of Odoo's processes.

prometheus-client's multiprocess mode: each process keeps its counts in files of one directory, which
whoever is asked reads. Nothing is counted here: the siblings count in plain numbers, and a thread in
each process brings those over, so that requests pay nothing for it. prometheus-client is optional.
"""

import atexit
import fcntl
import logging
import os
import shutil
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import odoo
from odoo.addons.ha_base import background

from .busy import is_alive
from .sampler import Samplers

_logger = logging.getLogger(__name__)

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "odoo-ha-metrics-"
_INTERVAL = 1.0
#: Where the counts of processes that are gone are added up.
_ENDED = "counter_0.db"
#: What reading the file of a process gives that is just making it.
_HALF_MADE = (struct.error, FileNotFoundError)
_ATTEMPTS, _PAUSE = 20, 0.05

_directory: Path | None = None
_reporting = 0
_lock = threading.Lock()


class Unavailable(Exception):
    """There are no metrics here; the text says what to do."""


def prepare() -> None:
    """Make the directory, before the fork and before prometheus-client is imported first."""
    global _directory
    if find_spec("prometheus_client") is None:
        _logger.info(
            "/web/metrics is off: this Odoo's Python lacks the package prometheus-client "
            "(pip install prometheus-client)"
        )
        return
    if getattr(odoo, "evented", False) and _VARIABLE in os.environ:
        _directory = Path(os.environ[_VARIABLE])  # its master made it
        return
    if _directory is not None:
        return
    mine = f"{_PREFIX}{os.getpid()}-"
    _sweep(Path(tempfile.gettempdir()), mine)
    _directory = Path(tempfile.mkdtemp(prefix=mine))
    os.environ[_VARIABLE] = str(_directory)
    atexit.register(_remove, _directory, os.getpid())


def report_from_here() -> None:
    """From now on this process's counts are brought over, until it ends. Cheap to call again."""
    global _reporting
    if _directory is None or _reporting == os.getpid():
        return
    with _lock:
        if _reporting == os.getpid():
            return
        _reporting = os.getpid()
    background.start(_report, "ha_health.metrics")


def page(samplers: Samplers, held: int) -> tuple[bytes, str]:
    """The page, and its content type; ``held`` requests wait now.

    :raises Unavailable: prometheus-client is missing
    """
    if _directory is None:
        raise Unavailable(
            "metrics need the Python package prometheus-client in Odoo's environment: "
            "pip install prometheus-client"
        )
    from prometheus_client.exposition import CONTENT_TYPE_LATEST  # noqa: PLC0415

    report_from_here()
    samplers.main.wait_for_first_look()
    for _attempt in range(_ATTEMPTS - 1):
        try:
            return _gather(_directory, samplers, held), CONTENT_TYPE_LATEST
        except _HALF_MADE:
            time.sleep(_PAUSE)
    return _gather(_directory, samplers, held), CONTENT_TYPE_LATEST


def _gather(directory: Path, samplers: Samplers, held: int) -> bytes:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415
    from prometheus_client.exposition import generate_latest  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    from .figures import NodeCollector  # noqa: PLC0415 (imports prometheus-client)

    registry = CollectorRegistry()
    registry.register(NodeCollector(samplers, held))
    with _locked(directory):
        _add_up_ended(directory)
        MultiProcessCollector(registry, str(directory))
        text: bytes = generate_latest(registry)
        return text


def _report() -> None:
    from .processes import Report  # noqa: PLC0415 (imports prometheus-client)

    report = Report()
    while True:
        try:
            report.bring_over()
        except Exception:
            _logger.exception("Metrics of this process stand still; goes on")
        time.sleep(_INTERVAL)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _add_up_ended(directory: Path) -> None:
    """Add the counters of processes that are gone to one file, and forget their gauges.

    Workers come and go for as long as the server runs, and each would leave files behind.
    """
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415

    for file in directory.glob("*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if file.name == _ENDED or is_alive(pid):
            continue
        if file.name.startswith("counter_"):
            try:
                counted = list(MmapedDict.read_all_values_from_file(str(file)))
            except struct.error:
                counted = []  # it was killed while it made the file
            total = MmapedDict(str(directory / _ENDED))
            for key, value, timestamp, _place in counted:
                total.write_value(key, total.read_value(key)[0] + value, timestamp)
            total.close()
        file.unlink()


def _sweep(parent: Path, mine: str) -> None:
    """Remove what servers left that were killed, and what this one had before it reloaded itself."""
    for left in parent.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if left.name.startswith(mine) or (pid.isdigit() and not is_alive(int(pid))):
            shutil.rmtree(left, ignore_errors=True)


def _remove(directory: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked worker
        shutil.rmtree(directory, ignore_errors=True)
