"""Every fault can be injected; what comes later comes when its moment has come, and ends with the run."""

import time

import pytest

from ha_setup.drill.faults import INJECTORS
from ha_setup.drill.faults.course import Course
from ha_setup.drill.faults.sidecar import STEPS
from ha_setup.drill.options import FAULTS, Fault
from ha_setup.errors import ClusterError


def test_every_fault_is_described_and_can_be_injected() -> None:
    assert set(FAULTS) == set(INJECTORS) == set(Fault)
    assert FAULTS[Fault.KILL_SIDECAR].variants == len(STEPS)


def wait_until_over(course: Course) -> None:
    deadline = time.monotonic() + 5
    while course.pending() is not None and time.monotonic() < deadline:
        time.sleep(0.005)


def test_a_course_waits_for_its_moment() -> None:
    answers = iter([None, None, "there"])
    found: list[str] = []

    def steps(course: Course) -> None:
        found.append(course.wait_for(lambda: next(answers), within=5, what="an answer"))

    course = Course(steps).start()
    wait_until_over(course)
    course.end()
    assert found == ["there"]
    assert course.pending() is None


def test_what_never_came_stays_pending() -> None:
    course = Course(lambda c: c.wait_for(lambda: None, within=0.02, what="the impossible")).start()
    course.end()
    assert course.pending() == "the impossible"


def test_the_end_of_the_run_ends_a_pause() -> None:
    began = time.monotonic()
    course = Course(lambda c: c.pause(60, "a minute")).start()
    course.end()
    assert time.monotonic() - began < 10
    assert course.pending() == "a minute"


def test_a_step_that_fails_is_told_at_the_end() -> None:
    def steps(_: Course) -> None:
        raise ClusterError("nothing to kill")

    course = Course(steps).start()
    with pytest.raises(ClusterError, match="nothing to kill"):
        course.end()
