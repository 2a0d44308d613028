"""What the sidecars have in common in etcd, and which of them is the alerter.

Below ``/odoo-ha<namespace><scope>/alerts/``, apart from Patroni's keys:

==================  ==========================================  ==================================
key                 value                                       written by
==================  ==========================================  ==================================
``nodes/<node>``    the report of its sidecar, on its lease     each sidecar
``alerter``         the alerter's name, on its lease            who takes it
``state``           alerts, outbox, who belongs to the cluster  the alerter, only as long as it is
``checks``          the checks made in Odoo, with a version     any sidecar, for its Odoo
``silences/<id>``   until when, by whom                         any sidecar, for its API
``forget/<name>``   a node or standby that is gone for good     any sidecar, for its API
==================  ==========================================  ==================================

The rule: the alerter holds a key on a lease of ``TTL`` seconds and the state is written only while the
key is its own. **While etcd is away the last alerter goes on, from its own view, and all others are
silent**; none of them can know more than it. When etcd is back, others leave the key to the last alerter
for ``COURTESY`` seconds, since its state is newer than etcd's. A sidecar that alone is cut off from etcd
can't know that another has followed it: until it is back, what both see may come from both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..errors import NotFound, SourceError
from ..etcd import Endpoint, Lease
from ..etcd_members import EtcdMembers

#: Seconds that a sidecar's lease outlives it; etcd may make it longer.
TTL = 5
#: Seconds after etcd came back in which the last alerter goes first.
COURTESY = 2.0 * TTL


@dataclass(frozen=True)
class Sight:
    """All keys as last read. ``contact`` is False while etcd is away."""

    contact: bool = False
    alerter: str | None = None
    reports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    checks: Mapping[str, Any] | None = None
    silences: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    forget: tuple[str, ...] = ()


def sight_from(values: Mapping[str, str]) -> Sight:
    """Read the keys; what isn't JSON counts as absent. Pure."""
    found: dict[str, Any] = {}
    for key, text in values.items():
        try:
            found[key] = json.loads(text)
        except ValueError:
            continue

    def below(prefix: str) -> dict[str, Any]:
        return {
            key.removeprefix(prefix): value
            for key, value in found.items()
            if key.startswith(prefix) and isinstance(value, dict)
        }

    alerter = found.get("alerter")
    return Sight(
        contact=True,
        alerter=alerter.get("node") if isinstance(alerter, dict) else None,
        reports=below("nodes/"),
        state=found.get("state") if isinstance(found.get("state"), dict) else None,
        checks=found.get("checks") if isinstance(found.get("checks"), dict) else None,
        silences=below("silences/"),
        forget=tuple(sorted(below("forget/"))),
    )


def may_take(sight: Sight, me: str, *, was_alerter: bool, contact_seconds: float) -> bool:
    """Tell whether this sidecar may make itself the alerter now. Pure."""
    if sight.alerter is not None:
        return False
    last = (sight.state or {}).get("alerter")
    return was_alerter or last in (None, me) or contact_seconds >= COURTESY


class Shared:
    """The keys, for one thread. Every method raises SourceError or ConfigError."""

    def __init__(self, members: EtcdMembers, prefix: str, me: str) -> None:
        self._members = members
        self._prefix = prefix
        self._me = me
        self._lease: Lease | None = None
        self._reported: str | None = None

    def tell(self, report: Mapping[str, Any]) -> None:
        """Keep this sidecar's lease, and its report on it."""
        lease = self._renewed() if self._lease is not None else None
        if lease is None:
            lease, self._reported = self._members.call(lambda each: each.grant_lease(TTL)), None
        self._lease = lease
        text = json.dumps({**report, "lease": lease.id}, sort_keys=True)
        if text != self._reported:
            self.put(f"nodes/{self._me}", text, lease=lease)
            self._reported = text

    def _renewed(self) -> Lease | None:
        assert self._lease is not None
        try:
            return self._members.call(partial(Endpoint.renew_lease, lease=self._lease))
        except NotFound:
            return None

    def read(self) -> Sight:
        return sight_from(self._members.read(self._prefix).values)

    def is_alone(self, sight: Sight) -> bool:
        """False when another sidecar reports under the same name."""
        own = sight.reports.get(self._me)
        return own is None or self._lease is None or own.get("lease") == self._lease.id

    @property
    def _mark(self) -> str:
        """What the key ``alerter`` holds when it is this sidecar's."""
        assert self._lease is not None
        return json.dumps({"node": self._me, "lease": self._lease.id})

    def take(self) -> bool:
        """Become the alerter, unless another is."""
        lease, key = self._lease, self._prefix + "alerter"
        return self._members.call(
            lambda each: each.commit({key: self._mark}, lease=lease, absent=key)
        )

    def write_state(self, state: Mapping[str, Any]) -> bool:
        """Write the state; False when another is the alerter now."""
        puts = {self._prefix + "state": json.dumps({**state, "alerter": self._me}, sort_keys=True)}
        holds = (self._prefix + "alerter", self._mark)
        return self._members.call(lambda each: each.commit(puts, holds=holds))

    def put(self, key: str, text: str, *, lease: Lease | None = None) -> None:
        self._members.call(lambda each: each.commit({self._prefix + key: text}, lease=lease))

    def delete(self, key: str) -> None:
        self._members.call(lambda each: each.delete(self._prefix + key))

    def leave(self) -> None:
        """Let go of the lease: the next alerter needn't wait for it to end."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._members.call(lambda each: each.revoke_lease(lease))
        self._members.close()


def changed_by(members: EtcdMembers, key: str, value: object | None) -> None:
    """Write one key, or delete it (None), for the API's threads. Raises SourceError."""

    def act(endpoint: Endpoint) -> None:
        if value is None:
            endpoint.delete(key)
        elif not endpoint.commit({key: json.dumps(value)}):
            raise SourceError("etcd did not write it")

    try:
        members.call(act)
    finally:
        members.close()
