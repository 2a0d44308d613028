"""What callers ask, and who may see the details."""

from __future__ import annotations

from typing import Any

import pytest
from odoo.addons.ha_base.settings import parse as parsers
from odoo.addons.ha_health.question import BadQuestion, is_health, may_see_details, parse
from odoo.addons.ha_health.verdict import Question

NETWORKS = parsers.networks("10.0.0.0/8, ::1/128")


def test_the_bare_question() -> None:
    assert parse("") == Question("ready", "primary", False)


def test_parameters() -> None:
    assert parse("probe=live&role=standby") == Question("live", "standby", False)
    assert parse("db_server_status=1").db_server_status
    assert not parse("db_server_status=").db_server_status
    assert parse("t=123") == Question()


@pytest.mark.parametrize("query", ["probe=alive", "probe=", "role=master"])
def test_a_bad_parameter_is_named(query: str) -> None:
    with pytest.raises(BadQuestion, match=query.split("=")[0]):
        parse(query)


@pytest.mark.parametrize(
    ("path", "method", "ours"),
    [
        ("/web/health", "GET", True),
        ("/web/health/", "HEAD", True),
        ("/web/health", "POST", False),
        ("/web/healthy", "GET", False),
        ("/web", "GET", False),
    ],
)
def test_which_requests_are_ours(path: str, method: str, ours: bool) -> None:
    assert is_health({"PATH_INFO": path, "REQUEST_METHOD": method}) is ours


@pytest.mark.parametrize(
    ("environ", "seen"),
    [
        ({"REMOTE_ADDR": "10.1.2.3"}, True),
        ({"REMOTE_ADDR": "::ffff:10.1.2.3"}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "192.0.2.1"}, False),
        ({"REMOTE_ADDR": ""}, False),
        ({}, False),
        # A trusted proxy passes on the requests of everybody.
        ({"REMOTE_ADDR": "10.1.2.3", "HTTP_X_FORWARDED_FOR": "10.9.9.9"}, False),
        ({"REMOTE_ADDR": "10.1.2.3", "HTTP_FORWARDED": "for=10.9.9.9"}, False),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "10.9.9.9"}, False),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_AUTHORIZATION": "Bearer s3cret"}, True),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_AUTHORIZATION": "bearer  s3cret "}, True),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_AUTHORIZATION": "Bearer wrong"}, False),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_AUTHORIZATION": "Bearer \xe9"}, False),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_AUTHORIZATION": "Basic s3cret"}, False),
        (
            {
                "REMOTE_ADDR": "192.0.2.1",
                "HTTP_X_FORWARDED_FOR": "192.0.2.9",
                "HTTP_AUTHORIZATION": "Bearer s3cret",
            },
            True,
        ),
    ],
)
def test_who_sees_details(environ: dict[str, Any], seen: bool) -> None:
    assert may_see_details(environ, "s3cret", NETWORKS) is seen


def test_without_a_token_no_bearer_is_right() -> None:
    for sent in ("Bearer ", "Bearer None", "Bearer"):
        assert not may_see_details({"HTTP_AUTHORIZATION": sent}, None, NETWORKS)
