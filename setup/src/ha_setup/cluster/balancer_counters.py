"""What HAProxy counted of its backends."""

from __future__ import annotations

import requests

from ha_setup.cluster.health import get
from ha_setup.cluster.layout import Layout


def sent_again(layout: Layout, backend: str) -> int | None:
    """How many requests HAProxy had to send a second time; None when it does not answer."""
    try:
        return parse_sent_again(get(f"{layout.stats_url};csv").text, backend)
    except requests.RequestException:
        return None


def parse_sent_again(text: str, backend: str) -> int:
    """The columns wretr and wredis of the backend's own row. Pure."""
    for row in (line.split(",") for line in text.splitlines()):
        if len(row) > 17 and row[:2] == [backend, "BACKEND"]:
            return int(row[15] or 0) + int(row[16] or 0)
    return 0
