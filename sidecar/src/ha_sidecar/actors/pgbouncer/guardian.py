"""A process of its own that resumes PgBouncer when the sidecar that paused it is gone or hangs.

Started by the sidecar before its first PAUSE. Its standard input is a pipe: one line of JSON (how to reach the console), then ``paused`` at least
every ``SILENCE`` seconds for as long as the pause lasts, and ``running`` after it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from ...config import read_secret
from ...errors import ActorError
from ...session import Credentials
from .console import Access, Console

#: Seconds without a word after which a pause is ended, though the pipe is open.
SILENCE = 3.5
#: Seconds for which an unreachable PgBouncer is tried; when it restarts it isn't paused any more.
PERSISTENCE = 60.0


class Guardian:
    """The sidecar's side of the pipe."""

    def __init__(self, access: Access, password_file: Path | None) -> None:
        login = access.credentials
        self._greeting = {
            "host": access.host,
            "port": access.port,
            "user": login.user,
            "database": login.database,
            "sslmode": login.sslmode,
            "password_file": str(password_file) if password_file else None,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, *, paused: bool) -> None:
        """Say what holds; a guardian that died is replaced. Raises ActorError without one."""
        if not paused and self._process is None:
            return
        for _ in range(2):
            try:
                pipe = self._pipe()
                pipe.write(b"paused\n" if paused else b"running\n")
                pipe.flush()
                return
            except OSError:
                self._drop()
        raise ActorError("the process that would end a pause can't be started")

    def end(self) -> None:
        """Close the pipe; what is paused it resumes."""
        self._drop()

    def _pipe(self) -> IO[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(self._greeting).encode() + b"\n")
        assert self._process.stdin is not None
        return self._process.stdin

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            try:
                process.stdin.close()
                process.wait(2 * SILENCE)
            except (OSError, subprocess.TimeoutExpired):
                pass  # it goes on alone


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the pipe, its work done
    lines = _Lines(0)
    first = lines.next(None)
    if first:
        _watch(lines, json.loads(first))


def _watch(lines: _Lines, greeting: dict[str, str]) -> None:
    paused = False
    while True:
        line = lines.next(SILENCE if paused else None)
        if line == b"paused":
            paused = True
        elif line == b"running":
            paused = False
        elif paused:
            _resume(_access(greeting))
            paused = False
        if line == b"":
            return


def _access(greeting: dict[str, str]) -> Access:
    file = greeting["password_file"]
    password = (lambda: read_secret("pgbouncer_password_file", Path(file))) if file else None
    login = Credentials(greeting["user"], greeting["database"], password, greeting["sslmode"])
    return Access(greeting["host"], int(greeting["port"]), login)


def _resume(access: Access) -> None:
    until = time.monotonic() + PERSISTENCE
    console = Console(access)
    while time.monotonic() < until:
        try:
            was = console.resume()
        except ActorError as error:
            print(f"ha-sidecar guardian: {error}; trying on", file=sys.stderr)
            time.sleep(0.25)
        else:
            if was:
                print("ha-sidecar guardian: the sidecar is gone; resumed", file=sys.stderr)
            return


class _Lines:
    """Lines of a descriptor, with a timeout for each."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""

    def next(self, timeout: float | None) -> bytes | None:
        """A line without its end, None when none came in ``timeout`` seconds, b"" at the end."""
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._descriptor], [], [], timeout)
            if not ready:
                return None
            data = os.read(self._descriptor, 4096)
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line
