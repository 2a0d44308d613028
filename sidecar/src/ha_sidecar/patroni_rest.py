"""Patroni's REST API as the second source of election news, asked only while etcd is away.

Every Patroni tells the cluster as it last saw it, so of several answers the one with the
leader on the highest timeline counts. SQL proves here as everywhere.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import urllib3

from .cluster import ClusterView, Member, Switchover, SyncMode
from .election import Sight
from .errors import SourceError
from .patroni_keys import lsn_text, moment, sync_mode
from .tls import PATRONI, with_remedy

_log = structlog.get_logger("ha_sidecar.patroni")
_LEADER_ROLES = {"leader", "standby_leader"}

#: Seconds between two rounds of questions.
INTERVAL = 1.0


def view_from_rest(
    cluster: Mapping[str, Any], node: Mapping[str, Any], config: Mapping[str, Any]
) -> ClusterView:
    """Build the view from the answers to /cluster, /patroni and /config (the latter two may
    be empty). Raises SourceError when /cluster isn't what Patroni answers. Pure."""
    try:
        described = list(cluster["members"])
        members = tuple(_member(each) for each in described if each.get("host"))
        leader = next((m["name"] for m in described if m.get("role") in _LEADER_ROLES), None)
        sync = frozenset(
            m["name"] for m in described if m.get("role") in {"sync_standby", "quorum_standby"}
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"unexpected answer to /cluster ({error!r})") from None
    planned = cluster.get("scheduled_switchover")
    identifier = node.get("database_system_identifier")
    return ClusterView(
        leader=leader,
        members=members,
        system_identifier=str(identifier) if identifier else None,
        sync_mode=sync_mode(config) if config else SyncMode.ON if sync else SyncMode.OFF,
        sync_names=sync,
        paused=cluster.get("pause") is True,
        switchover=Switchover(planned.get("from"), planned.get("to"), moment(planned.get("at")))
        if isinstance(planned, dict)
        else None,
    )


def _member(data: Mapping[str, Any]) -> Member:
    timeline = data.get("timeline")
    return Member(
        name=str(data["name"]),
        host=str(data["host"]),
        port=int(data.get("port", 5432)),
        role=str(data.get("role", "")),
        state=str(data.get("state", "")),
        timeline=timeline if isinstance(timeline, int) else None,
        replay_lsn=lsn_text(data.get("replay_lsn")),
    )


def most_recent(clusters: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the URL whose /cluster has the leader on the highest timeline. Pure."""

    def rank(url: str) -> int:
        members = clusters[url].get("members")
        timelines = [
            each.get("timeline")
            for each in (members if isinstance(members, list) else ())
            if isinstance(each, dict) and each.get("role") in _LEADER_ROLES
        ]
        return max((each for each in timelines if isinstance(each, int)), default=0)

    return max(clusters, key=rank, default=None)


@dataclass(frozen=True)
class Login:
    """A user of Patroni's REST API. ``password`` is called each time, its result never kept."""

    user: str
    password: Callable[[], str]

    def header(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password()}".encode()).decode()


class PatroniRest:
    """A client of Patroni's REST API, for any thread. Raises SourceError."""

    def __init__(self, timeout: float, ca: Path | None) -> None:
        self._seconds = timeout
        self._timeout = urllib3.Timeout(connect=timeout, read=timeout)
        self._http = urllib3.PoolManager(retries=False, maxsize=8, ca_certs=str(ca) if ca else None)

    def close(self) -> None:
        self._http.clear()

    def cluster(self, url: str) -> dict[str, Any]:
        """Return the answer to /cluster."""
        return self._get(url, "/cluster")

    def node(self, url: str) -> dict[str, Any]:
        """Return the answer to /patroni: what that one node says of itself."""
        return self._get(url, "/patroni")

    def ask_switchover(
        self, url: str, *, leader: str, candidate: str, login: Login | None, timeout: float
    ) -> tuple[int, str]:
        """POST /switchover; return status and text. Patroni answers when all is done, or at
        once when it refuses: 401 without a valid ``login``, 400 or 412 otherwise."""
        headers = {"Authorization": login.header()} if login else {}
        try:
            response = self._http.request(
                "POST",
                f"{url}/switchover",
                json={"leader": leader, "candidate": candidate},
                headers=headers,
                timeout=urllib3.Timeout(connect=self._seconds, read=timeout),
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceError(with_remedy(f"{url}: {error}", PATRONI)) from None
        return response.status, response.data.decode(errors="replace").strip()

    def view(self, url: str, cluster: Mapping[str, Any]) -> ClusterView:
        """Complete ``cluster`` with what else the Patroni at ``url`` tells, into a view."""
        return view_from_rest(
            cluster, self._get_or_empty(url, "/patroni"), self._get_or_empty(url, "/config")
        )

    def _get_or_empty(self, url: str, path: str) -> dict[str, Any]:
        try:
            return self._get(url, path)
        except SourceError:
            return {}

    def _get(self, url: str, path: str) -> dict[str, Any]:
        try:
            response = self._http.request("GET", url + path, timeout=self._timeout, redirect=False)
            # /patroni answers 503 from a node that has trouble, with the same body.
            answer = json.loads(response.data)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise SourceError(with_remedy(f"{url}: {error}", PATRONI)) from None
        if not isinstance(answer, dict):
            raise SourceError(f"{url}: unexpected answer to {path}")
        return answer


class PatroniPoller(threading.Thread):
    """One thread that asks all Patronis at once while it is wanted; see ``want``."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout: float,
        ca: Path | None,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(name="patroni", daemon=True)
        self._urls = tuple(urls)
        self._rest = PatroniRest(timeout, ca)
        self._on_change = on_change
        self._wanted = threading.Event()
        self._ending = threading.Event()
        self._sight = Sight()

    @property
    def sight(self) -> Sight:
        return self._sight

    def want(self, wanted: bool) -> None:
        """Start or stop asking."""
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    def end(self) -> None:
        self._ending.set()
        self._wanted.set()

    def run(self) -> None:
        with ThreadPoolExecutor(len(self._urls), thread_name_prefix="patroni") as pool:
            while not self._ending.is_set():
                if not self._wanted.wait(timeout=60):
                    continue
                if not self._ending.is_set():
                    self._look(pool)
                self._ending.wait(INTERVAL)
        self._rest.close()

    def _look(self, pool: ThreadPoolExecutor) -> None:
        try:
            view = self._ask_all(pool)
        except SourceError as error:
            if self._sight.error is None:
                _log.warning("no Patroni answers", setting="patroni_urls", error=str(error))
            self._sight = Sight(self._sight.view, self._sight.contact_at, str(error))
        else:
            if self._sight.error is not None:
                _log.info("Patroni answers")
            self._sight = Sight(view, time.monotonic())
        self._on_change()

    def _ask_all(self, pool: ThreadPoolExecutor) -> ClusterView:
        clusters, failures = {}, []
        tries = {url: pool.submit(self._rest.cluster, url) for url in self._urls}
        for url, result in tries.items():
            try:
                clusters[url] = result.result()
            except SourceError as error:
                failures.append(str(error))
        best = most_recent(clusters)
        if best is None:
            raise SourceError("; ".join(failures))
        return self._rest.view(best, clusters[best])
