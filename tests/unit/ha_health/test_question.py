"""What callers ask, and who may see the details."""

from __future__ import annotations

from typing import Any

import pytest
from odoo.addons.ha_base.settings import parse as parsers
from odoo.addons.ha_health.question import (
    HEALTH,
    METRICS,
    BadQuestion,
    is_for,
    may_see_details,
    parse,
)
from odoo.addons.ha_health.verdict import Lag, Question

NETWORKS = parsers.networks("10.0.0.0/8, ::1/128")


def test_the_bare_question() -> None:
    assert parse("") == Question("ready", "primary", False)


def test_parameters() -> None:
    assert parse("probe=live&role=standby") == Question("live", "standby", False)
    assert parse("db_server_status=1").db_server_status
    assert not parse("db_server_status=").db_server_status
    assert parse("t=123") == Question()


@pytest.mark.parametrize(
    "query", ["probe=alive", "probe=", "role=master", "lag=", "lag=5x", "lag=-1s"]
)
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
    assert is_for(HEALTH, {"PATH_INFO": path, "REQUEST_METHOD": method}) is ours


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


PROXIES = parsers.networks("192.0.2.0/28, 2001:db8::/64")


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("192.0.2.1", "10.1.2.3", True),
        ("192.0.2.1", "::ffff:10.1.2.3", True),
        ("2001:db8::1", "10.1.2.3", True),
        ("192.0.2.1", "203.0.113.9, 10.1.2.3, 192.0.2.2", True),
        # What stands left of the first stranger, strangers wrote.
        ("192.0.2.1", "10.1.2.3, 203.0.113.9", False),
        ("192.0.2.1", "10.1.2.3, 203.0.113.9, 192.0.2.2", False),
        ("192.0.2.1", "10.1.2.3, unknown", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "", False),
        ("203.0.113.9", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", False),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: str, seen: bool) -> None:
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    assert may_see_details(environ, None, NETWORKS, PROXIES) is seen


def test_a_proxy_that_tells_no_client_asks_for_everybody() -> None:
    proxy = parsers.networks("10.0.0.1/32")
    assert not may_see_details({"REMOTE_ADDR": "10.0.0.1"}, None, NETWORKS, proxy)
    assert may_see_details({"REMOTE_ADDR": "10.0.0.2"}, None, NETWORKS, proxy)
    told_otherwise = {"REMOTE_ADDR": "10.0.0.1", "HTTP_FORWARDED": "for=10.9.9.9"}
    assert not may_see_details(told_otherwise, None, NETWORKS, proxy)


@pytest.mark.parametrize(
    ("text", "lag"),
    [
        ("10MB", Lag(bytes=10 << 20)),
        ("1000", Lag(bytes=1000)),
        ("5s", Lag(seconds=5)),
        ("500ms", Lag(seconds=0.5)),
        ("1m", Lag(seconds=60)),
        ("0", Lag(bytes=0)),
    ],
)
def test_the_lag_that_is_allowed(text: str, lag: Lag) -> None:
    assert parse(f"role=standby&lag={text}").lag == lag


def test_metrics_are_another_page() -> None:
    environ = {"PATH_INFO": "/web/metrics", "REQUEST_METHOD": "GET"}
    assert is_for(METRICS, environ)
    assert not is_for(HEALTH, environ)


def test_without_a_token_no_bearer_is_right() -> None:
    for sent in ("Bearer ", "Bearer None", "Bearer"):
        assert not may_see_details({"HTTP_AUTHORIZATION": sent}, None, NETWORKS)
