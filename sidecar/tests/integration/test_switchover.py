"""The planned switchover on real Patroni and etcd: done, refused, given up, killed at each step."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import psycopg2
import pytest

from ha_sidecar.etcd import Access, Endpoint
from ha_sidecar.switchover.hold import Hold
from ha_sidecar.switchover.outcome import Stopped
from sidecar.tests.integration.cluster import PREFIX, Cluster, Sidecar
from sidecar.tests.integration.switchover import (
    HOLD,
    LOGIN,
    Frozen,
    Scene,
    Switchover,
    pause_patroni,
)
from tests.servers.addresses import wait_until
from tests.servers.etcd import Etcd
from tests.servers.patroni import PatroniCluster

#: The lease, and what etcd takes to look.
LEASE = 5.0
HOLDS = "every node holds"
ASKED = "Patroni is asked"


@pytest.fixture(scope="module")
def patroni() -> Iterator[PatroniCluster]:
    with Etcd() as etcd, PatroniCluster(etcd, login=LOGIN) as patroni:
        execute = patroni.nodes["pg1"].execute
        Cluster(etcd, {}).create_role(execute)
        execute("GRANT pg_checkpoint TO ha_sidecar")
        yield patroni


@pytest.fixture
def scene(patroni: PatroniCluster) -> Iterator[Scene]:
    cluster = Cluster(patroni.etcd, {})
    with Sidecar(cluster) as one, Sidecar(cluster) as two:
        scene = Scene(patroni, [one, two])
        yield scene
        scene.close()


def test_every_node_holds_until_the_new_primary_is_proven(scene: Scene) -> None:
    seen: list[list[tuple[str, str | None]]] = [[], []]
    ending = threading.Event()

    def follow() -> None:
        while not ending.wait(0.002):
            for sidecar, states in zip(scene.sidecars, seen, strict=True):
                document = sidecar.document() or {}
                state = (document["state"], (document["primary"] or {}).get("name"))
                if state not in states[-1:]:
                    states.append(state)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    with Switchover(scene) as command:
        code, report = command.end()
    assert code == 0
    scene.each_shows(timeout=1, state="stable", primary=scene.new.name)
    ending.set()
    follower.join()
    assert (report["outcome"], report["from"], report["to"]) == (
        "switched", scene.old.name, scene.new.name
    )  # fmt: skip
    assert not scene.is_held()
    for states in seen:
        assert states[:2] == [("stable", scene.old.name), ("switching", scene.old.name)]
        assert states[-1] == ("stable", scene.new.name)
        assert [state for state, _ in states].count("stable") == 2, states
        assert "lost" not in {state for state, _ in states}
    for sidecar in scene.sidecars:
        told = [line.get("situation") for line in sidecar.log()]
        assert told.index("held for a switchover") < told.index("switchover announced")


def test_a_transaction_that_ends_in_time_is_waited_for(scene: Scene) -> None:
    # A node that waits for another one's end is in a transaction for minutes: that is nobody's work.
    watch = scene.watch_a_node()
    with scene.open_transaction() as work, Switchover(scene) as command:
        command.wait_to_say(HOLDS)
        scene.each_shows(timeout=1, state="switching", primary=scene.old.name)
        time.sleep(0.5)
        assert ASKED not in command.said
        work.commit()
        code, report = command.end()
    assert (code, report["outcome"]) == (0, "switched")
    watch.close()


def test_a_transaction_that_stays_open_makes_it_give_up(scene: Scene) -> None:
    work = scene.open_transaction()
    with Switchover(scene) as command:
        command.wait_to_say(HOLDS)
        held_at = time.monotonic()
        scene.each_shows(timeout=1, state="switching")
        code, report = command.end()
        took = scene.each_shows(timeout=1, state="stable", primary=scene.old.name)
    print(f"given up after {time.monotonic() - held_at:.2f} s, stable {took:.3f} s later")
    assert (code, report["outcome"]) == (2, "aborted")
    assert "payroll" in report["reasons"][0]
    assert 1.9 < report["held_s"] < 3.5
    assert not scene.is_held()
    work.commit()
    work.close()


def test_force_ends_what_stays_open(scene: Scene) -> None:
    work = scene.open_transaction()
    with Switchover(scene, "--force") as command:
        code, report = command.end()
    assert (code, report["to"]) == (0, scene.new.name), report
    with pytest.raises(psycopg2.OperationalError):
        work.commit()


def test_refused_by_a_line_and_nothing_is_held(scene: Scene) -> None:
    def refused(*arguments: str, login: str = LOGIN) -> str:
        with Switchover(scene, *arguments, login=login) as command:
            code, report = command.end()
        assert (code, report["outcome"], report["held_s"]) == (1, "refused", None)
        return " ".join(report["reasons"])

    assert "there is no member pg9" in refused("--candidate", "pg9")
    assert "is the primary already" in refused("--candidate", scene.old.name)
    assert "patroni_password_file" in refused(login="operator:wrong")
    with Frozen(scene.new):
        assert scene.new.url in refused()
    pause_patroni(scene.old, True)
    try:
        assert "patronictl resume" in refused()
    finally:
        pause_patroni(scene.old, False)
    wait_until(lambda: '"pause"' not in scene.keys()["config"], timeout=10, what="resumed")
    for sidecar in scene.sidecars:
        sidecar.never_shows(0.1, state="switching")


def test_refused_when_nobody_would_hold(scene: Scene) -> None:
    for sidecar in scene.sidecars:
        assert sidecar.stop() == 0
    with Switchover(scene) as command:
        code, report = command.end()
    assert (code, report["outcome"]) == (1, "refused")
    assert "no sidecar" in report["reasons"][0]


def test_of_two_at_once_one_is_refused(scene: Scene) -> None:
    first = Hold([scene.patroni.etcd.url], Access(timeout=2.0), PREFIX)
    first.take(scene.old.name, scene.new.name)
    try:
        scene.each_shows(timeout=2, state="switching", primary=scene.old.name)
        with Switchover(scene) as second:
            code, report = second.end()
        assert (code, report["outcome"]) == (1, "refused")
        assert "is under way, by " in report["reasons"][0]
        # As late as after the look, by etcd itself.
        late = Hold([scene.patroni.etcd.url], Access(timeout=2.0), PREFIX)
        with pytest.raises(Stopped, match="is under way"):
            late.take(scene.old.name, scene.new.name)
        assert late.release()
        assert scene.is_held()
    finally:
        assert first.release()
    scene.each_shows(timeout=1, state="stable", primary=scene.old.name)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_while_it_waits(scene: Scene, sent: int) -> None:
    work = scene.open_transaction()
    with Switchover(scene) as command:
        command.wait_to_say(HOLDS)
        scene.each_shows(timeout=1, state="switching")
        command.process.send(sent)
        took = scene.each_shows(timeout=1, state="stable", primary=scene.old.name)
        code, report = command.end()
    print(f"interrupted → stable: {took:.3f} s")
    assert (code, report["outcome"]) == (130, "interrupted")
    assert f"{scene.old.name} goes on" in report["reasons"][0]
    work.commit()
    work.close()


def test_interrupted_after_patroni_was_asked(scene: Scene) -> None:
    with scene.open_transaction() as work, Switchover(scene) as command:
        command.wait_to_say(HOLDS)
        with Frozen(scene.old):
            work.commit()
            command.wait_to_say(ASKED)
            command.process.send(signal.SIGINT)
            code, report = command.end()
            scene.each_shows(timeout=1, state="stable", primary=scene.old.name)
        assert (code, report["outcome"]) == (130, "interrupted")
        assert "Patroni was asked and goes on by itself" in report["reasons"][0]
    # The request lay with Patroni: it goes on, and the sidecars follow.
    scene.each_shows(timeout=30, state="stable", primary=scene.new.name)


def test_killed_while_it_holds(scene: Scene) -> None:
    work = scene.open_transaction()
    with Switchover(scene) as command:
        command.wait_to_say(HOLDS)
        scene.each_shows(timeout=1, state="switching")
        command.process.kill()
        took = scene.each_shows(timeout=LEASE, state="stable", primary=scene.old.name)
    print(f"killed while it waits → stable: {took:.2f} s")
    assert not scene.is_held()
    work.commit()
    work.close()


def test_killed_after_patroni_was_asked(scene: Scene) -> None:
    with scene.open_transaction() as work, Switchover(scene) as command:
        command.wait_to_say(HOLDS)
        with Frozen(scene.old):
            work.commit()
            command.wait_to_say(ASKED)
            command.process.kill()
            took = scene.each_shows(timeout=LEASE, state="stable", primary=scene.old.name)
            assert not scene.is_held()
    print(f"killed after Patroni was asked → stable: {took:.2f} s")
    scene.each_shows(timeout=30, state="stable", primary=scene.new.name)


def test_killed_while_patroni_switches(scene: Scene) -> None:
    with Switchover(scene) as command:
        command.wait_to_say(ASKED)
        wait_until(lambda: scene.keys().get("failover", "{}") != "{}", timeout=10, what="Patroni announces it",
                   interval=0.005)  # fmt: skip
        command.process.kill()
        scene.each_shows(timeout=20, state="stable", primary=scene.new.name)
    wait_until(lambda: not scene.is_held(), timeout=LEASE, what="the hold cleared itself")
    scene.sidecars[0].never_shows(0.5, state="switching")


def test_old_primary_goes_on_when_patroni_refuses(scene: Scene) -> None:
    """The candidate's Patroni hangs from after the look on: Patroni finds nobody to promote."""
    with scene.open_transaction() as work, Switchover(scene) as command:
        command.wait_to_say(HOLDS)
        with Frozen(scene.new):
            work.commit()
            code, report = command.end()
            took = scene.each_shows(timeout=1, state="stable", primary=scene.old.name)
        print(f"refused by Patroni → stable: {took:.3f} s after the command's end")
    assert (code, report["outcome"]) == (2, "aborted")
    assert "Patroni answers 412" in report["reasons"][0]


