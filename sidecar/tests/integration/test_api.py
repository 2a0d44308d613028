"""The API over the network, and what Prometheus reads: by real clients of the real command."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import free_port, next_address, wait_until

TOKEN = "0123456789abcdef0123456789abcdef"


class Caller:
    """Asks over TCP."""

    def __init__(self, address: str, port: int) -> None:
        self.base = f"http://{address}:{port}"
        self._http = urllib3.PoolManager(retries=False, timeout=5.0)

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = self._http.request("GET", self.base + path, headers=headers)
        return answer.status, answer.data.decode()

    def close(self) -> None:
        self._http.clear()


@pytest.fixture
def caller() -> Iterator[Caller]:
    address = next_address()
    caller = Caller(address, free_port(address))
    yield caller
    caller.close()


def listening(cluster: Cluster, caller: Caller, token: str = TOKEN) -> Sidecar:
    sidecar = Sidecar(cluster)
    file = sidecar.write("token", token + "\n")
    with sidecar.config.open("a") as config:
        listen = caller.base.removeprefix("http://")
        config.write(f'listen = "{listen}"\ntoken_file = "{file}"\n')
    return sidecar


def test_tcp_asks_for_the_token(cluster: Cluster, caller: Caller) -> None:
    with listening(cluster, caller) as sidecar:
        sidecar.wait_for(state="stable")
        for path in ("/topology", "/topology/events", "/metrics", "/health", "/else"):
            assert caller.get(path, "wrong")[0] == 401, path
            assert caller.get(path, TOKEN[:-1])[0] == 401, path
        for path in ("/topology", "/topology/events", "/metrics", "/else"):
            assert caller.get(path)[0] == 401, path
        assert caller.get("/health") == (200, '{"status": "pass"}\n')
        status, body = caller.get("/topology", TOKEN)
        assert (status, '"epoch":1' in body) == (200, True)
        assert '"epoch": 1' in caller.get("/health", TOKEN)[1]
        assert caller.get("/metrics", TOKEN)[0] == 200
        # A new token is taken without a restart, and the old one no longer.
        (sidecar.base / "token").write_text("f" * 32)
        assert caller.get("/topology", TOKEN)[0] == 401
        assert caller.get("/topology", "f" * 32)[0] == 200
        (sidecar.base / "token").write_text("")
        assert caller.get("/topology", "")[0] == 401
        assert caller.get("/topology", "f" * 32)[0] == 401
        cluster.servers["pg1"].freeze()
        sidecar.wait_for(state="lost", timeout=3)
        assert caller.get("/health") == (503, '{"status": "fail"}\n')
        assert TOKEN not in sidecar.process.log_text()


def test_the_unix_socket_needs_no_token(cluster: Cluster, caller: Caller) -> None:
    with listening(cluster, caller) as sidecar:
        sidecar.wait_for(state="stable")
        assert sidecar.get("/topology")[0] == 200
        assert sidecar.socket_path.stat().st_mode & 0o777 == 0o660


def test_an_address_in_use_is_refused_and_nothing_is_left(cluster: Cluster, caller: Caller) -> None:
    with listening(cluster, caller) as sidecar:
        sidecar.wait_for(state="stable")
        second = listening(cluster, caller)
        done = subprocess.run(
            [sys.executable, "-m", "ha_sidecar", "--config", str(second.config)],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert done.returncode == 78
        (line,) = done.stderr.splitlines()
        assert line.startswith("ha-sidecar: listen: ")
        assert not second.socket_path.exists()
        second.__exit__(None, None, None)


def samples(text: str) -> dict[str, float]:
    """Return the page's samples by name and labels, such as ``x_total{a=b}``."""
    found = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(each.labels.items()))
            found[f"{each.name}{{{labels}}}" if labels else each.name] = each.value
    return found


def test_metrics_tell_of_a_failover(own_cluster: Cluster, caller: Caller) -> None:
    with listening(own_cluster, caller) as sidecar:
        sidecar.wait_for(state="stable")

        def page() -> dict[str, float]:
            return samples(caller.get("/metrics", TOKEN)[1])

        first = page()
        assert first["ha_sidecar_epoch"] == 1
        assert first["ha_sidecar_timeline"] == 1
        assert first["ha_sidecar_state{state=stable}"] == 1
        assert first["ha_sidecar_state{state=lost}"] == 0
        assert first["ha_sidecar_source{source=etcd}"] == 1
        assert first["ha_sidecar_seconds_since_proof"] < 1
        assert first["ha_sidecar_probes_total{result=primary}"] >= 1
        assert first["ha_sidecar_probe_seconds_count"] >= 1
        assert first["ha_sidecar_publication_seconds_count"] >= 1
        assert abs(first["ha_sidecar_published_timestamp_seconds"] - time.time()) < 3
        wait_until(
            lambda: page().get("ha_sidecar_etcd_rereads_total{reason=silent}", 0) >= 1,
            timeout=5, what="silence made it read again",
        )  # fmt: skip
        wait_until(
            lambda: page().get("ha_sidecar_replica_lag_bytes{replica=pg2}") == 0,
            timeout=30, what="pg2 streams",
        )  # fmt: skip
        well = page()
        assert well["ha_sidecar_failover_candidates"] == 1
        assert well["ha_sidecar_failover_data_loss{loss=none}"] == 1
        assert well["ha_sidecar_replica_sync{replica=pg2}"] == 1
        known = json.loads(caller.get("/status", TOKEN)[1])
        assert known["topology"]["failover"] == {
            "candidates": ["pg2"], "data_loss": "none", "loss_bytes": 0
        }  # fmt: skip
        own_cluster.write("config", {"ttl": 20, "synchronous_mode": False})
        wait_until(
            lambda: page()["ha_sidecar_failover_data_loss{loss=possible}"] == 1,
            timeout=30, what="asynchronous replication may lose something",
        )  # fmt: skip
        # What it has and did not replay yet isn't lost; what it has not, is.
        own_cluster.servers["pg2"].freeze()
        own_cluster.servers["pg1"].execute(
            "CREATE TABLE lag AS SELECT generate_series(1, 9999) AS n"
        )
        wait_until(
            lambda: page().get("ha_sidecar_failover_loss_bytes", 0) > 100_000,
            timeout=30, what="what it lacks is counted",
        )  # fmt: skip
        assert page()["ha_sidecar_failover_data_loss{loss=likely}"] == 1
        own_cluster.servers["pg2"].thaw()
        wait_until(
            lambda: page()["ha_sidecar_failover_loss_bytes"] == 0, timeout=30, what="it caught up"
        )
        own_cluster.servers["pg1"].freeze()
        sidecar.wait_for(state="lost", timeout=3)
        assert page()["ha_sidecar_failover_data_loss{loss=unknown}"] == 1
        wait_until(
            lambda: page()["ha_sidecar_seconds_since_proof"] > 2, timeout=5, what="an old proof"
        )
        assert page()["ha_sidecar_state{state=lost}"] == 1
        own_cluster.elect("pg2")
        own_cluster.servers["pg2"].promote()
        sidecar.wait_for(state="stable", primary="pg2", epoch=2)
        last = page()
        assert last["ha_sidecar_epoch"] == last["ha_sidecar_timeline"] == 2
        # The first primary was a change, too: from none.
        assert last["ha_sidecar_primary_changes_total"] == 2
        assert last["ha_sidecar_probes_total{result=failed}"] >= 1
        assert last["ha_sidecar_failover_data_loss{loss=no failover}"] == 1
