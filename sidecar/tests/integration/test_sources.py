"""etcd away, restarted, silent, compacted, with passwords: no move without proof, none missed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ha_sidecar.election import EtcdWatcher
from ha_sidecar.errors import Compacted, SourceError, WatchIdle
from ha_sidecar.etcd import Access, Change, Endpoint, Reading
from sidecar.tests.integration.cluster import PREFIX, Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.etcd import Etcd


@pytest.fixture
def etcd(cluster: Cluster) -> Etcd:
    return cluster.etcd


@pytest.fixture
def endpoint(etcd: Etcd) -> Iterator[Endpoint]:
    endpoint = Endpoint(etcd.url, Access(timeout=2.0))
    yield endpoint
    endpoint.close()


def copy_keys(source: Etcd, to: Etcd) -> None:
    endpoint = Endpoint(source.url, Access(timeout=2.0))
    for key, value in endpoint.read(PREFIX).values.items():
        to.put(PREFIX + key, value)
    endpoint.close()


def test_watch_goes_on_where_the_reading_ended(etcd: Etcd, endpoint: Endpoint) -> None:
    etcd.put("/t/a", "1")
    reading = endpoint.read("/t/")
    assert reading.values == {"a": "1"}
    etcd.put("/t/b", "2")
    etcd.delete("/t/a")
    changes: list[Change] = []
    for batch in endpoint.watch("/t/", reading.revision + 1, idle_timeout=5.0):
        changes += batch
        if len(changes) == 2:
            break
    assert changes == [Change("b", "2"), Change("a", None)]


def test_silence_ends_the_watch(endpoint: Endpoint) -> None:
    reading = endpoint.read("/t/")
    started = time.monotonic()
    with pytest.raises(WatchIdle):
        list(endpoint.watch("/t/", reading.revision + 1, idle_timeout=0.5))
    assert 0.4 < time.monotonic() - started < 2.0


def test_compacted_watch_is_told_apart(etcd: Etcd, endpoint: Endpoint) -> None:
    old = etcd.put("/t/a", "1")
    etcd.compact(etcd.put("/t/a", "2"))
    with pytest.raises(Compacted):
        list(endpoint.watch("/t/", old, idle_timeout=5.0))


class LateEndpoint(Endpoint):
    """Stands for a sidecar that was frozen between its reading and its watch."""

    def __init__(self, etcd: Etcd) -> None:
        super().__init__(etcd.url, Access(timeout=2.0))
        self._etcd = etcd
        self.readings = 0

    def read(self, prefix: str) -> Reading:
        reading = super().read(prefix)
        self.readings += 1
        if self.readings == 1:
            self._etcd.put(prefix + "leader", "pg2")
            self._etcd.compact(self._etcd.put(prefix + "leader", "pg3"))
        return reading


def test_compaction_under_the_watch_makes_it_read_again(etcd: Etcd) -> None:
    etcd.put("/late/leader", "pg1")
    watcher = EtcdWatcher(
        [], Access(timeout=2.0), "/late/", idle_timeout=5.0, on_change=lambda: None
    )
    late = LateEndpoint(etcd)
    watcher._endpoints = [late]
    watcher.start()
    try:
        wait_until(
            lambda: watcher.sight.view is not None and watcher.sight.view.leader == "pg3",
            timeout=3,
            what="the leader written before the compaction",
        )
        assert late.readings == 2
    finally:
        watcher.end()
        watcher.join(10)
    assert not watcher.is_alive()


def test_etcd_away_no_move_and_no_loss_while_sql_proves(cluster: Cluster, sidecar: Sidecar) -> None:
    cluster.etcd.stop()
    sidecar.wait_for(source="sql", state="stable", primary="pg1", timeout=6)
    sidecar.never_shows(6.0, state="lost")
    assert any(
        line.get("setting") == "etcd_endpoints" and cluster.etcd.url in line.get("endpoints", ())
        for line in sidecar.log()
    )
    cluster.servers["pg1"].kill()
    sidecar.wait_for(state="lost", primary=None, source="sql", timeout=3)
    cluster.servers["pg1"].start()
    sidecar.wait_for(state="stable", primary="pg1", epoch=1, source="sql")
    cluster.etcd.start()
    sidecar.wait_for(source="etcd", state="stable", epoch=1, timeout=5)


def test_restarted_etcd_is_followed_again(cluster: Cluster, sidecar: Sidecar) -> None:
    cluster.etcd.kill()
    cluster.etcd.start()
    cluster.elect("pg2")
    sidecar.wait_for(state="switching", primary=None, timeout=5)
    cluster.elect("pg1")
    sidecar.wait_for(state="stable", primary="pg1", epoch=1, timeout=5)


def test_frozen_etcd_is_not_trusted(cluster: Cluster, sidecar: Sidecar) -> None:
    cluster.etcd.freeze()
    sidecar.wait_for(source="sql", state="stable", primary="pg1", timeout=6)
    cluster.etcd.thaw()
    cluster.elect("pg2")
    sidecar.wait_for(state="switching", source="etcd", timeout=5)


def test_endpoint_that_fails_gives_way_to_the_next(cluster: Cluster) -> None:
    dead = f"http://{cluster.etcd.address}:9"
    with Sidecar(cluster, etcd_endpoints=[dead, cluster.etcd.url]) as sidecar:
        sidecar.wait_for(state="stable", source="etcd", timeout=3)


def test_frozen_member_gives_way_to_the_next(cluster: Cluster) -> None:
    """Two endpoints; the one that is watched hangs without closing anything."""
    with Etcd() as second:
        copy_keys(cluster.etcd, second)
        endpoints = [second.url, cluster.etcd.url]
        with Sidecar(cluster, etcd_endpoints=endpoints) as sidecar:
            sidecar.wait_for(state="stable", source="etcd")
            second.freeze()
            frozen_at = time.monotonic()
            cluster.elect("pg2")
            sidecar.wait_for(state="switching", source="etcd", timeout=6)
            print(f"hanging etcd member → next one: {time.monotonic() - frozen_at:.1f} s")
            second.thaw()


def test_no_etcd_at_the_start_is_said_and_survived(cluster: Cluster) -> None:
    cluster.etcd.stop()
    with Sidecar(cluster) as sidecar:
        sidecar.wait_for(state="lost", primary=None, timeout=4)
        (said,) = [line for line in sidecar.log() if line["event"].startswith("no etcd endpoint")]
        assert said["setting"] == "etcd_endpoints"
        assert said["endpoints"] == [cluster.etcd.url]
        cluster.etcd.start()
        sidecar.wait_for(state="stable", primary="pg1", epoch=1, source="etcd", timeout=5)


def test_etcd_with_user_and_password(cluster: Cluster) -> None:
    """Tokens die with etcd's process: after its restart the sidecar has to log in again."""
    with Etcd() as locked:
        copy_keys(cluster.etcd, locked)
        locked.call("/v3/auth/user/add", {"name": "root", "password": "r00t-pass"})
        locked.call("/v3/auth/user/grant", {"user": "root", "role": "root"})
        locked.call("/v3/auth/enable", {})

        def access(password: str) -> Access:
            return Access(2.0, username="root", password=lambda: password)

        stranger = Endpoint(locked.url, access("wrong"))
        with pytest.raises(SourceError, match="etcd_username is refused"):
            stranger.read(PREFIX)
        stranger.close()
        friend = Endpoint(locked.url, access("r00t-pass"))
        assert friend.read(PREFIX).values["leader"] == "pg1"
        friend.close()

        password_file = locked.base / "password"
        password_file.write_text("r00t-pass\n")
        with Sidecar(
            cluster, etcd_endpoints=[locked.url], etcd_username="root",
            etcd_password_file=str(password_file),
        ) as sidecar:  # fmt: skip
            sidecar.wait_for(state="stable", source="etcd")
            locked.process.kill()
            sidecar.wait_for(source="sql", timeout=6)
            locked.process.start()
            sidecar.wait_for(state="stable", source="etcd", timeout=8)
            assert "r00t-pass" not in sidecar.process.log_text()


def test_a_watch_that_etcd_cancels_is_not_taken_for_an_open_one() -> None:
    """A user without rights: etcd accepts the watch and cancels it in one breath."""
    with Etcd() as locked:
        locked.call("/v3/auth/user/add", {"name": "root", "password": "r00t-pass"})
        locked.call("/v3/auth/user/grant", {"user": "root", "role": "root"})
        locked.call("/v3/auth/user/add", {"name": "stranger", "password": "no-rights"})
        locked.call("/v3/auth/enable", {})
        endpoint = Endpoint(locked.url, Access(2.0, "stranger", password=lambda: "no-rights"))
        with pytest.raises(SourceError, match="permission denied"):
            endpoint.read(PREFIX)
        with pytest.raises(SourceError, match="cancelled by etcd") as refused:
            list(endpoint.watch(PREFIX, 1, idle_timeout=5.0))
        assert not isinstance(refused.value, WatchIdle)
        endpoint.close()
