"""Performs a rollout: looks at the nodes, runs the commands, remembers; `machine.py` decides."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ha_setup.commands import end_process
from ha_setup.rollout import node, record
from ha_setup.rollout.machine import advance
from ha_setup.rollout.settings import Rollout
from ha_setup.rollout.state import (
    Action,
    Ended,
    Fetch,
    Interrupted,
    Looked,
    Observation,
    Outcome,
    Run,
    Say,
    State,
)

_POLL = 0.5
_WORDS = 400


class Driver:
    """One rollout. `interrupt` may be called from a signal handler, or another thread.

    `tell` gets each line for people. `file` holds what is remembered.
    """

    def __init__(self, rollout: Rollout, file: Path, tell: Callable[[str], None]) -> None:
        self._rollout = rollout
        self._file = file
        self._tell = tell
        self._secret = node.token(rollout.token_file)
        self._interrupts = 0
        self._taken = 0
        self._wake = threading.Event()

    def interrupt(self) -> None:
        """End the rollout in good order; at the second call, the command under way too."""
        self._interrupts += 1
        self._wake.set()

    def looked(self) -> Looked:
        """How all nodes are, now."""
        return Looked(node.look_at_all(self._rollout, self._secret))

    def drive(self, state: State) -> State:
        """Go on until it has ended, well or not."""
        effect: Action | None = None
        while state.outcome is Outcome.RUNNING:
            record.save(self._file, state)
            observation: Observation
            if self._interrupts and not self._taken:
                self._taken = 1
                observation = Interrupted()
            elif effect is not None:
                observation, effect = self._perform(effect), None
            else:
                self._wake.wait(_POLL)
                observation = self.looked()
            if isinstance(observation, Ended) and self._interrupts and not self._taken:
                self._taken = 1
                state = self._fold(state, Interrupted())[0]
            state, asked = self._fold(state, observation)
            effect = asked if asked is not None else effect
        record.save(self._file, state)
        return state

    def _fold(self, state: State, observation: Observation) -> tuple[State, Action | None]:
        """The new state, and the one action that is more than words."""
        state, actions = advance(state, observation, time.time(), self._rollout.plan)
        effect = None
        for action in actions:
            if isinstance(action, Say):
                self._tell(action.text)
            else:
                effect = action
        return state, effect

    def _perform(self, action: Action) -> Ended:
        match action:
            case Run(name, command):
                return self._run(self._rollout.argv(name, command))
            case Fetch(name):
                problem = node.warm(self._rollout, name)
                return Ended(problem is None, problem or "")
        raise AssertionError(action)

    def _run(self, argv: list[str]) -> Ended:
        """In a session of its own: Ctrl-C is ours, and lets it end."""
        limit = self._rollout.command_limit
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", start_new_session=True,
            )  # fmt: skip
        except OSError as problem:
            return Ended(False, f"{argv[0]}: {problem.strerror}")
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
        reader.start()
        deadline = time.monotonic() + limit
        try:
            while process.poll() is None:
                if self._interrupts > 1:
                    return Ended(False, f"{argv[0]} was ended by the second interrupt")
                if time.monotonic() > deadline:
                    return Ended(False, f"{argv[0]} did not end within {limit:.0f} s")
                time.sleep(0.05)
        finally:
            end_process(process)
            reader.join(1.0)
            if process.stdout and not reader.is_alive():  # else a child of its own still writes
                process.stdout.close()
        words = " ".join("".join(said).split())[-_WORDS:]
        return Ended(process.returncode == 0, f"{argv[0]} ended with {process.returncode}: {words}")
