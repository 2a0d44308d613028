"""An actor acts on what holds now, says once what fails, and never takes the sidecar with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import LogCapture

from ha_sidecar.actors import Actor, Published
from ha_sidecar.errors import ActorError
from ha_sidecar.transitions import Phase
from tests.servers.addresses import wait_until

ONE = Published(Phase.LOST, None, 1)
TWO = Published(Phase.LOST, None, 2)


class Recorder(Actor):
    """Notes what it acted on; ``fault`` is raised, ``gate`` holds it back."""

    def __init__(self) -> None:
        super().__init__("recorder", interval=0.01)
        self.seen: list[int] = []
        self.fault: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.overtook: list[bool] = []
        self.left = False

    def act(self, published: Published) -> bool:
        self.gate.wait(5)
        if self.fault is not None:
            raise self.fault
        self.overtook.append(self.overtaken(published))
        self.seen.append(published.epoch)
        return self.seen.count(published.epoch) == 1

    def leave(self) -> None:
        self.left = True


@pytest.fixture
def said() -> Iterator[LogCapture]:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture])
    yield capture
    structlog.configure(**before)


@pytest.fixture
def actor(said: LogCapture) -> Iterator[Recorder]:
    actor = Recorder()
    actor.start()
    yield actor
    actor.gate.set()
    actor.end()
    actor.join(5)
    assert actor.left


def until(condition: object, what: str) -> None:
    wait_until(condition, timeout=5, what=what, interval=0.005)  # type: ignore[arg-type]


def test_acts_at_each_change_and_again_without_one(actor: Recorder) -> None:
    threading.Event().wait(0.05)
    assert actor.seen == [], "nothing was published yet"
    actor.aim(ONE)
    until(lambda: actor.seen.count(1) > 2, "it looks again")
    actor.aim(TWO)
    until(lambda: actor.seen[-1] == 2, "it acts on what holds now")
    assert actor.results["changed"] == 2
    assert actor.results["unchanged"] >= 1


def test_a_stuck_actor_delays_nobody_and_learns_that_it_was_overtaken(actor: Recorder) -> None:
    actor.gate.clear()
    actor.aim(ONE)
    threading.Event().wait(0.05)
    actor.aim(TWO)
    actor.gate.set()
    until(lambda: actor.seen[-1:] == [2], "it comes back to what holds now")
    assert dict(zip(actor.seen, actor.overtook, strict=False))[1] is True
    assert actor.overtook[-1] is False


@pytest.mark.parametrize("fault", [ActorError("refused"), ZeroDivisionError("a defect")])
def test_what_fails_is_said_once_and_tried_on(
    actor: Recorder, said: LogCapture, fault: Exception
) -> None:
    actor.fault = fault
    actor.aim(ONE)
    until(lambda: actor.results["failed"] > 3, "it tries on")
    actor.fault = None
    until(lambda: actor.seen, "it works again")
    events = [entry["event"] for entry in said.entries]
    assert events == ["actor failed; trying on", "actor works again"]
