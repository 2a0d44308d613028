"""Where contents are kept."""

import base64

import pytest
from odoo.addons.ha_attachment_s3.placement import Facts, Rule, size_of, storage_for

#: As the addon installs them, with a small image of 1000 bytes.
RULES = (Rule("db", url="*"), Rule("db", field="*", mimetype="image/*", largest=1000))


@pytest.mark.parametrize(
    ("facts", "storage"),
    [
        (Facts(url="/web/assets/1/a.js", mimetype="text/javascript", size=10**6), "db"),
        (Facts(field="image_128", mimetype="image/png", size=1000), "db"),
        (Facts(field="image_128", mimetype="image/png", size=1001), "s3"),
        (Facts(field="image_128", mimetype=None, size=1000), "s3"),
        (Facts(field="pdf_file", mimetype="application/pdf", size=10), "s3"),
        (Facts(field=None, mimetype="image/png", size=10), "s3"),
        (Facts(field="", mimetype="text/plain", size=0), "s3"),
    ],
)
def test_the_rules_as_installed(facts: Facts, storage: str) -> None:
    assert storage_for(RULES, facts) == storage


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule("file"), True),
        (Rule("file", model="sale.order"), True),
        (Rule("file", model="sale.*"), True),
        (Rule("file", model="sale"), False),
        (Rule("file", model="SALE.*"), False),
        (Rule("file", model="*", mimetype="application/*"), True),
        (Rule("file", model="*", mimetype="text/*"), False),
        (Rule("file", field="*"), False),
        (Rule("file", url="*"), False),
        (Rule("file", smallest=500), True),
        (Rule("file", smallest=501), False),
        (Rule("file", largest=500), True),
        (Rule("file", largest=499), False),
    ],
)
def test_a_rule_fits_when_all_of_it_does(rule: Rule, fits: bool) -> None:
    facts = Facts(model="sale.order", mimetype="application/pdf", size=500)
    assert rule.fits(facts) is fits


def test_the_first_rule_that_fits_decides() -> None:
    rules = [Rule("s3", model="a"), Rule("file", field="b"), Rule("db")]
    assert storage_for(rules, Facts(model="a", field="b")) == "s3"
    assert storage_for(rules, Facts(field="b")) == "file"
    assert storage_for(rules, Facts()) == "db"


def test_without_rules_everything_goes_to_the_bucket() -> None:
    assert storage_for([], Facts(url="/x")) == "s3"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 1000])
def test_the_size_is_that_of_the_content_however_it_is_given(size: int) -> None:
    content = b"\xff" * size
    encoded = base64.b64encode(content)
    for values in (
        {"raw": content},
        {"datas": encoded},
        {"datas": encoded.decode()},
        {"datas": base64.encodebytes(content)},
    ):
        assert size_of(values) == size


def test_the_size_of_a_text_is_that_of_its_bytes() -> None:
    assert size_of({"raw": "é"}) == 2
    assert size_of({}) == size_of({"raw": False, "datas": None}) == 0
