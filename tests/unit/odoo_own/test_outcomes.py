"""The comparison of two runs of Odoo's own tests."""

from __future__ import annotations

from tests.odoo_own.outcomes import Difference, differences, parse, renamed, summary

JUNIT = """<?xml version="1.0"?>
<testsuites><testsuite>
  <testcase classname="base.TestCron" name="test_a"/>
  <testcase classname="base.TestCron" name="test_b"><failure message="x">trace</failure></testcase>
  <testcase classname="base.TestCron" name="test_c"><skipped message="no browser"/></testcase>
  <testcase classname="base.TestCron" name="test_d"><error message="x"/></testcase>
  <testcase classname="base.TestCron" name="test_e"><system-out>printed</system-out></testcase>
  <testcase classname="base.TestCron" name="test_f"><failure message="subtest"/></testcase>
  <testcase classname="base.TestCron" name="test_f"/>
</testsuite></testsuites>"""


def test_each_outcome_is_read() -> None:
    assert parse(JUNIT) == {
        "base.TestCron.test_a": "passed",
        "base.TestCron.test_b": "failed",
        "base.TestCron.test_c": "skipped",
        "base.TestCron.test_d": "error",
        "base.TestCron.test_e": "passed",
        "base.TestCron.test_f": "failed",
    }
    assert summary(parse(JUNIT)) == "2 passed, 2 failed, 1 error, 1 skipped"


def test_equal_runs_do_not_differ() -> None:
    assert differences(parse(JUNIT), parse(JUNIT)) == []


def test_every_kind_of_difference_is_found() -> None:
    without = {"a": "passed", "b": "failed", "c": "passed", "d": "skipped"}
    with_suite = {"a": "failed", "b": "failed", "d": "passed", "e": "passed"}
    assert differences(without, with_suite) == [
        Difference("a", "passed", "failed"),
        Difference("c", "passed", "absent"),
        Difference("d", "skipped", "passed"),
        Difference("e", "absent", "passed"),
    ]


def test_a_class_that_stands_for_another_has_its_name() -> None:
    outcomes = {"addons.x.TestOnS3.test_a": "passed", "addons.x.Other.test_b": "failed"}
    assert renamed(outcomes, {"TestOnS3": "odoo.base.Test"}) == {
        "odoo.base.Test.test_a": "passed",
        "addons.x.Other.test_b": "failed",
    }
