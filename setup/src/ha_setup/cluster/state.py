"""What is remembered about a cluster between runs: cluster.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from ha_setup.cluster.layout import NETWORKS, POOLERS, VARIANTS, Network, Pooler, Variant
from ha_setup.errors import ClusterError
from ha_setup.files import write_file


@dataclass(frozen=True)
class State:
    """A cluster's shape and what it was last asked to be."""

    block: int = 1
    small: bool = False
    variant: Variant = "suite"
    synchronous: bool = True
    formed: bool = False  # whether etcd, PostgreSQL, Redis and S3 were healthy together once
    network: Network = "loopback"
    pooler: Pooler = "none"


class Memory:
    """The state, and its file. The file is written when something changes, never on opening."""

    def __init__(self, file: Path, state: State) -> None:
        self._file = file
        self.state = state

    def change(self, **values: Any) -> None:
        """Replace fields of the state and write it down."""
        self.state = replace(self.state, **values)
        write_file(self._file, json.dumps(asdict(self.state)) + "\n")


def load_state(path: Path) -> State | None:
    """The remembered state; None when there is none, ClusterError when it is damaged."""
    try:
        raw = json.loads(path.read_text())
        state = State(
            block=int(raw["block"]),
            small=bool(raw["small"]),
            variant=cast(Variant, raw["variant"]),
            synchronous=bool(raw["synchronous"]),
            formed=bool(raw["formed"]),
            network=cast(Network, raw.get("network", "loopback")),
            pooler=cast(Pooler, raw.get("pooler", "none")),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ClusterError(
            f"{path} is damaged ({problem}): end the cluster's processes and remove {path.parent}"
        ) from None
    if state.pooler not in POOLERS:
        raise ClusterError(
            f"{path} names the pooler {state.pooler!r}: expected {' or '.join(POOLERS)}"
        )
    if state.network not in NETWORKS:
        raise ClusterError(
            f"{path} names the network {state.network!r}: expected {' or '.join(NETWORKS)}"
        )
    if state.variant not in VARIANTS:
        raise ClusterError(
            f"{path} names the variant {state.variant!r}: expected {' or '.join(VARIANTS)}"
        )
    return state
