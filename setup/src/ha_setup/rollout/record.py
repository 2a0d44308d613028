"""What a rollout remembers, as JSON: written before each step is begun."""

from __future__ import annotations

import json
from pathlib import Path

from ha_setup.errors import SetupError
from ha_setup.files import write_file
from ha_setup.rollout.state import Outcome, State, Version
from ha_setup.rollout.steps import Step

FORMAT = 1


def to_json(state: State) -> str:
    """Everything that another process needs to go on. Pure."""
    document = {
        "format": FORMAT,
        "versions": dict(state.versions),
        "goal": state.goal,
        "node": state.node,
        "step": state.step,
        "here": state.here,
        "since": state.since,
        "migrated": state.migrated,
        "ending": state.ending,
        "outcome": state.outcome,
        "reason": state.reason,
    }
    return json.dumps(document, indent=2) + "\n"


def from_json(text: str) -> State:
    """The state that `to_json` described. Raises ValueError, KeyError or TypeError when it is none. Pure."""
    document = json.loads(text)
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}")
    ending = document["ending"]
    return State(
        versions={str(name): Version(value) for name, value in document["versions"].items()},
        goal=Version(document["goal"]),
        node=document["node"],
        step=Step(document["step"]),
        here=Version(document["here"]),
        since=float(document["since"]),
        migrated=bool(document["migrated"]),
        ending=None if ending is None else Outcome(ending),
        outcome=Outcome(document["outcome"]),
        reason=str(document["reason"]),
    )


def load(file: Path) -> State | None:
    """The rollout that `file` tells of; None when there is none. Raises SetupError when it can't be read."""
    try:
        return from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(
            f"{file} can't be used ({error}): it tells how far a rollout came. Look at each node, undrain it if"
            " need be, and remove the file"
        ) from None


def save(file: Path, state: State) -> None:
    """Raises SetupError."""
    try:
        write_file(file, to_json(state))
    except OSError as error:
        raise SetupError(
            f"--state: {file} can't be written ({error.strerror}): name a file in a directory that is yours"
        ) from None
