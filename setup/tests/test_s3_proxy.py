"""What the proxy before S3 does to answers."""

from collections import Counter
from random import Random

from ha_setup.s3_proxy import ERRORS, S3Fault, Treatment, treatment


def many(fault: S3Fault) -> Counter[Treatment]:
    chance = Random(19)
    return Counter(treatment(fault, chance) for _ in range(10_000))


def test_without_a_fault_nothing_is_touched() -> None:
    assert many(S3Fault.NONE) == {Treatment.UNTOUCHED: 10_000}


def test_slow_is_every_answer() -> None:
    assert many(S3Fault.SLOW) == {Treatment.DELAY: 10_000}


def test_errors_are_three_of_ten_of_all_kinds() -> None:
    seen = many(S3Fault.ERRORS)
    assert abs(10_000 - seen[Treatment.UNTOUCHED] - 10_000 * ERRORS) < 300
    assert min(seen[t] for t in (Treatment.REFUSE, Treatment.FORGET, Treatment.CUT)) > 500
    assert seen[Treatment.DELAY] == 0
