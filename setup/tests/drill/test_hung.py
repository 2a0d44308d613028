from pathlib import Path

from ha_setup.drill.hung import HungWorkers

KILLED = (
    "2026-11-21 10:00:00,000 7 ERROR ? odoo.service.server: WorkerHTTP (4711) timeout after 60s\n"
)


def test_only_what_is_new_counts(tmp_path: Path) -> None:
    first, second, absent = tmp_path / "odoo1.log", tmp_path / "odoo2.log", tmp_path / "odoo3.log"
    first.write_text(KILLED * 2)
    second.write_text("")
    hung = HungWorkers([first, second, absent])
    assert hung.count() == 0
    with first.open("a") as log:
        log.write("WARNING a worker waits, timeout after 5 s\n" + KILLED)
    second.write_text(KILLED.replace("WorkerHTTP", "WorkerCron"))
    absent.write_text(KILLED)
    assert hung.count() == 3


def test_a_log_that_was_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "odoo1.log"
    log.write_text("x" * 1000)
    hung = HungWorkers([log])
    log.write_text(KILLED)
    assert hung.count() == 1
