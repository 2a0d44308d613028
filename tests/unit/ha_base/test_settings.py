"""Where a setting comes from, and what is said about one that can't be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import pytest
from odoo.addons.ha_base.settings import (
    SettingsError,
    current,
    documentation,
    load,
    parse,
    resolve,
    setting,
)

SECRET = "hunter2-never-shown"


@dataclass(frozen=True)
class Redis:
    redis_url: str | None = setting(
        None, parse.url("redis"), "Where Redis is.", example="redis://10.0.0.5:6379/0"
    )
    redis_password: str | None = setting(None, parse.text, "Its password.", secret=True)
    redis_timeout: float = setting(2.0, parse.seconds, "Seconds.")


@dataclass(frozen=True)
class Health:
    health_token: str | None = setting(None, parse.integer(0), "A secret number.", secret=True)


DECLARED = {"ha_redis": Redis, "ha_health": Health}
FILES = {"/secrets/password": SECRET + "\n", "/secrets/url": "redis://from-file:1\n"}


def read(path: str) -> str:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


def resolved(section: Mapping[str, str], **environ: str) -> Redis:
    loaded = resolve(DECLARED, section, environ, read)
    assert isinstance(loaded["ha_redis"], Redis)
    return loaded["ha_redis"]


def refusal(section: Mapping[str, str], **environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        resolved(section, **environ)
    return str(refused.value)


def test_nothing_configured_gives_the_defaults() -> None:
    assert resolved({}) == Redis(redis_url=None, redis_password=None, redis_timeout=2.0)


def test_each_source_wins_over_the_one_before() -> None:
    section = {"redis_url": "redis://from-conf:1"}
    assert resolved(section).redis_url == "redis://from-conf:1"
    variable = {"ODOO_HA_REDIS_URL": "redis://from-variable:1"}
    assert resolved(section, **variable).redis_url == "redis://from-variable:1"
    # The order in which the environment lists them makes no difference.
    for environ in (
        {"ODOO_HA_REDIS_URL_FILE": "/secrets/url", **variable},
        {**variable, "ODOO_HA_REDIS_URL_FILE": "/secrets/url"},
    ):
        assert resolved(section, **environ).redis_url == "redis://from-file:1"


def test_a_secret_comes_from_its_file_without_the_newline() -> None:
    assert resolved({}, ODOO_HA_REDIS_PASSWORD_FILE="/secrets/password").redis_password == SECRET


def test_other_variables_are_left_alone() -> None:
    assert resolved({}, ODOO_RC="/etc/odoo.conf", PGHOST="db") == Redis()


@pytest.mark.parametrize(
    ("section", "environ", "said"),
    [
        ({"redis_ulr": "x"}, {}, ("[ha] redis_ulr", "did you mean redis_url?")),
        (
            {},
            {"ODOO_HA_REDIS_TIMEOT": "1"},
            ("ODOO_HA_REDIS_TIMEOT", "did you mean redis_timeout?"),
        ),
        ({}, {"ODOO_HA_ZZZ": "1"}, ("ODOO_HA_ZZZ", "known: health_token, redis_password")),
        ({"redis_timeout": "soon"}, {}, ("[ha] redis_timeout must be", "2s", "not 'soon'")),
        ({"redis_url": "10.0.0.5"}, {}, ("[ha] redis_url must be", "redis://10.0.0.5:6379/0")),
        (
            {},
            {"ODOO_HA_REDIS_PASSWORD_FILE": "/secrets/none"},
            ("ODOO_HA_REDIS_PASSWORD_FILE must name a file", "/secrets/none", "No such file"),
        ),
    ],
)
def test_a_bad_setting_is_named_with_its_remedy(
    section: dict[str, str], environ: dict[str, str], said: tuple[str, ...]
) -> None:
    message = refusal(section, **environ)
    assert all(part in message for part in said), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("section", "environ"),
    [
        ({"health_token": SECRET}, {}),
        ({}, {"ODOO_HA_HEALTH_TOKEN": SECRET}),
        ({}, {"ODOO_HA_HEALTH_TOKEN_FILE": "/secrets/password"}),
        ({"redis_url": f"http://odoo:{SECRET}@10.0.0.5"}, {}),
    ],
)
def test_no_refusal_shows_a_secret(section: dict[str, str], environ: dict[str, str]) -> None:
    assert SECRET not in refusal(section, **environ)


def test_no_repr_shows_a_secret() -> None:
    settings = resolved({"redis_password": SECRET, "redis_url": "redis://10.0.0.5:1"})
    assert SECRET not in repr(settings)
    assert "redis://10.0.0.5:1" in repr(settings)


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Redis().redis_timeout = 5.0  # type: ignore[misc]


def test_load_makes_them_current(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(SECRET + "\n")
    assert current(Redis) == Redis()
    load(DECLARED, {"redis_timeout": "5s"}, {"ODOO_HA_REDIS_PASSWORD_FILE": str(password)})
    try:
        assert current(Redis) == Redis(redis_password=SECRET, redis_timeout=5.0)
    finally:
        load({}, {}, {})
    assert current(Redis) == Redis()


def test_the_reference_has_a_row_for_each_setting() -> None:
    rows = {row.name: row for row in documentation(Redis)}
    assert list(rows) == ["redis_url", "redis_password", "redis_timeout"]
    assert rows["redis_timeout"].default == "2.0"
    assert rows["redis_url"].example == "redis://10.0.0.5:6379/0"
    assert rows["redis_password"].secret
