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
        ("s3_company_buckets", "3:My_Bucket", "3:bucket-b"),
        ("s3_company_buckets", "main:bucket-b", "3:bucket-b"),
        ("s3_encryption", "yes", "AES256"),
        ("s3_parallel", "0", "1 to 64"),
        ("s3_serve", "nginx", "proxy, redirect, x-accel"),
        ("s3_url_lifetime", "1h", "10m"),
        ("s3_url_lifetime", "1s", "30s"),
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


def test_the_replica_is_like_the_first_where_nothing_else_is_said() -> None:
    assert resolved(s3_bucket="first").replica is None
    common = {"s3_bucket": "first", "s3_region": "eu", "s3_access_key": "a", "s3_secret_key": "b"}
    there = resolved(**common, s3_replica_endpoint_url="http://other").replica
    assert there is not None
    assert (there.bucket, there.endpoint_url, there.region) == ("first", "http://other", "eu")
    assert (there.access_key, there.secret_key) == ("a", "b")
    own = resolved(
        **common, s3_replica_bucket="copy", s3_replica_access_key="c", s3_replica_secret_key="d"
    ).replica
    assert own is not None
    assert (own.bucket, own.access_key, own.secret_key) == ("copy", "c", "d")
    assert "'d'" not in repr(own)


def test_the_bucket_of_a_company() -> None:
    settings = resolved(s3_bucket="common", s3_company_buckets="3:bucket-b, 5:bucket-c")
    assert [settings.bucket_of(company) for company in (3, 5, 1, None)] == [
        "bucket-b",
        "bucket-c",
        "common",
        "common",
    ]
