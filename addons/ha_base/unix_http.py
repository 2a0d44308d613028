"""One question over HTTP to a program of this node that listens on a Unix socket, with a deadline."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

_MOST_BYTES = 1 << 20


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("sidecar", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def exchange(
    where: Path, method: str, target: str, data: dict[str, Any] | None, timeout: float
) -> tuple[int, Any]:
    """The status and the JSON of the answer.

    :param timeout: seconds for each step of it
    :raises OSError, http.client.HTTPException, ValueError: no answer, or none in JSON
    """
    connection = _Connection(where, timeout)
    try:
        body = None if data is None else json.dumps(data)
        connection.request(method, target, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read(_MOST_BYTES))
    finally:
        connection.close()
