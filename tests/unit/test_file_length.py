"""The lint check of file lengths."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.file_length import check, verdict


@pytest.mark.parametrize(
    ("lines", "said"), [(300, None), (301, "warning"), (600, "warning"), (601, "error")]
)
def test_verdict(lines: int, said: str | None) -> None:
    assert verdict(lines) == said


def test_only_an_error_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long, longer = tmp_path / "long.py", tmp_path / "longer.py"
    long.write_text("x\n" * 400)
    longer.write_text("x\n" * 700)
    assert check([long]) == 0
    assert "long.py: 400 lines: warning" in capsys.readouterr().out
    assert check([long, longer]) == 1
