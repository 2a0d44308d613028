"""The command as a service: starting, ending, checking, and keeping its secrets."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_clean_end(cluster: Cluster, number: int) -> None:
    with Sidecar(cluster) as sidecar:
        sidecar.wait_for(state="stable")
        started = time.monotonic()
        sidecar.process.send(number)
        assert sidecar.process.wait(10) == 0
        assert time.monotonic() - started < 3
        assert not sidecar.socket_path.exists()
        assert sidecar.log()[-1]["event"] == "stopped"


def test_clean_end_with_everything_frozen(cluster: Cluster, sidecar: Sidecar) -> None:
    cluster.servers["pg1"].freeze()
    cluster.etcd.freeze()
    sidecar.wait_for(state="lost", timeout=3)
    started = time.monotonic()
    assert sidecar.stop() == 0
    assert time.monotonic() - started < 4


def test_systemd_hears_of_it(cluster: Cluster, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(10)
        sidecar = Sidecar(cluster)
        sidecar.process.environment |= {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "600000"}
        with sidecar:
            said = [systemd.recv(200).decode() for _ in range(8)]
    assert "READY=1" in said
    assert said.count("WATCHDOG=1") >= 3
    assert any(line.startswith("STATUS=stable: pg1") for line in said)


def test_a_hung_loop_stops_feeding_the_watchdog(cluster: Cluster, tmp_path: Path) -> None:
    """The disk under topology_path hangs: a FIFO in the place of the file that is written first."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(5)

        def hear(wanted: str, times: int = 1) -> None:
            for _ in range(times):
                while systemd.recv(200).decode() != wanted:
                    pass

        sidecar = Sidecar(cluster)
        sidecar.process.environment |= {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1500000"}
        with sidecar:
            sidecar.wait_for(state="stable")
            hear("WATCHDOG=1")
            (process,) = sidecar.process.tree()
            fifo = sidecar.base / f".topology.json.{process.pid}"
            os.mkfifo(fifo)
            with pytest.raises(TimeoutError):
                hear("WATCHDOG=1", times=1000)
            # Threads beside the loop go on; only the loop may feed.
            assert sidecar.get("/health")[0] == 200
            reader = os.open(fifo, os.O_RDONLY)
            hear("WATCHDOG=1")
            os.close(reader)


def test_second_sidecar_on_the_same_state_is_refused(cluster: Cluster, sidecar: Sidecar) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ha_sidecar", "--config", str(sidecar.config)],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "state_dir: " in done.stderr
    assert "another ha-sidecar" in done.stderr
    assert sidecar.shows(state="stable")


def test_a_lost_place_for_the_document_is_said_and_survived(
    cluster: Cluster, tmp_path: Path
) -> None:
    home = tmp_path / "run"
    home.mkdir()
    with Sidecar(cluster, topology_path=str(home / "topology.json")) as sidecar:
        wait_until((home / "topology.json").exists, timeout=5, what="the document")
        (home / "topology.json").unlink()
        home.rename(tmp_path / "away")
        wait_until(
            lambda: any(line.get("setting") == "topology_path" for line in sidecar.log()),
            timeout=5,
            what="the complaint",
        )
        (tmp_path / "away").rename(home)
        wait_until((home / "topology.json").exists, timeout=5, what="the document again")


def test_a_dead_thread_ends_the_process_loudly(cluster: Cluster) -> None:
    """systemd starts it anew; a sidecar that lives on without its eyes would be worse."""
    sidecar = Sidecar(cluster)
    broken = "from ha_sidecar import cli, prober; prober.Prober.run = lambda self: 1 / 0; "
    sidecar.process.argv[1:3] = ["-c", broken + "raise SystemExit(cli.main())"]
    sidecar.process.start()
    assert sidecar.process.wait(10) == 1
    text = sidecar.process.log_text()
    assert "a thread died" in text
    assert "ZeroDivisionError" in text
    assert not sidecar.socket_path.exists()
    sidecar.__exit__(None, None, None)


def test_check_says_what_is_well(cluster: Cluster) -> None:
    sidecar = Sidecar(cluster)
    done = sidecar.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a primary on timeline 1" in done.stdout
    assert "a replica" in done.stdout
    assert done.stdout.endswith("all is well\n")
    sidecar.__exit__(None, None, None)


def test_check_says_what_is_wrong(cluster: Cluster) -> None:
    dead = f"http://{cluster.etcd.address}:9"
    sidecar = Sidecar(cluster, patroni_urls=[dead])
    sidecar.password_file.write_text("wrong\n")
    done = sidecar.check()
    assert done.returncode == 1
    assert "3 failed" in done.stdout
    assert "(setting patroni_urls)" in done.stdout
    assert "password authentication failed" in done.stdout
    assert "(setting probe_user)" in done.stdout
    sidecar.__exit__(None, None, None)


def test_wrong_password_is_told_and_no_secret_ever_is(cluster: Cluster) -> None:
    sidecar = Sidecar(cluster, log_level="debug")
    sidecar.password_file.write_text("wrong-and-secret\n")
    with sidecar:
        sidecar.wait_for(state="lost")
        wait_until(
            lambda: any("password authentication" in str(x.get("detail")) for x in sidecar.log()),
            timeout=5,
            what="the reason in the log",
        )
        # A password that is changed in its file is taken without a restart.
        sidecar.password_file.write_text(cluster.password + "\n")
        sidecar.wait_for(state="stable")
        (process,) = sidecar.process.tree()
        shown = [
            sidecar.process.log_text(),
            " ".join(process.cmdline()),
            str(sidecar.document()),
            *(path.read_text() for path in (sidecar.base / "state").glob("*.json")),
        ]
    for secret in (cluster.password, "wrong-and-secret"):
        assert not [text for text in shown if secret in text]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_runs_unprivileged(cluster: Cluster) -> None:
    other = pwd.getpwnam("daemon")
    try:
        subprocess.run(
            [sys.executable, "-c", "import ha_sidecar, psycopg2, structlog, urllib3"],
            user=other.pw_name, capture_output=True, timeout=30, check=True, cwd="/",
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("other users can't read this interpreter or its packages")
    sidecar = Sidecar(cluster)
    for path in (sidecar.base, *sidecar.base.iterdir()):
        os.chown(path, other.pw_uid, other.pw_gid)
    sidecar.process.user = other.pw_name
    with sidecar:
        sidecar.wait_for(state="stable")
        (process,) = sidecar.process.tree()
        assert process.username() == other.pw_name
