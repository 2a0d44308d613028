"""Disaster: to the guides' probe (HTTP/1.0, no Host header) stock Odoo answers 500 for good."""

from __future__ import annotations

import pytest

from tests.servers.odoo import Variant

from .conftest import StartOdoo, gevent_port, probe, worker_port


@pytest.mark.parametrize("workers", [0, 1])
def test_the_guides_probe(variant: Variant, workers: int, start_odoo: StartOdoo) -> None:
    odoo = start_odoo(workers=workers)
    ports = [worker_port(odoo)] + [gevent_port(odoo)] * bool(workers)
    for port in ports:
        answer = probe(port)
        if variant == "stock":
            assert answer.status == 500
        else:
            assert (answer.status, answer.json) == (200, {"status": "pass"})
            assert answer.headers["cache-control"] == "no-store"
            head = probe(port, method="HEAD")
            assert (head.status, head.body) == (200, "")
    if variant == "stock":
        assert "KeyError: 'HTTP_HOST'" in odoo.log_text()


@pytest.mark.parametrize("variant", ["suite"])
def test_stocks_own_parameter(start_odoo: StartOdoo) -> None:
    answer = probe(worker_port(start_odoo()), "/web/health?db_server_status=1")
    assert answer.json == {"status": "pass", "db_server_status": True}


@pytest.mark.parametrize("variant", ["suite"])
def test_details_are_for_those_who_know_the_token(start_odoo: StartOdoo) -> None:
    odoo = start_odoo(ha={"node_id": "odoo-a"}, environment={"ODOO_HA_HEALTH_TOKEN": "s3cret"})
    public = probe(worker_port(odoo))
    assert public.json == {"status": "pass"}
    assert "odoo-a" not in public.body + str(public.headers)
    known = probe(worker_port(odoo), headers="Authorization: Bearer s3cret\r\n")
    assert known.headers["content-type"] == "application/health+json"
    assert known.json["serviceId"] == "odoo-a"
    (role,) = known.json["checks"]["database:role"]
    assert (role["observedValue"], role["status"]) == ("primary", "pass")
    wrong = probe(worker_port(odoo), headers="Authorization: Bearer s3creT\r\n")
    assert wrong.json == {"status": "pass"}
    assert "s3cret" not in odoo.log_text()


@pytest.mark.parametrize("variant", ["suite"])
def test_a_trusted_network_sees_details_unless_a_proxy_asks_for_others(
    start_odoo: StartOdoo,
) -> None:
    odoo = start_odoo(ha={"health_trusted_networks": "127.0.0.0/8"})
    assert "checks" in probe(worker_port(odoo)).json
    forwarded = probe(worker_port(odoo), headers="X-Forwarded-For: 127.0.0.1\r\n")
    assert forwarded.json == {"status": "pass"}


@pytest.mark.parametrize("variant", ["suite"])
def test_a_bad_parameter_is_named(start_odoo: StartOdoo) -> None:
    answer = probe(worker_port(start_odoo()), "/web/health?role=master")
    assert answer.status == 400
    assert answer.json["output"] == "role must be one of primary, standby"
