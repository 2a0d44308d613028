"""What every server of the tests has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from .processes import ServerProcess, discard


class Faults:
    """The verbs that break a server, each on all of its processes at once."""

    process: ServerProcess

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def freeze(self) -> None:
        """SIGSTOP: its sockets stay open and nothing answers."""
        self.process.freeze()

    def thaw(self) -> None:
        self.process.thaw()


class Server(Faults, ABC):
    """One with files of its own: entering starts it, leaving ends it and removes them."""

    base: Path

    @abstractmethod
    def start(self) -> None:
        """Start it (again) and wait until it answers."""

    @abstractmethod
    def end(self) -> None:
        """End it for good."""

    def begin(self) -> None:
        """What entering does; by default, start it."""
        self.start()

    def __enter__(self) -> Self:
        try:
            self.begin()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
        discard(self.base)