def test_switchover_asked_of_patroni_alone_is_held_as_soon_as_it_is_announced(
    scene: Scene,
) -> None:
    announced: list[float] = []
    watch = Endpoint(scene.patroni.etcd.url, Access(timeout=2.0))

    def follow() -> None:
        revision = watch.read(PREFIX).revision
        for changes in watch.watch(PREFIX, revision + 1, 20):
            if any(change.key == "failover" and change.value for change in changes):
                announced.append(time.monotonic())
                return

    follower = threading.Thread(target=follow)
    follower.start()
    asked = threading.Thread(
        target=scene.old.call,
        args=("POST", "/switchover", {"leader": scene.old.name, "candidate": scene.new.name}),
    )
    asked.start()
    scene.sidecars[0].wait_for(state="switching", timeout=10)
    held_at = time.monotonic()
    assert (scene.sidecars[0].document() or {})["primary"] is not None
    follower.join(10)
    asked.join(60)
    scene.each_shows(timeout=30, state="stable", primary=scene.new.name)
    print(f"announced by Patroni → published: {(held_at - announced[0]) * 1000:.0f} ms")
    assert held_at - announced[0] < 0.5
    watch.close()


def test_the_hold_is_no_key_of_patroni(scene: Scene) -> None:
    """It comes and goes without a word of Patroni's, and what it can't read holds nobody."""
    before = scene.old.process.log_text().count("\n")
    scene.patroni.etcd.put(PREFIX + HOLD, "nonsense")
    for sidecar in scene.sidecars:
        sidecar.never_shows(1.5, state="switching")
    scene.patroni.etcd.delete(PREFIX + HOLD)
    told = scene.old.process.log_text().splitlines()[before:]
    # A busy machine makes Patroni late, and it says so; that is not about the key.
    about = [line for line in told if "Loop time exceeded" not in line]
    assert [line for line in about if "ERROR" in line or "WARNING" in line] == []
