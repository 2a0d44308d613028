"""PgBouncer's admin console, every wait bounded."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from ...cluster import Target
from ...errors import ActorError, ConfigError, ProbeError
from ...resolve import Resolver
from ...session import Bell, Credentials, Interrupted, Session

#: Seconds for one command, connecting included. PgBouncer answers within a millisecond.
PATIENCE = 1.0
#: ``KILL_CLIENT`` exists from this version on.
_KILL_CLIENT = (1, 24)


@dataclass(frozen=True)
class Access:
    """Where the console is, and how to log in."""

    host: str
    port: int
    credentials: Credentials


@dataclass(frozen=True)
class Link:
    """A link to a server that PgBouncer no longer wants: ``client`` uses it still."""

    database: str
    host: str
    port: int
    client: str


class Console:
    """One connection, opened when needed. For one thread. Every method may raise ActorError."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._resolver = Resolver()
        self._session = self._new_session()

    def _new_session(self, bell: Bell | None = None) -> Session:
        target = Target("PgBouncer", self._access.host, self._access.port)
        # It knows no startup options.
        return Session(target, self._access.credentials, self._resolver, bell, options="")

    def version(self) -> tuple[int, ...]:
        """As in (1, 18, 0)."""
        text = str(self._rows("SHOW VERSION")[0][0])
        return tuple(int(number) for number in re.findall(r"\d+", text)[:3])

    def show(self, what: str) -> list[dict[str, Any]]:
        """Rows of ``SHOW what`` by the columns' names, which differ between versions."""
        deadline = time.monotonic() + PATIENCE
        try:
            return self._session.named_rows(f"SHOW {what}", deadline)
        except (ProbeError, ConfigError) as error:
            raise ActorError(f"PgBouncer {self._where}: SHOW {what}: {error}") from None

    def pause(self, patience: float, bell: Bell) -> bool:
        """PAUSE; tell whether all transactions ended within ``patience`` seconds, or until ``bell``.

        It is in force either way: the console's leaving doesn't end it.
        """
        session = self._new_session(bell)
        try:
            session.rows("PAUSE", time.monotonic() + patience)
        except Interrupted:
            return False
        except (ProbeError, ConfigError) as error:
            if "already" in str(error):
                return True
            if "no answer in time" in str(error):
                return False
            raise ActorError(f"PgBouncer {self._where}: PAUSE: {error}") from None
        finally:
            session.close()
        return True

    def resume(self, database: str | None = None) -> bool:
        """RESUME; tell whether it was paused."""
        try:
            self._rows("RESUME" + (f" {_quoted(database)}" if database else ""))
        except ActorError as error:
            if "not paused" in str(error):
                return False
            raise
        return True

    def reload(self) -> None:
        """Have it read its configuration; links to another server than before are left behind."""
        self._rows("RELOAD")

    def seems_paused(self) -> bool:
        """Is a database paused, or does a client wait for a second? 1.18 tells no more of PAUSE."""
        pools = self.show("POOLS")
        return any(int(row["maxwait"]) >= 1 for row in pools) or bool(self.paused_databases())

    def paused_databases(self) -> list[str]:
        """Those paused by their name, as ``KILL database`` leaves them."""
        return [str(row["name"]) for row in self.show("DATABASES") if int(row["paused"] or 0)]

    def left_behind(self, primary: Target) -> list[Link]:
        """Links in use to another server, though their database points to ``primary`` by now."""
        pointing = {
            str(row["name"])
            for row in self.show("DATABASES")
            if (row["host"], int(row["port"])) == (primary.host, primary.port)
        }
        try:
            address = self._resolver.address(primary.host, time.monotonic() + PATIENCE)
        except ProbeError as error:
            raise ActorError(f"{primary}: {error}") from None
        links = [
            Link(str(row["database"]), str(row["addr"]), int(row["port"]), str(row["link"]))
            for row in self.show("SERVERS")
            if row["link"] and str(row["database"]) in pointing
        ]
        return [link for link in links if (link.host, link.port) != (address, primary.port)]

    def end(self, links: list[Link]) -> None:
        """End the clients of ``links``; those before version 1.24 end all of their databases'."""
        if self.version() >= _KILL_CLIENT:
            ids = {str(row["ptr"]): row["id"] for row in self.show("CLIENTS")}
            for link in links:
                if link.client in ids:
                    self._rows(f"KILL_CLIENT {ids[link.client]}")
            return
        for database in sorted({link.database for link in links}):
            self._rows(f"KILL {_quoted(database)}")
            self.resume(database)  # KILL leaves it paused

    def close(self) -> None:
        self._session.close()

    @property
    def _where(self) -> str:
        return f"{self._access.host}:{self._access.port}"

    def _rows(self, command: str) -> list[tuple[Any, ...]]:
        try:
            return self._session.rows(command, time.monotonic() + PATIENCE)
        except (ProbeError, ConfigError) as error:
            raise ActorError(f"PgBouncer {self._where}: {command}: {error}") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
