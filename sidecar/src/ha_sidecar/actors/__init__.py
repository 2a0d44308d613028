"""What the sidecar makes other servers do: each actor brings one server in line with the topology."""

from .actor import Actor, Published

__all__ = ["Actor", "Published"]
