"""What every test that starts servers needs: an orderly end when the run is asked to stop."""

from __future__ import annotations

import signal
from types import FrameType

import pytest


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(f"signal {number}")


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM ends the run as Ctrl-C does, so that the fixtures stop their servers."""
    signal.signal(signal.SIGTERM, _interrupt)
