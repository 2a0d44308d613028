"""Every fault, many times: what is still to be run, and how long that will take. Pure but for its file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from ha_setup.cluster.layout import Variant
from ha_setup.drill.options import Fault
from ha_setup.drill.result import OnOff, RunResult, from_json
from ha_setup.errors import SetupError
from ha_setup.files import write_file

_FIRST_GUESS_S = 60.0


class Turn(NamedTuple):
    """One run of one fault."""

    variant: Variant
    number: int
    fault: Fault


@dataclass
class Record:
    """What was run so far. `failures`: runs that could not be carried out, in words; they are tried again."""

    results: list[RunResult] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        return (
            json.dumps(
                {"results": [r.as_json() for r in self.results], "failures": self.failures},
                indent=1,
            )
            + "\n"
        )

    def write(self, file: Path) -> None:
        write_file(file.absolute(), self.as_json())


def read_record(file: Path) -> Record:
    """What the file holds; an empty record when there is none. SetupError when it holds something else."""
    try:
        document = json.loads(file.read_text())
        return Record(
            [from_json(result) for result in document["results"]],
            [str(line) for line in document["failures"]],
        )
    except FileNotFoundError:
        return Record()
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise SetupError(
            f"{file} holds no results of `drill all` ({problem}): name another file, or use --again"
        ) from None


def turns(
    faults: Sequence[Fault], runs: Mapping[Variant, int], record: Record, sync: OnOff
) -> list[Turn]:
    """What is still to be run: each fault once, then each again, so that wherever it is stopped all were run
    about as often; one variant after the other."""
    done = {
        ("suite" if r.suite == "on" else "stock", r.number, r.fault)
        for r in record.results
        if r.sync == sync
    }
    return [
        Turn(variant, number, fault)
        for variant, count in runs.items()
        for number in range(count)
        for fault in faults
        if (variant, number, fault.value) not in done
    ]


def seconds_left(left: Sequence[Turn], results: Sequence[RunResult]) -> float:
    """How long the rest will take, by the median of like runs."""
    took: dict[tuple[str, str], list[float]] = {}
    for r in results:
        took.setdefault(("suite" if r.suite == "on" else "stock", r.fault), []).append(r.seconds)
    guess = median([r.seconds for r in results]) if results else _FIRST_GUESS_S
    return sum(median(took.get((turn.variant, turn.fault.value), [guess])) for turn in left)
