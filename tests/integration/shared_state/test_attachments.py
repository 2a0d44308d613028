"""Attachments: what one node stored, the other one serves; an outage is a 503."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo_client import OdooClient, OdooFault
from tests.servers.s3 import SeaweedFS


@pytest.fixture
def s3_up(s3: SeaweedFS) -> Iterator[SeaweedFS]:
    """S3, thawed again after the test."""
    yield s3
    s3.thaw()


def attach(client: OdooClient, content: bytes, name: str = "file.bin") -> int:
    """Store a file as the web client does."""
    values = {"name": name, "datas": base64.b64encode(content).decode()}
    (identifier,) = client.call("ir.attachment", "create", [values])
    return int(identifier)


def test_the_other_node_serves_it(first: OdooClient, second: OdooClient, s3: SeaweedFS) -> None:
    content = os.urandom(200_000)
    before = set(s3.keys())
    identifier = attach(first, content)
    assert len(set(s3.keys()) - before) == 1
    response = second.get(f"/web/content/{identifier}")
    assert response.status_code == 200
    assert response.content == content


def test_both_nodes_serve_the_page_and_its_bundles(first: OdooClient, second: OdooClient) -> None:
    page = first.get("/odoo").text
    bundles = {
        part.split('"')[0] for part in page.split('"')[1::1] if part.startswith("/web/assets/")
    }
    assert bundles
    for bundle in bundles:
        assert first.get(bundle).content == second.get(bundle).content
        assert second.get(bundle).status_code == 200


def test_an_outage_is_a_clear_error_and_nothing_is_lost(
    first: OdooClient, second: OdooClient, s3_up: SeaweedFS
) -> None:
    content = os.urandom(1000)
    identifier = attach(first, content)
    s3_up.freeze()
    response = second.get(f"/web/content/{identifier}")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    with pytest.raises(OdooFault, match="nothing was saved"):
        attach(first, b"lost", name="lost in the outage")
    s3_up.thaw()

    # A service that was silent is asked again once it has answered a look that each process takes.
    def is_served() -> bool:
        return second.get(f"/web/content/{identifier}").status_code == 200

    def is_stored() -> bool:
        try:
            return bool(attach(first, b"lost", name="found again"))
        except OdooFault:
            return False

    wait_until(is_served, timeout=60, what="files are served again")
    assert second.get(f"/web/content/{identifier}").content == content
    assert not first.call("ir.attachment", "search", [("name", "=", "lost in the outage")])
    wait_until(is_stored, timeout=60, what="files are stored again")
