"""A cluster with PgBouncers, and the page for administrators that shows how one is configured."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ha_setup.cluster import render_odoo, render_pooler
from ha_setup.cluster.layout import Layout, Pooler
from ha_setup.cluster.plan import REPOSITORY, Plan
from ha_setup.cluster.secrets import Secrets

#: What differs from installation to installation.
_LOCAL = {"listen_addr", "listen_port", "auth_file", "admin_users", "unix_socket_dir"}


def _options(text: str) -> dict[str, str]:
    return {
        key: value
        for key, value in re.findall(r"^(\w+) = ?(.*)$", text, re.MULTILINE)
        if key not in _LOCAL
    }


def test_the_page_shows_what_the_drills_run_with(layout: Layout) -> None:
    page = (REPOSITORY / "docs" / "pgbouncer.md").read_text()
    shown = next(block for block in page.split("```") if "[pgbouncer]" in block)
    pooled = replace(layout, pooler="session")
    rendered = render_pooler.configuration(pooled, pooled.odoo[0], Path("/u"), Path("/d"))
    assert _options(shown) == _options(rendered)


def test_no_pooler_unless_asked_for(layout: Layout) -> None:
    assert not [node for node in layout.nodes if node.kind == "pgbouncer"]


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_each_odoo_node_has_one_and_goes_through_it(
    layout: Layout, plan: Plan, secrets: Secrets, mode: Pooler
) -> None:
    pooled = replace(layout, pooler=mode)
    poolers = [node for node in pooled.nodes if node.kind == "pgbouncer"]
    assert [node.host for node in poolers] == list(pooled.odoo)
    host = pooled.odoo[0]
    text = render_odoo.odoo_config(pooled, secrets, host, variant="suite", addons=Path("/a"))
    assert f"db_host = {host.address}\ndb_port = 16432\n" in text
    assert "database_route = pooler" in text
    stock = render_odoo.odoo_config(pooled, secrets, host, variant="stock", addons=Path("/a"))
    assert "16432" not in stock
    launch = replace(plan, layout=pooled).launch(poolers[0], variant="suite", synchronous=True)
    assert launch.as_postgres
    (ini,) = (file.text for file in launch.files if file.path.name == "pgbouncer.ini")
    assert f"pool_mode = {mode}\n" in ini
    assert not any(secrets.odoo in word for word in launch.argv)
