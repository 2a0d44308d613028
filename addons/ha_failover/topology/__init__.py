"""The topology document: what the sidecar of this node says about the database cluster."""

from .document import Server, Topology, TopologyError, parse

__all__ = ["Server", "Topology", "TopologyError", "parse"]
