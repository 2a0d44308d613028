"""Names of objects."""

import hashlib

import pytest
from odoo.addons.ha_attachment_s3.location import is_remote, locate, parse, prefix_of

SHA = hashlib.sha256(b"content").hexdigest()


def test_a_name_says_where_the_content_lies_and_what_it_must_be() -> None:
    location = locate(b"content", "files", "odoo/db")
    assert location.store_fname == f"s3://files/odoo/db/{SHA[:2]}/{SHA}"
    assert parse(location.store_fname) == location
    assert location.holds(b"content")
    assert not location.holds(b"Content")
    assert not location.holds(b"")


def test_names_of_the_filestore_are_not_remote() -> None:
    for name in (None, False, "", "ab/abcdef", "checklist/s3"):
        assert not is_remote(name)
    assert is_remote("s3://b/k")


@pytest.mark.parametrize(
    "name",
    [
        f"s3://files/{SHA}",
        f"s3://files/db/../other/{SHA[:2]}/{SHA}",
        f"s3://files/db/{SHA[:2]}/{SHA[:-1]}",
        f"s3://files/db/{SHA[:2]}/{SHA}/more",
        f"s3:///db/{SHA[:2]}/{SHA}",
        f"file://files/db/{SHA[:2]}/{SHA}",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names no object"):
        parse(name)


def test_databases_have_prefixes_of_their_own() -> None:
    assert prefix_of("{db}/{uuid}", "shop", "1-2") == "shop/1-2"
