"""Bad input is refused with the setting's name and what it should be."""

import pytest
from odoo.addons.ha_attachment_s3.settings import Settings
from odoo.addons.ha_base.settings import SettingsError, resolve


def resolved(**texts: str) -> Settings:
    values = resolve({"ha_attachment_s3": Settings}, texts, {}, lambda path: path)
    settings = values["ha_attachment_s3"]
    assert isinstance(settings, Settings)
    return settings


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("s3_bucket", "My_Bucket", "lower-case"),
        ("s3_bucket", "ab", "3 to 63"),
        ("s3_endpoint_url", "10.0.0.1:9000", "http://"),
        ("s3_prefix", "{database}", "{db}"),
        ("s3_prefix", "a/../b", "path"),
        ("s3_prefix", "{db", "path"),
        ("s3_addressing_style", "both", "auto, path, virtual"),
        ("s3_attempts", "0", "1 or more"),
        ("s3_garbage_grace", "59m", "one hour"),
        ("s3_cache_size", "big", "size"),
    ],
)
def test_bad_input(name: str, text: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolved(**{name: text})
    assert name in str(caught.value)
    assert hint in str(caught.value)


def test_good_input() -> None:
    settings = resolved(s3_prefix="/odoo/{db}/", s3_garbage_grace="168h", s3_cache_size="64KB")
    assert settings.s3_prefix == "odoo/{db}"
    assert settings.s3_garbage_grace == 7 * 86400
    assert settings.s3_cache_size == 65536


def test_the_secret_key_is_not_printed() -> None:
    assert "hush-hush" not in repr(resolved(s3_secret_key="hush-hush"))
