"""Bad input is refused with the setting's name and what it should be."""

import pytest
from odoo.addons.ha_base.settings import SettingsError, resolve
from odoo.addons.ha_session_redis.settings import Settings


def resolved(**texts: str) -> Settings:
    values = resolve({"ha_session_redis": Settings}, texts, {}, lambda path: path)
    settings = values["ha_session_redis"]
    assert isinstance(settings, Settings)
    return settings


def test_sentinels() -> None:
    settings = resolved(redis_sentinels="10.0.0.1:26379, 10.0.0.2:26379")
    assert settings.redis_sentinels == (("10.0.0.1", 26379), ("10.0.0.2", 26379))


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("redis_url", "http://10.0.0.1", "redis://"),
        ("redis_url", "redis://:hush-hush@10.0.0.1", "redis_password"),
        ("redis_sentinels", "10.0.0.1", "host:port"),
        ("redis_database", "-1", "whole number"),
        ("redis_prefix", "odoo:{x}", "without blanks, braces"),
        ("redis_prefix", "*", "wildcards"),
        ("redis_timeout", "0", "duration above zero"),
        ("session_anonymous_lifetime", "soon", "duration"),
    ],
)
def test_bad_input(name: str, text: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolved(**{name: text})
    message = str(caught.value)
    assert name in message
    assert hint in message
    assert "hush-hush" not in message


def test_passwords_are_not_printed() -> None:
    settings = resolved(redis_password="hush-hush", redis_sentinel_password="hush-hush")
    assert settings.redis_password == "hush-hush"
    assert "hush-hush" not in repr(settings)
