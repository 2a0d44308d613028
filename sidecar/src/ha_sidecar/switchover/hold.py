"""The hold: one key in etcd that lives only as long as this process renews its lease."""

from __future__ import annotations

import getpass
import json
import socket
import threading
import time
from collections.abc import Sequence
from functools import partial

from ..errors import ConfigError, Forbidden, SourceError
from ..etcd import Access, Endpoint, Lease
from ..etcd_members import EtcdMembers
from ..patroni_keys import HOLD, view_from_keys
from .outcome import Outcome, Stopped
from .preflight import under_way

#: Seconds that the hold outlives this process, at most; etcd looks twice a second and may set
#: a longer minimum (three times half its election timeout).
TTL = 3
RENEW_INTERVAL = 0.5
#: Seconds of trying to release before it is left to run out.
RELEASE_LIMIT = 2.0


class Hold:
    """``take`` it, and it is kept by a thread of its own until ``release``."""

    def __init__(self, urls: Sequence[str], access: Access, prefix: str) -> None:
        self._urls = urls
        self._access = access
        self._prefix = prefix
        self._members = EtcdMembers(urls, access)
        self._lease: Lease | None = None
        self._ending = threading.Event()
        self._keeper: threading.Thread | None = None

    def take(self, leader: str, candidate: str) -> None:
        """Write the key if nobody holds and ``leader`` leads. Raises Stopped, SourceError."""
        self._lease = lease = self._members.call(lambda each: each.grant_lease(TTL))
        key = self._prefix + HOLD
        told = {"leader": leader, "candidate": candidate, "by": _who(), "lease": lease.id}
        expect = (self._prefix + "leader", leader)
        try:
            written = self._members.call(
                lambda each: each.create(key, json.dumps(told), lease, expect=expect)
            )
        except Forbidden:
            raise ConfigError(
                f"etcd_username: this user may not write {key} in etcd;"
                " grant it readwrite on that one key"
            ) from None
        if not written:
            values = self._members.read(self._prefix).values
            # An answer that was lost on its way: it was written after all.
            if f'"{lease.id}"' not in values.get(HOLD, ""):
                raise Stopped(Outcome.REFUSED, under_way(view_from_keys(values)))
        self._keeper = threading.Thread(target=self._keep, name="hold", daemon=True)
        self._keeper.start()

    @property
    def is_kept(self) -> bool:
        """False from the moment at which etcd may have let it go."""
        lease = self._lease
        return lease is not None and time.monotonic() < lease.asked_at + lease.ttl

    def _keep(self) -> None:
        members = EtcdMembers(self._urls, self._access)
        while not self._ending.wait(RENEW_INTERVAL) and (lease := self._lease) is not None:
            try:
                self._lease = members.call(partial(Endpoint.renew_lease, lease=lease))
            except (SourceError, ConfigError):
                continue
        members.close()

    def release(self) -> bool:
        """Let every node go on; False if that couldn't be said: then it runs out within TTL."""
        self._ending.set()
        if self._keeper is not None:
            self._keeper.join(RELEASE_LIMIT)
        lease, self._lease = self._lease, None
        deadline = time.monotonic() + RELEASE_LIMIT
        released = lease is None
        while lease is not None and not released and time.monotonic() < deadline:
            try:
                self._members.call(partial(Endpoint.revoke_lease, lease=lease))
                released = True
            except (SourceError, ConfigError):
                time.sleep(0.1)
        self._members.close()
        return released


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "?"
    return f"{user}@{socket.gethostname()}"
