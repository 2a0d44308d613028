"""The program that fills secrets in: it runs on hosts, with nothing but Python's own library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ha_setup.render.command import STARTER


def start(tmp_path: Path, *options: str, secret: str | None = "s3cret-word") -> tuple[int, str]:
    credentials = tmp_path / "credentials"
    credentials.mkdir(exist_ok=True)
    if secret is not None:
        (credentials / "redis").write_text(secret + "\n")
    (tmp_path / "in").write_text("requirepass @{redis}\nkeep @ {this}\n")
    done = subprocess.run(
        [sys.executable, "-I", STARTER, *options, tmp_path / "in", tmp_path / "out", "--",
         "/bin/cat", tmp_path / "out"],
        env={"CREDENTIALS_DIRECTORY": str(credentials)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_secrets_are_filled_in_and_the_program_runs(tmp_path: Path) -> None:
    assert start(tmp_path) == (0, "requirepass s3cret-word\nkeep @ {this}\n")
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


def test_once_leaves_what_the_program_wrote(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("rewritten by Redis\n")
    assert start(tmp_path, "--once") == (0, "rewritten by Redis\n")
    assert start(tmp_path)[1].startswith("requirepass")


@pytest.mark.parametrize(
    "secret", [None, "", "short", 'quoted"secret', "two words!", "line\nbreak"]
)
def test_a_secret_that_cannot_be_used_is_named_and_not_shown(
    tmp_path: Path, secret: str | None
) -> None:
    code, said = start(tmp_path, secret=secret)
    assert code == 78
    assert said.startswith("start-with-secrets: the secret redis ")
    assert "Traceback" not in said
    assert not secret or secret not in said
    assert not (tmp_path / "out").exists()
