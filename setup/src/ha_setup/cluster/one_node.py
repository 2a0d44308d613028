"""`python -m ha_setup.cluster.one_node STATE_DIR NAME stop|start NODE`: what systemctl does elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

from ha_setup.cluster import Cluster


def main(state_dir: str, name: str, verb: str, node: str) -> None:
    """Stop or start one node of that cluster, in good order; nothing happens when it is so already."""
    cluster = Cluster.open(Path(state_dir), name)
    {"stop": cluster.stop, "start": cluster.start}[verb](node)


if __name__ == "__main__":
    main(*sys.argv[1:])
