"""Whose objects are whose."""

from odoo.addons.ha_attachment_s3.location import locate
from odoo.addons.ha_attachment_s3.ownership import belongs_to, borrowed, owner_of, place_of

OURS = owner_of(7412345678901234567, 16384)
THEIRS = owner_of(7412345678901234567, 16385)
UUID = "0f1cb1a2-1b2f-11f0-9f5e-0242ac120002"


def name(owner: str, prefix: str = f"shop/{UUID}", content: bytes = b"content") -> str:
    return locate(content, "files", f"{prefix}/{owner}").store_fname


def test_an_owner_is_told_from_every_other_whatever_the_prefix() -> None:
    assert OURS == "66ddf11f674f4b87-4000"
    for prefix in ("shop", f"shop/{UUID}", "a/b/c"):
        assert belongs_to(name(OURS, prefix), OURS)
        assert not belongs_to(name(THEIRS, prefix), OURS)
    assert not belongs_to(locate(b"content", "files", f"shop/{UUID}").store_fname, OURS)
    assert not belongs_to("ab/abcdef", OURS)


def test_what_a_prefix_says_does_not_make_an_owner() -> None:
    assert not belongs_to(name(THEIRS, f"shop-{OURS}"), OURS)


def test_a_system_identifier_is_64_bits_and_the_name_has_one_form() -> None:
    assert belongs_to(name(owner_of(1, 1)), owner_of(1, 1))
    assert owner_of(2**64 - 1, 2**32 - 1) == "ffffffffffffffff-ffffffff"


def test_what_is_borrowed_is_said_to_each_owner_once() -> None:
    theirs = [name(THEIRS, content=content) for content in (b"1", b"2")]
    mine = name(OURS)
    (place, keys), *others = borrowed([*theirs, mine, theirs[0], "ab/abcdef"], OURS).items()
    assert not others
    assert place == ("files", f"shop/{UUID}/{THEIRS}") == place_of(theirs[0])
    assert [f"s3://{place[0]}/{place[1]}/{key}" for key in keys] == sorted(theirs)
    assert borrowed([mine], OURS) == {}
