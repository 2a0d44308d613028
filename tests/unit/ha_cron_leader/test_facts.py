"""What the keeper would warn of."""

from __future__ import annotations

from odoo.addons.ha_cron_leader.facts import Summary


def test_a_pool_that_no_node_serves_is_named_once_and_not_at_the_first_look() -> None:
    summary = Summary("odoo1", ("main",))
    rows = [("main", 5, 0, True, False), ("reports", 2, 1, False, False)]
    assert summary.look("db", rows) == ["reports"]
    assert summary.warnings("db") == []
    summary.look("db", rows)
    (warning,) = summary.warnings("db")
    assert "no live node serves the pool reports" in warning
    assert "cron_pools" in warning
    summary.look("db", rows)
    assert summary.warnings("db") == []
    report = summary.report()
    assert report["unserved"] == ["db: reports"]
    assert report["late_jobs"] == 1
    summary.look("db", [(pool, jobs, late, True, False) for pool, jobs, late, *_ in rows])
    summary.warnings("db")
    assert summary.report()["unserved"] == []


def test_a_configured_pool_without_a_job_is_named_once() -> None:
    summary = Summary("odoo1", ("main", "reprots"))
    summary.look("db", [("main", 5, 0, True, False)])
    (warning,) = summary.warnings("db")
    assert warning.startswith("cron_pools names reprots, but")
    assert summary.warnings("db") == []
    assert summary.report()["pools_without_jobs"] == ["reprots"]


def test_a_report_is_news_once() -> None:
    summary = Summary("odoo1", ("main",))
    assert summary.news()
    assert summary.news() is None
    summary.changed()
    assert summary.news()
    summary.turned("db", ["main"])
    assert summary.report()["leads"] == 1
    summary.forget("db")
    assert summary.report()["leads"] == 0
