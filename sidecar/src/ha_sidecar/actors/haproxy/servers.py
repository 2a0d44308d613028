"""What HAProxy says of a backend's servers, and what each of them needs. Pure.

``set server … health`` moves a server at once and leaves it to its checks: they confirm it, or
undo it after `rise` or `fall` of them. Nothing stays behind when the sidecar dies, as it would
with `state maint`. That needs checks: without them a server would stay down for good.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ...errors import ActorError

#: Values of the columns of `show servers state` (HAProxy's management guide).
_STOPPED, _FAILED, _CONFIGURED = 0, 2, 2


class Condition(StrEnum):
    """How a server is found."""

    MAINTENANCE = "in maintenance or draining"
    UP = "up"
    FAILING = "up, its last check failed"
    RISING = "down, its last check passed"
    DOWN = "down"
    IN_USE = "down, with sessions"


@dataclass(frozen=True)
class Server:
    """One server of the backend."""

    name: str
    address: str
    port: int
    checked: bool
    condition: Condition


class Step(StrEnum):
    """A command of the runtime API, about one server."""

    RAISE = "set server {} health up"
    LOWER = "set server {} health down"
    CUT = "shutdown sessions server {}"


_C = Condition

#: What is done to the primary's server, and to each other one, as it is found.
PRIMARY: Mapping[Condition, tuple[Step, ...]] = {
    _C.MAINTENANCE: (),
    _C.UP: (),
    _C.FAILING: (Step.RAISE,),
    _C.RISING: (Step.RAISE,),
    _C.DOWN: (Step.RAISE,),
    _C.IN_USE: (Step.RAISE,),
}
OTHER: Mapping[Condition, tuple[Step, ...]] = {
    _C.MAINTENANCE: (),
    _C.UP: (Step.LOWER, Step.CUT),
    _C.FAILING: (Step.LOWER, Step.CUT),
    _C.RISING: (Step.LOWER, Step.CUT),
    _C.DOWN: (),
    _C.IN_USE: (Step.CUT,),
}


def commands(backend: str, servers: Sequence[Server], address: str, port: int) -> list[str]:
    """Return the commands that leave only the server at ``address`` and ``port`` up.

    The primary's server comes first: at no moment is there none. Raises ActorError when it
    isn't among ``servers``, or one of them has no check.
    """
    primary = _primary(backend, servers, address, port)
    refuse_unchecked(backend, servers)
    ordered = [primary, *(server for server in servers if server is not primary)]
    return [
        step.format(f"{backend}/{server.name}")
        for server in ordered
        for step in (PRIMARY if server is primary else OTHER)[server.condition]
    ]


def refuse_unchecked(backend: str, servers: Sequence[Server]) -> None:
    """Raise ActorError when a server has no check that could bring it up again."""
    unchecked = [server.name for server in servers if not server.checked]
    if unchecked:
        raise ActorError(
            f"haproxy_backend: {backend}/{unchecked[0]} has no health check of its own; add"
            " `check` to its line, or it would stay down when the sidecar is gone"
        )


def _primary(backend: str, servers: Sequence[Server], address: str, port: int) -> Server:
    """The names in HAProxy are its own: servers are known by address and port, or by the address
    alone when another port is used (a PgBouncer beside PostgreSQL) and only one server has it."""
    here = [server for server in servers if server.address == address]
    exact = [server for server in here if server.port == port]
    for found in (exact, here):
        if len(found) == 1:
            return found[0]
    raise ActorError(
        f"haproxy_backend: {len(here) or 'no'} server(s) of {backend} have the primary's address"
        f" {address}:{port}; nothing was changed"
    )


def servers_of(state: str, statistics: str) -> list[Server]:
    """Read the answers to `show servers state` and `show stat`, both of one backend.

    Raises ActorError when they can't be read.
    """
    try:
        _, header, *lines = state.strip().splitlines()
        names = header.removeprefix("# ").split()
        used = _sessions(statistics)
        rows = [dict(zip(names, line.split(), strict=False)) for line in lines if line.strip()]
        return [_server(row, used[row["srv_name"]]) for row in rows]
    except (KeyError, ValueError) as error:
        raise ActorError(f"unexpected answer to `show servers state`: {error!r}") from None


def _server(row: Mapping[str, str], sessions: int) -> Server:
    health = int(row["srv_check_health"])
    if int(row["srv_admin_state"]):
        condition = _C.MAINTENANCE
    elif int(row["srv_op_state"]) != _STOPPED:
        condition = _C.FAILING if int(row["srv_check_result"]) == _FAILED else _C.UP
    elif health:
        condition = _C.RISING
    else:
        condition = _C.IN_USE if sessions else _C.DOWN
    return Server(
        name=row["srv_name"],
        address=row["srv_addr"],
        port=int(row["srv_port"]),
        checked=bool(int(row["srv_check_state"]) & _CONFIGURED),
        condition=condition,
    )


def _sessions(statistics: str) -> dict[str, int]:
    rows = csv.DictReader(statistics.strip().removeprefix("# ").splitlines())
    return {row["svname"]: int(row["scur"]) for row in rows}
