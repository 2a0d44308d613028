"""A real nginx, configured as the addon's page says, fetches large files from S3 for whoever may read them."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests

from tests.servers.nginx import Nginx
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient
from tests.servers.odoo_source import SUITE_ADDONS
from tests.servers.postgres import Postgres
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment

PAGE = SUITE_ADDONS / "ha_attachment_s3" / "readme" / "CONFIGURE.md"
NAME = "Façade – 図 “a”.pdf"
CONTENT = b"%PDF-1.4\n" + os.urandom(3 << 20)


def documented_location(endpoint: str) -> dict[str, str]:
    """nginx's location of the addon's page, with this endpoint in it."""
    found = re.search(r"```nginx\nlocation (\S+) \{\n(.*?)\n\}\n```", PAGE.read_text(), re.DOTALL)
    assert found, "the page has no location for nginx"
    lines = found[2].replace("https://s3.example.com", endpoint)
    return {found[1]: lines.replace("s3.example.com", urlsplit(endpoint).netloc) + "\n"}


@pytest.fixture(scope="module")
def odoo(postgres: Postgres, s3: SeaweedFS, suite_template: OdooServer) -> Iterator[OdooServer]:
    server = OdooServer(
        postgres,
        "nginx",
        variant="suite",
        ha=ha_settings(None, s3) | {"s3_serve": "x-accel"},
        environment=secret_environment(s3.base, None, s3),
        options={"max_cron_threads": 0, "proxy_mode": True},
    )
    server.copy_database(suite_template)
    with server:
        yield server


@pytest.fixture(scope="module")
def nginx(odoo: OdooServer, s3: SeaweedFS) -> Iterator[Nginx]:
    to_odoo = f"proxy_pass {odoo.url}; proxy_set_header Host $host:$server_port;"
    with Nginx({"/": to_odoo, **documented_location(s3.endpoint)}) as server:
        yield server


@pytest.fixture(scope="module")
def admin(odoo: OdooServer) -> OdooClient:
    client = odoo.client()
    client.login(odoo.dbname)
    return client


def through(
    nginx: Nginx, client: OdooClient | None, path: str, **headers: str
) -> requests.Response:
    """What this user's browser, or nobody's, gets from nginx."""
    cookies = {"session_id": client.session_id} if client and client.session_id else {}
    return requests.get(
        f"http://{nginx.address}:{nginx.port}{path}",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        cookies=cookies,
        timeout=60,
        allow_redirects=False,
    )


def attach(admin: OdooClient, **values: Any) -> int:
    content = {"name": NAME, "datas": base64.b64encode(CONTENT).decode()}
    number: int = admin.call("ir.attachment", "create", [{**content, **values}])[0]
    return number


def test_nginx_sends_what_odoo_would(nginx: Nginx, odoo: OdooServer, admin: OdooClient) -> None:
    path = f"/web/content/{attach(admin)}"
    # Seen by Odoo itself: without nginx there is nothing but the order to fetch it.
    order = admin.get(path)
    assert (order.status_code, order.content) == (200, b"")
    assert order.headers["X-Accel-Redirect"].startswith("/ha_s3/")

    shown = through(nginx, admin, path)
    assert (shown.status_code, shown.content == CONTENT) == (200, True)
    assert shown.headers["Content-Type"] == "application/pdf"
    assert shown.headers["Content-Length"] == str(len(CONTENT))
    kind, name = disposition(shown)
    assert (kind, name) == ("inline", NAME)
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in shown.headers["Cache-Control"]
    assert "X-Accel-Redirect" not in shown.headers
    saved = through(nginx, admin, path + "?download=1")
    assert (disposition(saved), saved.content == CONTENT) == (("attachment", NAME), True)

    for wanted, start, stop in (
        ("bytes=10-19", 10, 20),
        ("bytes=1000000-", 1_000_000, len(CONTENT)),
        ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
    ):
        part = through(nginx, admin, path, Range=wanted)
        assert part.status_code == 206
        assert part.content == CONTENT[start:stop]
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
        assert part.headers["Content-Type"] == "application/pdf"
        assert disposition(part) == ("inline", NAME)
    past = through(nginx, admin, path, Range=f"bytes={len(CONTENT)}-")
    assert past.status_code == 416
    assert shown.headers["ETag"] == order.headers["ETag"]
    again = through(nginx, admin, path, If_None_Match=shown.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    part = through(nginx, admin, path, Range="bytes=0-9", If_Range=shown.headers["ETag"])
    assert (part.status_code, part.content) == (206, CONTENT[:10])
    other = through(nginx, admin, path, Range="bytes=0-9", If_Range='"of another content"')
    assert (other.status_code, other.content == CONTENT) == (200, True)


def test_only_for_whoever_may_read_it(
    nginx: Nginx, odoo: OdooServer, s3: SeaweedFS, admin: OdooClient
) -> None:
    private = attach(admin)
    (token,) = admin.call("ir.attachment", "generate_access_token", [private])
    everybodys = attach(admin, public=True)
    (group,) = admin.call("ir.model.data", "check_object_reference", "base", "group_user")[1:]
    values = {"name": "other", "login": "other", "password": "other", "group_ids": [group]}
    admin.call("res.users", "create", [values])
    other = odoo.client()
    other.login(odoo.dbname, "other", "other")
    for client in (other, None):
        refused = through(nginx, client, f"/web/content/{private}")
        assert refused.status_code in (303, 403, 404)
        assert CONTENT[:100] not in refused.content
        refused = through(nginx, client, f"/web/content/{private}?access_token=wrong")
        assert refused.status_code in (303, 403, 404)
        allowed = through(nginx, client, f"/web/content/{private}?access_token={token}")
        assert allowed.content == CONTENT
        allowed = through(nginx, client, f"/web/content/{everybodys}")
        assert allowed.content == CONTENT
    # Nobody gets to S3 through nginx by themselves, not even with an address that Odoo signed.
    order = admin.get(f"/web/content/{private}")
    address = order.headers["X-Accel-Redirect"]
    assert through(nginx, admin, address).status_code == 404
    key = urlsplit(address).path
    assert through(nginx, admin, key).status_code == 404
    unsigned = requests.get(s3.endpoint + key.removeprefix("/ha_s3"), timeout=10)
    assert unsigned.status_code == 403, "the object is not public"


def disposition(answer: requests.Response) -> tuple[str, str]:
    """The kind and the name, as a browser reads them."""
    text = answer.headers["Content-Disposition"]
    found = re.search(r"filename\*=UTF-8''([^;]+)", text)
    assert found, text
    return text.partition(";")[0], unquote(found[1])
