"""The topology document as an immutable snapshot. Pure; the contract is DESIGN.md's."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STATES = ("stable", "switching", "lost")


class TopologyError(ValueError):
    """The document can't be understood; it then counts as absent."""


@dataclass(frozen=True)
class Server:
    """One PostgreSQL server, as far as a client must know it."""

    name: str
    host: str
    port: int
    timeline: int
    system_identifier: str = ""


@dataclass(frozen=True)
class Topology:
    """One published state of the cluster.

    :param epoch: rises each time the proven primary changes
    :param primary: the proven primary; while ``switching`` the one that still proves itself; None
        when ``lost``
    :param observed_at: when the sidecar last looked, seconds since 1970 by this host's clock
    :param document: the parsed JSON, for those who show it
    """

    epoch: int
    state: str
    primary: Server | None
    observed_at: float
    document: dict[str, Any]

    @property
    def writable(self) -> bool:
        """Is there a proven primary that new transactions may go to?"""
        return self.state == "stable" and self.primary is not None

    def fresh(self, now: float, max_age: float) -> bool:
        """Is it recent enough to be believed? A document from the future isn't."""
        return -max_age <= now - self.observed_at <= max_age


def parse(text: str | bytes) -> Topology:
    """:raises TopologyError: when it isn't a topology document of version 1"""
    try:
        document = json.loads(text)
        if document["version"] != 1:
            raise TopologyError(f"version {document['version']!r} of the topology document")
        if document["state"] not in STATES:
            raise TopologyError(f"state {document['state']!r} of the topology document")
        primary = document["primary"]
        return Topology(
            epoch=int(document["epoch"]),
            state=document["state"],
            primary=_server(primary) if primary else None,
            observed_at=datetime.fromisoformat(document["observed_at"]).timestamp(),
            document=document,
        )
    except TopologyError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise TopologyError(f"not a topology document: {error!r}") from error


def _server(item: dict[str, Any]) -> Server:
    return Server(
        str(item["name"]),
        str(item["host"]),
        int(item["port"]),
        int(item.get("timeline") or 0),
        str(item.get("system_identifier") or ""),
    )
