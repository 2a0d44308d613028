"""What a node lacks to be highly available, as names that the page has words for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Seen:
    """What decides it.

    :param active: is ha_base among the node's server_wide_modules?
    :param sidecar: what keeps the sidecar's answer away, and why; None when it answered
    :param orders: what the sidecar takes orders for
    :param redis: are sessions in Redis?
    :param s3: are attachments in S3?
    """

    active: bool
    sidecar: tuple[str, str] | None = None
    orders: tuple[str, ...] = ()
    redis: bool = True
    s3: bool = True


def missing(seen: Seen) -> list[Mapping[str, Any]]:
    """``name`` and, where there is one, ``detail``; the gravest first."""
    if not seen.active:
        return [{"name": "server_wide"}]
    found: list[Mapping[str, Any]] = []
    if seen.sidecar is not None:
        name, detail = seen.sidecar
        found.append({"name": name, "detail": detail})
    if not seen.redis:
        found.append({"name": "redis"})
    if not seen.s3:
        found.append({"name": "s3"})
    if seen.sidecar is None and not {"drain", "switchover"} <= set(seen.orders):
        found.append({"name": "orders"})
    return found
