"""``ha-sidecar alerts``: what the running sidecar says of the alerts, and what it is told of them."""

from __future__ import annotations

import getpass
import http.client
import json
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from ..errors import ConfigError, SidecarError
from ..settings import Settings
from .sender import send_test

#: Seconds that the sidecar may take to answer.
TIMEOUT = 10.0
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
USAGE = (
    "alerts [list] | test | silence ALERT [2h] | unsilence ALERT | forget NODE-OR-STANDBY"
    " (ALERT: an alert's id, or a check's)"
)

Json = dict[str, Any]


def alerts(settings: Settings, words: Sequence[str], out: TextIO) -> int:
    """Carry out the command; return the exit code. Raises ConfigError, SidecarError."""
    match list(words):
        case [] | ["list"]:
            return _list(_ask(settings.socket_path, "GET", "/alerts"), out)
        case ["test"]:
            return _test(settings, out)
        case ["silence", name, *rest] if len(rest) <= 1:
            seconds = _seconds(rest[0] if rest else "1h")
            data = {"id": name, "seconds": seconds, "by": getpass.getuser()}
            _ask(settings.socket_path, "POST", "/alerts/silence", data)
            print(f"nothing is told of {name} for {seconds} s", file=out)
        case ["unsilence", name]:
            _ask(settings.socket_path, "POST", "/alerts/unsilence", {"id": name})
            print(f"{name} is told of again", file=out)
        case ["forget", name]:
            _ask(settings.socket_path, "POST", "/alerts/forget", {"name": name})
            print(f"{name} is forgotten, unless it is still there", file=out)
        case _:
            raise ConfigError(f"usage: ha-sidecar {USAGE}")
    return 0


def _list(found: Json, out: TextIO) -> int:
    if found["problem"]:
        print(f"problem: {found['problem']}", file=out)
    print(f"alerter: {found['alerter'] or 'none'}", file=out)
    for one in found["alerts"]:
        quiet = ""
        if one["silenced_until"]:
            quiet = f" (silenced until {one['silenced_until']})"
        elif one["muted_by"]:
            quiet = f" (muted by {one['muted_by']})"
        print(
            f"{one['severity']:8} {one['id']}: {one['message']}, since {one['since']}{quiet}",
            file=out,
        )
    if not found["alerts"]:
        print("no alerts", file=out)
    for one in found["silences"]:
        print(f"silenced {one['id']} until {one['until']}", file=out)
    return 1 if found["alerts"] else 0


def _test(settings: Settings, out: TextIO) -> int:
    taken = send_test(settings.scope, settings.alert_urls_file)
    for name, well in taken.items():
        print(f"{'ok  ' if well else 'FAIL'}  {name}", file=out)
    return 0 if all(taken.values()) else 1


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([mhd])", text)
    if found is None:
        raise ConfigError(f"{text} should be a duration such as 30m, 2h or 1d")
    return int(found[1]) * _UNITS[found[2]]


def _ask(path: Path, method: str, page: str, data: Mapping[str, Any] | None = None) -> Json:
    """Ask the running sidecar on its socket."""
    connection = _UnixConnection(path)
    try:
        body = None if data is None else json.dumps(data)
        connection.request(method, page, body, {"Host": "sidecar"})
        answer = connection.getresponse()
        found = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SidecarError(
            f"socket_path: the sidecar doesn't answer on {path} ({why}); does it run, and may"
            " this user open the socket?"
        ) from None
    finally:
        connection.close()
    if answer.status != 200 or not isinstance(found, dict):
        raise SidecarError(str(found["error"]))
    return found


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("sidecar", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))
