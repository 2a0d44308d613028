"""Runs other programs to their end: bounded, logged, and never left behind."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from ha_setup.errors import SetupError

TAIL_LINES = 12


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    *,
    timeout: float,
    what: str,
    env: Mapping[str, str] | None = None,
    inherit_env: bool = True,
    cwd: Path | None = None,
    stdin: str | None = None,
    keep_open: Sequence[int] = (),
    error: type[SetupError] = SetupError,
) -> None:
    """Run `argv` with its output appended to `log`.

    `what` completes "… failed". A non-zero exit or a timeout raises `error` with the last
    lines of the output. The program is ended when this call is left by any exception.
    `keep_open` are file descriptors (locks) that it holds for as long as it lives.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**(os.environ if inherit_env else {}), **(env or {})},
            cwd=cwd,
            pass_fds=tuple(keep_open),
            text=True,
        )
        try:
            process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise error(
                f"{what} did not end within {timeout:.0f} s; its output is in {log}"
            ) from None
        finally:
            end_process(process)
    if process.returncode != 0:
        raise error(
            f"{what} failed (exit code {process.returncode}); the whole output is in {log}:\n{tail(log, start)}"
        )


def capture(
    argv: Sequence[str | Path], *, timeout: float, env: Mapping[str, str] | None = None
) -> str | None:
    """Standard output of a short program; None when it is absent, fails or takes too long."""
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def end_process(process: subprocess.Popen[str], patience: float = 10.0) -> None:
    """End a program that may still run: TERM, and KILL when it does not listen."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(log: Path, start: int = 0, lines: int = TAIL_LINES) -> str:
    """The last lines that were written to `log` after byte `start`."""
    try:
        with log.open("rb") as stream:
            stream.seek(start)
            last = deque(stream.read().decode(errors="replace").splitlines(), maxlen=lines)
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in last)
