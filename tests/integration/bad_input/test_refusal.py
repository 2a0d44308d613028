"""An Odoo with a wrong setting says which and what it should be, and doesn't begin to serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.addresses import accepts_connections
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

SECRET = "hunter2-never-shown"

CASES = {
    "unknown key": (
        {"hold_timeot": "60"},
        {},
        ("[ha] hold_timeot is no setting", "did you mean hold_timeout?"),
    ),
    "unknown variable": (
        {},
        {"ODOO_HA_HOLD_TIMEOT": "60"},
        ("ODOO_HA_HOLD_TIMEOT is no setting", "did you mean hold_timeout?"),
    ),
    "malformed URL": (
        {"redis_url": "10.0.0.5:6379"},
        {},
        ("[ha] redis_url must be", "redis://"),
    ),
    "malformed URL with a secret": (
        {"redis_url": f"http://odoo:{SECRET}@10.0.0.5"},
        {},
        ("[ha] redis_url must be", "redis://"),
    ),
    "malformed duration": (
        {"hold_timeout": "a while"},
        {},
        ("[ha] hold_timeout must be", "2s"),
    ),
    "unreadable secret file": (
        {},
        {"ODOO_HA_REDIS_PASSWORD_FILE": "/nonexistent/password"},
        ("ODOO_HA_REDIS_PASSWORD_FILE must name a file", "/nonexistent/password"),
    ),
}


@pytest.mark.parametrize("workers", [0, 2], ids=["threaded", "prefork"])
@pytest.mark.parametrize(("ha", "environment", "said"), CASES.values(), ids=CASES)
def test_odoo_refuses_to_start(
    postgres: Postgres,
    ha: dict[str, object],
    environment: dict[str, str],
    said: tuple[str, ...],
    workers: int,
) -> None:
    odoo = OdooServer(
        postgres, "never", variant="suite", ha=ha, environment=environment, workers=workers
    )
    ended = odoo.attempt(timeout=30)
    assert ended.returncode not in (0, None)
    assert not accepts_connections(odoo.address, odoo.port)
    last_line = ended.stdout.strip().splitlines()[-1]
    for part in said:
        assert part in last_line
    assert "Traceback" not in ended.stdout
    assert SECRET not in ended.stdout
    assert "HTTP service" not in ended.stdout


def test_a_secret_file_that_is_a_directory_is_named(postgres: Postgres, tmp_path: Path) -> None:
    directory = tmp_path / "a-directory"
    directory.mkdir()
    odoo = OdooServer(
        postgres,
        "never",
        variant="suite",
        environment={"ODOO_HA_REDIS_PASSWORD_FILE": str(directory)},
    )
    ended = odoo.attempt(timeout=30)
    assert ended.returncode != 0
    assert "ODOO_HA_REDIS_PASSWORD_FILE must name a file that Odoo's user can read" in ended.stdout
