"""The long suite: what is still to be run, and its one table."""

from pathlib import Path

import pytest

from ha_setup.cluster.layout import Layout
from ha_setup.drill.campaign import Record, Turn, read_record, seconds_left, turns
from ha_setup.drill.options import Fault, faults_for
from ha_setup.drill.summary import lines, markdown, page
from ha_setup.errors import SetupError

from .build import result

FAULTS = (Fault.SWITCHOVER, Fault.KILL_PRIMARY)


def test_every_fault_once_before_any_twice_and_the_suite_before_stock() -> None:
    left = turns(FAULTS, {"suite": 2, "stock": 1}, Record(), "on")
    assert [(t.variant, t.number, t.fault) for t in left] == [
        ("suite", 0, Fault.SWITCHOVER),
        ("suite", 0, Fault.KILL_PRIMARY),
        ("suite", 1, Fault.SWITCHOVER),
        ("suite", 1, Fault.KILL_PRIMARY),
        ("stock", 0, Fault.SWITCHOVER),
        ("stock", 0, Fault.KILL_PRIMARY),
    ]


def test_what_was_run_is_not_run_again() -> None:
    record = Record([result(number=0), result(number=0, sync="off", fault="switchover")])
    left = turns(FAULTS, {"suite": 1}, record, "on")
    assert left == [Turn("suite", 0, Fault.SWITCHOVER)]


def test_the_record_survives(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    assert read_record(file) == Record()
    record = Record(
        [result(), result(number=1, verdict="fail: 1 ghost")], ["switchover #1: refused"]
    )
    record.write(file)
    assert read_record(file) == record


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    file.write_text("[]")
    with pytest.raises(SetupError, match="--again"):
        read_record(file)


def test_the_rest_is_guessed_from_like_runs() -> None:
    results = [result(seconds=40.0), result(seconds=44.0), result(fault="switchover", seconds=20.0)]
    left = [Turn("suite", 5, Fault.KILL_PRIMARY), Turn("suite", 5, Fault.SWITCHOVER)]
    assert seconds_left(left, results) == 42.0 + 20.0
    assert seconds_left(left, []) > 0


def test_one_table() -> None:
    results = [
        result(fault="kill-primary", suite="stock", failed_requests=50, logouts=3),
        result(fault="kill-primary", failed_requests=0, writable_to_first_ack_ms=100.0),
        result(fault="kill-primary", number=1, failed_requests=2, verdict="fail: <2>"),
        result(fault="switchover", writable_to_first_ack_ms=None),
    ]
    assert [(n.fault, n.suite, len(n.results)) for n in lines(results)] == [
        ("switchover", "on", 1),
        ("kill-primary", "on", 2),
        ("kill-primary", "stock", 1),
    ]
    head, rule, switchover, suite, stock = markdown(results).splitlines()
    assert head.count("|") == rule.count("|") == switchover.count("|") == suite.count("|")
    assert "| 1 / 2 | 200 | **2** |" in suite
    assert "| stock | 1 / 1 | 100 | 50 | 3 |" in stock
    assert "&lt;2&gt;" in page(results, ["it <broke>"])
    assert "it &lt;broke&gt;" in page(results, ["it <broke>"])


def test_what_a_cluster_cannot_have_is_left_out() -> None:
    state = Path("/var/tmp/x")
    small = faults_for(Layout(state, small=True))
    assert not {Fault.DROP_PRIMARY, Fault.ETCD_LEADER_LOSS, Fault.ETCD_QUORUM_LOSS} & set(small)
    assert set(faults_for(Layout(state, network="namespaces"))) == set(Fault)
