"""Starting whatever is down and waiting until every part of the cluster is healthy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from ha_setup.cluster import health, object_store, patroni_rest, pooler_health
from ha_setup.cluster.database import DatabaseWork, ensure_roles, suite_modules
from ha_setup.cluster.layout import Host, Variant
from ha_setup.cluster.nodes import DATABASE_WORK, Nodes
from ha_setup.commands import tail
from ha_setup.errors import ClusterError
from ha_setup.progress import Progress

Tell = Callable[[str], None]


class GivenUp(ClusterError):
    """The wait was ended from outside."""


class Healing:
    """Brings nodes up in their order. Every wait ends with ClusterError when its time is over."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._layout = nodes.layout
        self._memory = nodes.memory
        self._given_up = threading.Event()

    def give_up(self) -> None:
        """End every wait from now on; callable from a signal handler or another thread."""
        self._given_up.set()

    # -- etcd, PostgreSQL, Redis, S3

    def stores(self, progress: Progress) -> None:
        """Everything below Odoo."""
        layout, secrets = self._layout, self._nodes.secrets
        with progress.step("etcd, Redis, S3") as step:
            self._nodes.start_missing("etcd", "redis", "sentinel", "s3", "s3proxy")
            for host in layout.etcd:
                self._wait_for_node(host, health.etcd_member, timeout=60, tell=step.update)
        with progress.step("PostgreSQL with Patroni") as step:
            self._nodes.start_missing("pg")
            self._postgres(step.update)
        with progress.step("Redis and S3 ready") as step:
            self._wait(
                partial(health.redis_cluster, layout, secrets),
                timeout=60,
                what="Redis",
                tell=step.update,
            )
            self._wait(
                partial(object_store.bucket, layout, secrets),
                timeout=60,
                what="S3",
                tell=step.update,
            )
        self._memory.change(formed=True)

    def _postgres(self, tell: Tell) -> None:
        self._wait(self._lacks_leader, timeout=90, what="PostgreSQL", tell=tell)
        patroni_rest.set_synchronous(self._layout, self._memory.state.synchronous)
        try:
            self._wait(self._replication, timeout=75, what="PostgreSQL", tell=tell)
        except GivenUp:
            raise
        except ClusterError:
            patroni_rest.clone_stuck_replicas(self._layout)
            self._wait(self._replication, timeout=90, what="PostgreSQL", tell=tell)
        self.primary()

    def synchronous(self) -> None:
        """Have replication as it was last asked for."""
        patroni_rest.set_synchronous(self._layout, self._memory.state.synchronous)
        self._wait(self._replication, timeout=60, what="PostgreSQL's replication")

    def primary(self, timeout: float = 30.0) -> Host:
        """The one server that SQL proves to take writes."""
        deadline = time.monotonic() + timeout
        while True:
            found = [
                host for host in self._layout.pg if health.is_primary(host, self._nodes.secrets)
            ]
            if len(found) == 1:
                return found[0]
            if time.monotonic() >= deadline or self._given_up.is_set():
                names = ", ".join(host.name for host in found) or "none"
                raise ClusterError(f"{len(found)} servers accept writes: {names}")
            time.sleep(0.2)

    def _lacks_leader(self) -> str | None:
        members = health.patroni_members(self._layout)
        return None if any(m.get("role") == "leader" for m in members) else "there is no leader"

    def _replication(self) -> str | None:
        return health.postgres_cluster(
            health.patroni_members(self._layout),
            len(self._layout.pg),
            synchronous=self._memory.state.synchronous,
        )

    # -- databases

    def database(self, variant: Variant, progress: Progress) -> None:
        """The variant's database, complete with modules and users."""
        primary = self.primary()
        ensure_roles(primary, self._nodes.secrets)
        plan = self._nodes.plan
        launch = plan.odoo(self._layout.odoo[0], variant)
        work = DatabaseWork(
            layout=self._layout,
            secrets=self._nodes.secrets,
            variant=variant,
            launch=launch,
            modules=suite_modules(plan.addons),
            primary=primary,
            environment=self._nodes.processes.environment(DATABASE_WORK, launch),
            log=self._layout.directory / "database.log",
        )
        if work.needed():
            if variant == "suite":
                self.sidecars()  # the suite's addons follow the topology document
            with progress.step(f"create the database {work.database}"):
                work.perform()

    # -- Odoo

    def odoo(self, progress: Progress) -> None:
        """Sidecars, HAProxy and Odoo nodes of the current variant."""
        variant = self._memory.state.variant
        if variant == "suite":
            with progress.step("sidecars"):
                self.sidecars()
        with progress.step(f"Odoo ({variant}) and HAProxy") as step:
            self._nodes.start_missing("haproxy")
            # An Odoo that meets a replica while it starts gives up for good: first the route.
            route = partial(health.balancer_database, self._layout, self.primary().name)
            self._wait(route, timeout=60, what="HAProxy", tell=step.update)
            self._nodes.start_missing("odoo")
            for host in self._layout.odoo:
                self._wait_for_node(host, health.odoo_node, timeout=120, tell=step.update)
            pool = partial(health.balancer, self._layout, variant)
            self._wait(pool, timeout=60, what="HAProxy", tell=step.update)

    def sidecars(self) -> None:
        """Each sidecar runs and has published the primary."""
        primary = self.primary().name
        self._nodes.start_missing("pgbouncer")
        for odoo in self._layout.odoo:
            sidecar = Host(odoo.name.replace("odoo", "sidecar"), odoo.address)
            self._nodes.start(sidecar.name)
            question = partial(self._topology, odoo, primary)
            self._wait_for_node(sidecar, question, timeout=30)
            if self._layout.pooler != "none":
                pooler = partial(pooler_health.on_primary, odoo, self._nodes.secrets)
                self._wait(pooler, timeout=30, what=f"the PgBouncer of {odoo.name}")

    def _topology(self, odoo: Host, primary: str, _sidecar: Host) -> str | None:
        return health.topology(self._layout, odoo, primary)

    # -- waiting

    def _wait(
        self,
        question: Callable[[], str | None],
        *,
        timeout: float,
        what: str,
        tell: Tell | None = None,
    ) -> None:
        def ask() -> str | None:
            if self._given_up.is_set():
                raise GivenUp("interrupted")
            return question()

        health.wait_until(ask, timeout=timeout, what=what, tell=tell)

    def _wait_for_node(
        self,
        host: Host,
        question: Callable[[Host], str | None],
        *,
        timeout: float,
        tell: Tell | None = None,
    ) -> None:
        """Wait for one node; a process that ended is told at once, with its last words."""

        def ask() -> str | None:
            answer = question(host)
            if answer is not None and self._nodes.processes.main(host.name) is None:
                log = self._layout.log_file(host.name)
                raise ClusterError(
                    f"{host.name} ended while it started; its log is {log}:\n{tail(log)}"
                )
            return answer

        self._wait(ask, timeout=timeout, what=host.name, tell=tell)
