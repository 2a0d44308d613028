"""The names of directly uploaded files, and how browsers are told to treat them."""

from __future__ import annotations

import pytest
from odoo.addons.ha_attachment_s3_direct.direct_name import declared_size, invent, parse
from odoo.addons.ha_attachment_s3_direct.disposition import content_disposition


def test_a_name_is_found_again_in_its_url() -> None:
    name = invent("odoo-attachments", "prod/8a1c", 42, 1000)
    assert parse(name.url) == name
    assert name.key.startswith("prod/8a1c/direct/42/") and name.size == 1000


def test_no_two_names_are_alike() -> None:
    assert len({invent("odoo", "p", 1, 1).key for _ in range(100)}) == 100


SECRET = "0" * 32


@pytest.mark.parametrize(
    "url",
    [
        None,
        False,
        "",
        f"https://s3.example.com/odoo/p/direct/1/{SECRET}/1",
        f"s3://odoo/p/{SECRET[:2]}/{SECRET * 2}",  # an object of ha_attachment_s3's
        f"s3://odoo/direct/1/{SECRET}/1",  # below no prefix
        f"s3://odoo/../other/direct/1/{SECRET}/1",
        f"s3://odoo/p//direct/1/{SECRET}/1",
        f"s3://odoo/p/direct/1/{SECRET}/../x",
        f"s3://odoo/p/direct/1/{SECRET}/1\n",
        f"s3://odoo/p/direct/1/{SECRET[:-1]}/1",
        f"s3://../p/direct/1/{SECRET}/1",
    ],
)
def test_nothing_else_is_a_name(url: object) -> None:
    assert parse(url) is None


@pytest.mark.parametrize(
    ("text", "size"), [("17", 17), ("0", 0), (None, 0), ("-1", 0), ("1e9", 0), ("²", 0), (True, 0)]
)
def test_a_declared_size_that_makes_no_sense_is_none(text: object, size: int) -> None:
    assert declared_size(text) == size


@pytest.mark.parametrize(
    ("mimetype", "kind"),
    [
        ("application/pdf", "inline"),
        ("image/png", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
def test_what_could_hold_scripts_is_saved(mimetype: str, kind: str) -> None:
    assert content_disposition("a", mimetype, download=False).startswith(f"{kind};")
    assert content_disposition("a", mimetype, download=True).startswith("attachment;")


def test_any_name_passes() -> None:
    header = content_disposition('Façade "図"\r\nX: y/../z.pdf', "application/pdf", download=True)
    assert header == (
        "attachment; filename*=UTF-8''Fa%C3%A7ade%20%22%E5%9B%B3%22%0D%0AX%3A%20y%2F..%2Fz.pdf"
    )
