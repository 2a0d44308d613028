"""Patroni elects a replica whose promotion hangs: the leader that everybody sees is read-only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from tests.servers.addresses import wait_until
from tests.servers.etcd import Etcd
from tests.servers.odoo import OdooServer
from tests.servers.patroni import SCOPE, Patroni, PatroniCluster
from tests.servers.processes import ServerProcess, scratch_directory

from .conftest import Writers


class Member:
    """A Patroni node's server, as Odoo and the tests use one."""

    password = odoo_password = "unused"

    def __init__(self, node: Patroni) -> None:
        self.node = node
        self.address, self.port = node.address, node.port

    def execute(
        self, query: str, parameters: Sequence[object] = (), *, dbname: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(
            host=self.address, port=self.port, user="postgres", dbname=dbname, connect_timeout=5
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


def sidecar(etcd: Etcd, directory: Path) -> ServerProcess:
    program = shutil.which("ha-sidecar")
    assert program, "ha-sidecar is not in PATH"
    password = directory / "password"
    password.touch(0o600)
    password.write_text("unused\n")
    settings = {
        "scope": SCOPE,
        "etcd_endpoints": [etcd.url],
        "probe_password_file": str(password),
        "topology_path": str(directory / "topology.json"),
        "socket_path": str(directory / "s"),
        "state_dir": str(directory / "state"),
    }
    configuration = directory / "sidecar.toml"
    configuration.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in settings.items()))
    return ServerProcess(
        "ha-sidecar", [program, "--config", str(configuration)], log=directory / "sidecar.log"
    )


@pytest.fixture
def cluster(resources: ExitStack) -> tuple[PatroniCluster, Path]:
    """Two nodes; the promotion of the second hangs while the file exists."""
    hold = scratch_directory("odoo-ha-promotion-")
    script = hold / "pre_promote"
    script.write_text(f"#!/bin/sh\nwhile [ -e {hold}/stall ]; do sleep 0.1; done\n")
    script.chmod(0o755)
    etcd = resources.enter_context(Etcd())
    patroni = PatroniCluster(etcd)
    for node in patroni.nodes.values():
        path = node.base / "patroni.json"
        configuration = json.loads(path.read_text())
        configuration["postgresql"]["pre_promote"] = str(script)
        path.write_text(json.dumps(configuration))
    resources.enter_context(patroni)
    return patroni, hold / "stall"


@pytest.mark.slow
def test_nobody_is_sent_to_a_leader_that_is_read_only(
    cluster: tuple[PatroniCluster, Path],
    resources: ExitStack,
    writers: list[Writers],
    tmp_path: Path,
) -> None:
    patroni, stall = cluster
    first, second = (Member(node) for node in patroni.nodes.values())
    for role in ("odoo LOGIN CREATEDB", "ha_sidecar LOGIN"):
        first.execute(f"CREATE ROLE {role}")
    first.execute("GRANT pg_monitor TO ha_sidecar")
    watching = sidecar(patroni.etcd, tmp_path)
    watching.start()
    resources.callback(watching.stop)
    topology = tmp_path / "topology.json"
    wait_until(
        lambda: topology.exists() and '"stable"' in topology.read_text().replace(" ", ""),
        timeout=20,
        what="a primary is published",
    )
    odoo = OdooServer(
        [first, second], "stalled", variant="suite", ha={"topology_path": topology}, workers=2
    )
    odoo.install("base", "web", "ha_test", "ha_failover")
    with odoo, ThreadPoolExecutor(1) as asking:
        users = Writers(odoo)
        writers.append(users)
        users.start(3)
        wait_until(lambda: len(users.acknowledged) > 10, timeout=30, what="users write")
        stall.touch()
        # The answer comes when the switchover is over, so nobody waits for it.
        wish = {"leader": "pg1", "candidate": "pg2"}
        asking.submit(first.node.call, "POST", "/switchover", wish)
        wait_until(
            lambda: second.node.call("GET", "/leader")[0] == 200, timeout=30, what="pg2 is elected"
        )
        # Who believes Patroni's word, as a balancer does, writes to a server that refuses.
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            second.execute("CREATE TABLE refused ()")
        told = len(users.acknowledged)
        with pytest.raises(TimeoutError):
            wait_until(lambda: len(users.acknowledged) > told + 3, timeout=4, what="a save")
        assert second.node.call("GET", "/leader")[0] == 200
        assert not users.failed
        stall.unlink()
        told = len(users.acknowledged)
        wait_until(lambda: len(users.acknowledged) > told + 10, timeout=30, what="users write on")
        users.stop()
        users.assert_exactly_once(second)
