"""What a PgBouncer should be doing, and the file that it includes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_sidecar import parse
from ha_sidecar.actors.pgbouncer import databases_file
from ha_sidecar.actors.pgbouncer.rules import Memory, Wish, decide
from ha_sidecar.cluster import Primary
from ha_sidecar.errors import ActorError
from ha_sidecar.transitions import Phase

LIMIT = 30.0


def primary(timeline: int, identifier: str = "73") -> Primary:
    return Primary("pg2", "10.0.0.2", 5432, timeline, identifier)


def test_stable_follows_and_trouble_after_it_is_held() -> None:
    memory, wish = decide(Memory(), Phase.STABLE, 0.0, LIMIT)
    assert wish is Wish.FOLLOW
    memory, wish = decide(memory, Phase.SWITCHING, 1.0, LIMIT)
    assert wish is Wish.HOLD
    _, wish = decide(memory, Phase.LOST, 5.0, LIMIT)
    assert wish is Wish.HOLD


def test_what_drains_is_not_held() -> None:
    memory, _ = decide(Memory(), Phase.STABLE, 0.0, LIMIT)
    memory, wish = decide(memory, Phase.SWITCHING, 1.0, LIMIT, draining=True)
    assert wish is Wish.FOLLOW
    memory, wish = decide(memory, Phase.SWITCHING, 2.0, LIMIT)
    assert wish is Wish.HOLD


@pytest.mark.parametrize("phase", [Phase.SWITCHING, Phase.LOST])
def test_a_sidecar_that_just_started_holds_nobody(phase: Phase) -> None:
    assert decide(Memory(), phase, 0.0, LIMIT)[1] is Wish.RUN


@given(st.lists(st.tuples(st.sampled_from(Phase), st.floats(0.01, 20.0)), max_size=40))
def test_a_hold_ends_at_its_limit_and_never_begins_twice_in_one_trouble(
    steps: list[tuple[Phase, float]],
) -> None:
    memory, now, held_since, over = Memory(), 0.0, None, False
    for phase, pause in steps:
        now += pause
        memory, wish = decide(memory, phase, now, LIMIT)
        if phase is Phase.STABLE:
            assert wish is Wish.FOLLOW
            held_since, over = None, False
        elif wish is Wish.HOLD:
            assert not over
            held_since = now if held_since is None else held_since
            assert now - held_since < LIMIT
        else:
            over = over or held_since is not None


def test_the_file_names_the_primary_for_each_database() -> None:
    text = databases_file.render(("*", "postgres pool_mode=session"), primary(3))
    assert "* = host=10.0.0.2 port=5432\n" in text
    assert "postgres = host=10.0.0.2 port=5432 pool_mode=session\n" in text


def test_a_newer_timeline_in_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "databases.ini"
    newer = databases_file.render(("*",), primary(4))
    assert databases_file.update(file, newer, primary(4))
    assert not databases_file.update(file, newer, primary(4)), "a second sidecar writes the same"
    with pytest.raises(ActorError, match="names timeline 4"):
        databases_file.update(file, databases_file.render(("*",), primary(3)), primary(3))
    assert file.read_text() == newer
    other = primary(1, "74")
    assert databases_file.update(file, databases_file.render(("*",), other), other), "rebuilt"


@pytest.mark.parametrize("entry", ["odoo host=10.0.0.1", "a b", "", "x password=1"])
def test_an_entry_with_an_address_or_nonsense_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="without host and port"):
        parse.database_entries([entry])
