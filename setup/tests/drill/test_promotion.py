"""Dating the promotion."""

from ha_setup.drill.promotion import Seen, Spell, last_writable, note, promotion


def watch(node: str, *seen: tuple[float, Seen]) -> list[Spell]:
    spells: list[Spell] = []
    for at, what in seen:
        note(spells, node, what, at)
    return spells


W, R, S = Seen.WRITABLE, Seen.READ_ONLY, Seen.SILENT


def test_equal_answers_are_one_spell() -> None:
    (spell,) = watch("pg1", (1, W), (2, W), (3, W))
    assert (spell.first, spell.last) == (1, 3)


def test_new_primary() -> None:
    spells = watch("pg1", (1, W), (5.1, W), (5.2, S)) + watch("pg2", (1, R), (9, R), (9.02, W))
    found = promotion(spells, 5)
    assert found
    assert (found.node, found.first) == ("pg2", 9.02)
    assert last_writable(spells, 5) == 5.1


def test_nothing_promoted_yet() -> None:
    assert promotion(watch("pg1", (1, W), (9, W)) + watch("pg2", (1, R), (9, R)), 5) is None


def test_a_slow_primary_is_no_promotion() -> None:
    assert promotion(watch("pg1", (1, W), (9, W), (12, W)), 5) is None


def test_old_primary_back_after_having_been_away() -> None:
    found = promotion(watch("pg1", (1, W), (5.1, S), (7, W)), 5)
    assert found
    assert (found.node, found.first) == ("pg1", 7)


def test_the_first_of_two() -> None:
    spells = watch("pg2", (1, R), (9, W)) + watch("pg3", (1, R), (20, W))
    found = promotion(spells, 5)
    assert found
    assert found.node == "pg2"
