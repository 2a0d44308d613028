"""Each parser: the values it takes, and the texts it refuses with what it should be."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import pytest
from odoo.addons.ha_base.settings import parse

GOOD = [
    (parse.text, " odoo ", "odoo"),
    (parse.name, "odoo-1.example", "odoo-1.example"),
    (parse.boolean, "Yes", True),
    (parse.boolean, "off", False),
    (parse.integer(1), " 3 ", 3),
    (parse.integer(0, 9), "9", 9),
    (parse.seconds, "2", 2.0),
    (parse.seconds, "0.25", 0.25),
    (parse.seconds, "500ms", 0.5),
    (parse.seconds, "1 m", 60.0),
    (parse.size, "512", 512),
    (parse.size, "64kb", 65536),
    (parse.size, "10MB", 10 * 1024 * 1024),
    (parse.path, "/run/odoo-ha/topology.json", "/run/odoo-ha/topology.json"),
    (parse.url("redis", "rediss"), "rediss://10.0.0.5:6379/0", "rediss://10.0.0.5:6379/0"),
    (parse.url("unix"), "unix:///run/redis.sock", "unix:///run/redis.sock"),
    (parse.host_ports, "10.0.0.5:26379, db:1", (("10.0.0.5", 26379), ("db", 1))),
    (parse.host_ports, "[::1]:26379", (("::1", 26379),)),
    (parse.names, "a, b", ("a", "b")),
    (parse.networks, "10.0.0.0/8, ::1/128", (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
    (parse.choice("a", "b"), " b ", "b"),
]

BAD = [
    (parse.text, "  ", "not empty"),
    (parse.name, "-odoo", "such as odoo1"),
    (parse.name, "x" * 64, "such as odoo1"),
    (parse.boolean, "maybe", "true or false"),
    (parse.integer(1), "0", "1 or more"),
    (parse.integer(0, 9), "10", "from 0 to 9"),
    (parse.integer(0), "one", "whole number"),
    (parse.seconds, "0", "above zero"),
    (parse.seconds, "-1", "above zero"),
    (parse.seconds, "inf", "above zero"),
    (parse.seconds, "5 days", "above zero"),
    (parse.size, "10 apples", "10MB"),
    (parse.size, "1.5GB", "10MB"),
    (parse.path, "topology.json", "absolute path"),
    (parse.url("redis"), "http://10.0.0.5", "redis://host:port"),
    (parse.url("redis"), "10.0.0.5:6379", "redis://host:port"),
    (parse.url("redis"), "redis://", "redis://host:port"),
    (parse.url("redis"), "redis://10.0.0.5:99999", "redis://host:port"),
    (parse.url("http"), "http://[::1", "http://host:port"),
    (parse.host_ports, "10.0.0.5", "host:port"),
    (parse.host_ports, "10.0.0.5:70000", "host:port"),
    (parse.host_ports, "redis://10.0.0.5:6379", "host:port"),
    (parse.networks, "10.0.0.1/8", "networks"),
    (parse.choice("a", "b"), "c", "one of a, b"),
]


@pytest.mark.parametrize(("parser", "text", "value"), GOOD)
def test_good_values(parser: Callable[[str], object], text: str, value: object) -> None:
    assert parser(text) == value


@pytest.mark.parametrize(("parser", "text", "remedy"), BAD)
def test_bad_values_say_what_they_should_be(
    parser: Callable[[str], object], text: str, remedy: str
) -> None:
    with pytest.raises(ValueError, match=remedy):
        parser(text)
