"""JSON, terminal report, README table, picture and page."""

import io
import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from rich.console import Console

from ha_setup.drill.chart import Frame, draw, time_step
from ha_setup.drill.options import DrillOptions, Fault
from ha_setup.drill.page import render_page
from ha_setup.drill.report import markdown_table, print_report
from ha_setup.drill.result import RunResult, from_json, to_json
from ha_setup.drill.schedule import Action
from ha_setup.drill.textline import Band, bands

from .build import outcome, result, trace

KEYS = [
    "fault",
    "number",
    "suite",
    "sync",
    "started_at",
    "seconds",
    "requests",
    "failed_requests",
    "failed_by_kind",
    "logouts",
    "revived",
    "hung_workers",
    "writes_acknowledged",
    "lost_acknowledged",
    "lost_before_switch",
    "duplicates",
    "ghosts",
    "write_outage_s",
    "read_outage_s",
    "max_latency_s",
    "p50_ms",
    "p99_ms",
    "steady_p50_ms",
    "steady_p99_ms",
    "writable_to_first_ack_ms",
    "promoted_at",
    "verdict",
    "notes",
]

BROKEN = trace(
    outcome(1, action=Action.WRITE),
    outcome(5, kind="http_404"),
    outcome(6, 15, action=Action.PAGE),
    outcome(7, 2, action=Action.WRITE, kind="rpc_error:<b>"),
    ended_at=20,
    fault_at=4,
    last_writable_at=4.1,
    promoted_at=18,
    promoted_node="pg2",
    first_ack_at=18.3,
)


def test_a_result_comes_back_from_its_json() -> None:
    there = result(suite="stock", failed_by_kind={"timeout": 2})
    (document,) = json.loads(to_json([there]))
    assert from_json(document) == there


def test_json_is_an_array_with_exactly_these_keys() -> None:
    (first, second) = json.loads(to_json([result(), result(suite="stock", promoted_at=None)]))
    assert list(first) == KEYS
    assert (first["suite"], second["suite"]) == ("on", "stock")
    assert second["promoted_at"] is None


def printed(*results: RunResult, width: int = 100) -> str:
    written = io.StringIO()
    console = Console(file=written, width=width)
    print_report(results, console)
    return written.getvalue()


def test_terminal_report_shows_both_sides_and_why() -> None:
    text = printed(
        result(),
        result(suite="stock", failed_requests=52, verdict="fail: 52 failed requests", trace=BROKEN),
    )
    for expected in ("with the suite", "stock Odoo", "52 / 100", "fail: 52 failed requests"):
        assert expected in text
    for mark in ("fault 4.0 s", "pg2 writable 18.0 s", "first write acknowledged 18.3 s"):
        assert mark in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_terminal_report_counts_many_runs() -> None:
    assert "with the suite: 2 of 3 runs passed" in printed(
        result(), result(), result(verdict="fail: x")
    )


def test_readme_table() -> None:
    table = markdown_table([result(), result(suite="stock", failed_requests=52)])
    lines = table.splitlines()
    assert lines[0] == "| `kill-primary`, 2026-11-21 | with the suite | stock Odoo |"
    assert "| failed / sent requests | 0 / 100 | 52 / 100 |" in lines
    assert len({line.count("|") for line in lines}) == 1


def test_bands_show_the_worst_of_a_slot() -> None:
    rows = dict(bands(BROKEN, 10))
    assert rows["writes"][0] is Band.GOOD
    assert rows["writes"][3] is Band.BAD
    assert rows["reads"][2] is Band.BAD
    assert rows["pages"][3] is Band.SLOW
    assert rows["pages"].count(Band.NONE) == 9


def test_picture_is_well_formed_and_shows_each_request_and_mark() -> None:
    picture = ET.fromstring(draw(BROKEN, title="a & b", width=400, height=300, seconds=20))  # noqa: S314
    classes = [element.get("class") for element in picture.iter()]
    assert classes.count("bad") == 2
    assert classes.count("write") == 1
    assert classes.count("page") == 1
    assert classes.count("outage") == 1
    marks = {c.split()[1] for c in classes if c and c.startswith("mark")}
    assert marks == {"fault", "promoted", "first-ack"}
    assert picture.get("aria-label") == "a & b"


def test_picture_stays_in_its_frame() -> None:
    frame = Frame(400, 300, 20)
    assert frame.x(0) < frame.x(10) < frame.x(20) <= 400
    assert frame.x(99) == frame.x(20)
    assert 300 > frame.y(0) == frame.y(0.001) > frame.y(1) > frame.y(100) >= frame.top


@pytest.mark.parametrize(("seconds", "width"), [(10, 400), (100, 400), (100, 1040), (300, 400)])
def test_time_axis_has_room_for_its_numbers(seconds: int, width: int) -> None:
    step = time_step(seconds, width)
    assert (width - 56) * step / seconds >= 44


def test_page_stands_alone_and_escapes() -> None:
    page = render_page([result(), result(suite="stock", trace=BROKEN, verdict="fail: <script>")])
    assert "<script>" not in page
    for reference in ("http://", "https://", "src=", "href=", "url(", "@import"):
        assert reference not in page
    assert page.count('<svg class="chart"') == 4


def test_page_shows_the_run_that_failed() -> None:
    page = render_page([result(), result(verdict="fail: 1 ghost", ghosts=1), result()])
    assert "2 of 3 runs passed" in page
    assert "1 ghost" in page
    assert page.count('<svg class="chart"') == 2


def test_no_page_without_a_run() -> None:
    with pytest.raises(ValueError, match="at least one"):
        render_page([])


@pytest.mark.parametrize(
    "wrong",
    [
        {"runs": 0},
        {"runs": 101},
        {"variants": ()},
        {"variants": ("odd",)},
        {"rate": 0},
        {"steady": -1},
    ],
)
def test_senseless_options_name_themselves(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        DrillOptions(fault=Fault.SWITCHOVER, **wrong)
