"""The cluster: bring it up, heal it, ask it, take it down."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import psutil
import requests
from psycopg2.extensions import connection as Connection

from ha_setup import parts as parts_module
from ha_setup.cluster import health, object_store, preflight
from ha_setup.cluster import layout as at
from ha_setup.cluster.database import DatabaseWork, demo_logins, ensure_roles, suite_modules
from ha_setup.cluster.launch import Launch
from ha_setup.cluster.layout import VARIANTS, Host, Layout, Node, Variant
from ha_setup.cluster.plan import Plan
from ha_setup.cluster.processes import Processes, marked_processes
from ha_setup.cluster.secrets import Secrets, load_or_create
from ha_setup.commands import tail
from ha_setup.errors import ClusterError
from ha_setup.files import write_file
from ha_setup.parts import Parts
from ha_setup.progress import Progress, SilentProgress

STOP_PATIENCE_S = 15.0
DATABASE_WORK = "database-work"  # the mark of the process that creates a database
# Clients before servers. What comes last keeps its data through a kill by design.
STOP_ORDER: tuple[tuple[tuple[str, ...], float], ...] = (
    (("odoo", "sidecar"), STOP_PATIENCE_S),
    (("haproxy", "pg"), STOP_PATIENCE_S),
    (("s3", "sentinel", "redis", "etcd"), 4.0),
)
STORES = ("etcd", "redis", "sentinel", "s3")


@dataclass(frozen=True)
class State:
    """What is remembered about a cluster between runs (cluster.json)."""

    block: int = 1
    small: bool = False
    variant: Variant = "suite"
    synchronous: bool = True
    formed: bool = False  # whether etcd, PostgreSQL and Redis were healthy together once


class Cluster:
    """One cluster below a state directory. For one thread of one process at a time."""

    def __init__(self, layout: Layout, state: State) -> None:
        self.layout = layout
        self._state = state
        self._processes = Processes(layout)
        self._parts: Parts | None = None
        self._secrets: Secrets | None = None
        self._given_up = threading.Event()

    @classmethod
    def open(
        cls, state_dir: Path, name: str = "demo", *, block: int | None = None, small: bool | None = None
    ) -> Cluster:
        """The cluster of that name: as it was created, else a new one with the given shape.

        ClusterError when it exists in another shape than asked for.
        """
        state_dir = state_dir.resolve()
        known = load_state(state_dir / name / "cluster.json")
        wanted = State(block=1 if block is None else block, small=bool(small))
        if known is None:
            known = wanted
        for what, asked, is_ in (("block", block, known.block), ("small", small, known.small)):
            if asked is not None and asked != is_:
                raise ClusterError(
                    f"the cluster in {state_dir / name} was created with {what} {is_}, not {asked}: leave the option "
                    "out, or remove the cluster with `down --purge` first"
                )
        return cls(Layout(state_dir, name, known.block, known.small), known)

    # -- what it is

    @property
    def variant(self) -> Variant:
        """What the Odoo nodes run."""
        return self._state.variant

    @property
    def synchronous(self) -> bool:
        """Whether synchronous replication was asked for."""
        return self._state.synchronous

    @property
    def secrets(self) -> Secrets:
        if self._secrets is None:
            self._secrets = load_or_create(self.layout.secrets_dir)
        return self._secrets

    def users(self, variant: Variant = "suite") -> list[tuple[str, str]]:
        """(login, password) of the demo users; the same in both databases."""
        return [(login, self.secrets.odoo_user) for login in demo_logins()]

    def admin(self, variant: Variant = "suite") -> tuple[str, str]:
        """(login, password) of the administrator; the same in both databases."""
        return "admin", self.secrets.odoo_admin

    # -- up and down

    def up(self, progress: Progress | None = None, *, variants: Iterable[Variant] = VARIANTS) -> None:
        """Start every node, wait until all are healthy, and prepare the databases of `variants`.

        Parts must be installed. Ends with the Odoo nodes running the current variant. Raises
        PreflightError before anything is started, ClusterError when something does not come up.
        A cluster whose first start was interrupted is begun anew; it held nothing yet.
        """
        progress = progress or SilentProgress()
        self.check()
        if not self._state.formed and (self.layout.directory / "nodes").exists():
            self.down(progress)
            shutil.rmtree(self.layout.directory / "nodes")
        self._make_ready()
        self._heal_stores(progress)
        ensure_roles(self._host(self.primary()), self.secrets)
        for variant in sorted(set(variants)):
            self._prepare_database(variant, progress)
        self._heal_odoo(progress)

    def check(self) -> None:
        """Raise PreflightError with all that stands in the way of starting what does not run."""
        absent = [n for n in self._wanted_nodes() if not self._processes.of(n.name)]
        preflight.check(self.layout, absent, running_already=len(absent) < len(self._wanted_nodes()))

    def give_up(self) -> None:
        """End every wait of this object with an error; callable from a signal handler or another thread."""
        self._given_up.set()

    def down(self, progress: Progress | None = None) -> None:
        """End every process of the cluster; data stays. ClusterError names what would not end."""
        progress = progress or SilentProgress()
        with progress.step("stop the cluster"):
            for kinds, patience in STOP_ORDER:
                self._processes.end((n.name for n in self.layout.nodes if n.kind in kinds), patience=patience)
            self._processes.kill(self._processes.of_all())

    def purge(self) -> None:
        """Remove all of the cluster's files. It must be down."""
        if self._processes.of_all():
            raise ClusterError("the cluster is up: take it down before its files are removed")
        shutil.rmtree(self.layout.directory, ignore_errors=True)

    def is_up(self) -> bool:
        """Whether every node of the current variant has its process."""
        return all(self._processes.main(node.name) is not None for node in self._wanted_nodes())

    def status(self) -> dict[str, str]:
        """Each wanted node with "running", "frozen" or "down"."""
        return {node.name: self._state_of(node) for node in self._wanted_nodes()}

    def heal(self, progress: Progress | None = None) -> None:
        """Start or thaw whatever is down; return when every part is healthy again.

        ClusterError after two to three minutes, naming what is not.
        """
        progress = progress or SilentProgress()
        self._make_ready()
        self._heal_stores(progress)
        self._heal_odoo(progress)

    def use_variant(self, variant: Variant, progress: Progress | None = None) -> None:
        """Restart the Odoo nodes (and start or stop the sidecars) as this variant, its database prepared."""
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, not {variant!r}")
        progress = progress or SilentProgress()
        self._prepare_database(variant, progress)
        if variant != self.variant:
            with progress.step(f"switch Odoo to {variant}"):
                leaving = [n.name for n in self.layout.nodes if n.kind in ("odoo", "sidecar")]
                self._processes.end(leaving, patience=STOP_PATIENCE_S)
                self._remember(replace(self._state, variant=variant))
        self._heal_odoo(progress)

    # -- nodes

    def start(self, node: str) -> None:
        """Start one node; nothing happens when it runs. A frozen one is thawed."""
        wanted = self.layout.node(node)
        for process in self._processes.of(node):
            if process.status() == psutil.STATUS_STOPPED:
                process.resume()
        if self._processes.main(node) is None:
            self._remove_leftovers(wanted)
            self._processes.spawn(node, self._launch(wanted))

    def stop(self, node: str) -> None:
        """Stop one node in good order, all of its processes."""
        self._processes.end([self.layout.node(node).name], patience=STOP_PATIENCE_S)

    def processes_of(self, node: str) -> list[psutil.Process]:
        """Every process of that node, parents first; also those that outlive their parent."""
        return self._processes.of(self.layout.node(node).name)

    def log_file(self, node: str) -> Path:
        return self.layout.log_file(self.layout.node(node).name)

    # -- PostgreSQL

    def primary(self, timeout: float = 30.0) -> str:
        """Name of the node that SQL proves to be the primary; ClusterError when there is not exactly one."""
        deadline = time.monotonic() + timeout
        while True:
            found = [host.name for host in self.layout.pg if health.is_primary(host, self.secrets)]
            if len(found) == 1:
                return found[0]
            if time.monotonic() >= deadline:
                raise ClusterError(f"{len(found)} servers accept writes: {', '.join(found) or 'none'}")
            time.sleep(0.2)

    def connect(self, node: str, dbname: str = "postgres") -> Connection:
        """A superuser's connection to one node, in autocommit mode; connect 2 s, statements 10 s."""
        return health.connect(self._host(node), "postgres", self.secrets.postgres, dbname)

    def set_synchronous(self, on: bool, progress: Progress | None = None) -> None:
        """Switch synchronous replication through Patroni, and wait until it is so."""
        self._remember(replace(self._state, synchronous=on))
        if not self._processes.main(self.layout.pg[0].name):
            return  # a cluster that is down starts with it
        self._apply_synchronous()
        self._wait(self._postgres_state, timeout=60, what="PostgreSQL's replication")

    def patroni_url(self, node: str) -> str:
        return f"http://{self._host(node).address}:{at.PATRONI_PORT}"

    # -- inside

    def _host(self, name: str) -> Host:
        return self.layout.node(name).host

    @property
    def _plan(self) -> Plan:
        if self._parts is None:
            self._parts = parts_module.load(self.layout.state_dir)
        return Plan(self.layout, self._parts, self.secrets, tools=Path(sys.prefix) / "bin")

    def _launch(self, node: Node) -> Launch:
        return self._plan.launch(node, variant=self.variant, synchronous=self.synchronous)

    def _wanted_nodes(self) -> list[Node]:
        return [n for n in self.layout.nodes if self.variant == "suite" or n.kind != "sidecar"]

    def _state_of(self, node: Node) -> str:
        main = self._processes.main(node.name)
        if main is None:
            return "down"
        return "frozen" if main.status() == psutil.STATUS_STOPPED else "running"

    def _remember(self, state: State) -> None:
        self._state = state
        write_file(self.layout.directory / "cluster.json", json.dumps(asdict(state)) + "\n")

    def _make_ready(self) -> None:
        for node in self.layout.nodes:
            if self._processes.main(node.name) is None:
                self._remove_leftovers(node)
        # An installation of Odoo's database outlives a run that was killed.
        self._processes.kill(marked_processes(self._processes.mark_of(DATABASE_WORK)))
        self.check()
        self.layout.directory.mkdir(parents=True, exist_ok=True)
        self._remember(self._state)

    def _remove_leftovers(self, node: Node) -> None:
        """End what is left of a node whose main process died.

        A postmaster without its Patroni is left alone: Patroni adopts it.
        """
        if node.kind != "pg":
            self._processes.kill(self._processes.of(node.name))

    def _start_missing(self, kinds: Iterable[str]) -> None:
        for node in self._wanted_nodes():
            if node.kind in kinds:
                self.start(node.name)

    def _heal_stores(self, progress: Progress) -> None:
        layout, secrets = self.layout, self.secrets
        with progress.step("etcd, Redis, S3") as step:
            self._start_missing(STORES)
            for host in layout.etcd:
                self._wait_for(host, health.etcd_member, timeout=60, tell=step.update)
        with progress.step("PostgreSQL with Patroni") as step:
            self._start_missing(["pg"])
            self._wait_for_postgres(step.update)
        with progress.step("Redis and S3 ready") as step:
            self._wait(
                lambda: health.redis_cluster(layout, secrets), timeout=60, what="Redis", tell=step.update
            )
            self._wait(lambda: object_store.bucket(layout, secrets), timeout=60, what="S3", tell=step.update)
        self._remember(replace(self._state, formed=True))

    def _wait_for_postgres(self, tell: Callable[[str], None]) -> None:
        self._wait(
            lambda: None if any(m.get("role") == "leader" for m in health.patroni_members(self.layout)) else "no leader",
            timeout=90,
            what="PostgreSQL",
            tell=tell,
        )
        self._apply_synchronous()
        try:
            self._wait(self._postgres_state, timeout=75, what="PostgreSQL", tell=tell)
        except ClusterError:
            # Nothing a replica holds is unique: the stuck ones are cloned again.
            for member in health.patroni_members(self.layout):
                if member.get("role") != "leader" and member.get("state") != "streaming":
                    self._patroni("POST", str(member["name"]), "/reinitialize", {"force": True})
            self._wait(self._postgres_state, timeout=90, what="PostgreSQL", tell=tell)
        self.primary()

    def _postgres_state(self) -> str | None:
        members = health.patroni_members(self.layout)
        return health.postgres_cluster(members, len(self.layout.pg), synchronous=self.synchronous)

    def _apply_synchronous(self) -> None:
        for host in self.layout.pg:
            if self._patroni("PATCH", host.name, "/config", {"synchronous_mode": self.synchronous}):
                return
        raise ClusterError("no Patroni accepts its configuration: see the logs of pg1 to pg3")

    def _patroni(self, method: str, node: str, path: str, body: dict[str, Any]) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.request(method, self.patroni_url(node) + path, json=body, timeout=5).ok
            except requests.RequestException:
                return False

    def _prepare_database(self, variant: Variant, progress: Progress) -> None:
        plan = self._plan
        launch = plan.odoo(self.layout.odoo[0], variant)
        if variant == "suite":
            # The suite's addons follow the topology document.
            self._start_sidecars(progress)
        work = DatabaseWork(
            self.layout,
            self.secrets,
            variant,
            launch,
            suite_modules(plan.addons),
            self._host(self.primary()),
            self._processes.environment(DATABASE_WORK, launch),
            self.layout.directory / "database.log",
        )
        if work.needed():
            with progress.step(f"create the database {work.database}"):
                work.perform()

    def _start_sidecars(self, progress: Progress) -> None:
        for host in self.layout.odoo:
            self.start(host.name.replace("odoo", "sidecar"))
        primary = self.primary()
        for host in self.layout.odoo:
            sidecar = Host(host.name.replace("odoo", "sidecar"), host.address)
            self._wait_for(sidecar, partial(self._topology, host, primary), timeout=30)

    def _topology(self, odoo: Host, primary: str, _sidecar: Host) -> str | None:
        return health.topology(self.layout, odoo, primary)

    def _wait(
        self,
        question: Callable[[], str | None],
        *,
        timeout: float,
        what: str,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        def ask() -> str | None:
            if self._given_up.is_set():
                raise ClusterError("interrupted")
            return question()

        health.wait_until(ask, timeout=timeout, what=what, tell=tell)

    def _wait_for(
        self,
        host: Host,
        question: Callable[[Host], str | None],
        *,
        timeout: float,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Ask about one node until it is healthy; a process that ended is told at once, with its last words."""

        def ask() -> str | None:
            answer = question(host)
            if answer is not None and self._processes.main(host.name) is None:
                log = self.log_file(host.name)
                raise ClusterError(f"{host.name} ended while it started; its log is {log}:\n{tail(log)}")
            return answer

        self._wait(ask, timeout=timeout, what=host.name, tell=tell)

    def _heal_odoo(self, progress: Progress) -> None:
        if self.variant == "suite":
            with progress.step("sidecars"):
                self._start_sidecars(progress)
        with progress.step(f"Odoo ({self.variant}) and HAProxy") as step:
            self._start_missing(["haproxy"])
            # An Odoo that meets a replica while it starts gives up for good: no sooner than the route is right.
            primary = self.primary()
            self._wait(
                lambda: health.balancer_database(self.layout, primary), timeout=60, what="HAProxy", tell=step.update
            )
            self._start_missing(["odoo"])
            for host in self.layout.odoo:
                self._wait_for(host, health.odoo_node, timeout=120, tell=step.update)
            self._wait(
                lambda: health.balancer(self.layout, self.variant), timeout=60, what="HAProxy", tell=step.update
            )


def load_state(path: Path) -> State | None:
    """The remembered state; None when there is none. An unreadable one counts as damaged."""
    try:
        raw = json.loads(path.read_text())
        state = State(int(raw["block"]), bool(raw["small"]), cast(Variant, raw["variant"]), bool(raw["synchronous"]), bool(raw["formed"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ClusterError(f"{path} is damaged ({problem}): remove {path.parent} after ending its processes") from None
    if state.variant not in VARIANTS:
        raise ClusterError(f"{path} names the variant {state.variant!r}: expected {' or '.join(VARIANTS)}")
    return state
