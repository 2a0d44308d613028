"""The nodes of a cluster as processes: which are wanted, which run, starting and stopping them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil

from ha_setup import parts as parts_module
from ha_setup.cluster import preflight
from ha_setup.cluster.layout import Layout, Node
from ha_setup.cluster.look import Look
from ha_setup.cluster.namespaces import Namespaces
from ha_setup.cluster.plan import Plan
from ha_setup.cluster.processes import Processes
from ha_setup.cluster.secrets import Secrets, load_or_create
from ha_setup.cluster.state import Memory
from ha_setup.errors import PreflightError
from ha_setup.parts import Parts

STOP_PATIENCE_S = 15.0
# Clients before servers. What comes last keeps its data through a kill by design.
STOP_ORDER: tuple[tuple[tuple[str, ...], float], ...] = (
    (("odoo", "sidecar"), STOP_PATIENCE_S),
    (("haproxy", "pgbouncer", "pg"), STOP_PATIENCE_S),
    (("s3proxy", "s3", "sentinel", "redis", "etcd"), 4.0),
)
DATABASE_WORK = "database-work"  # the mark of the process that creates a database


class Nodes:
    """Starts and stops nodes; whether they are healthy is not asked here."""

    def __init__(self, layout: Layout, memory: Memory) -> None:
        self.layout = layout
        self.memory = memory
        self.namespaces = Namespaces(layout) if layout.network == "namespaces" else None
        self.processes = Processes(layout)
        self._parts: Parts | None = None
        self._secrets: Secrets | None = None

    @property
    def secrets(self) -> Secrets:
        if self._secrets is None:
            self._secrets = load_or_create(self.layout.secrets_dir)
        return self._secrets

    @property
    def plan(self) -> Plan:
        if self._parts is None:
            self._parts = parts_module.load(self.layout.state_dir)
        return Plan(self.layout, self._parts, self.secrets, tools=Path(sys.prefix) / "bin")

    def wanted(self) -> list[Node]:
        """The nodes that the current variant has; stock knows no sidecars and no poolers."""
        suite = self.memory.state.variant == "suite"
        return [
            node for node in self.layout.nodes if suite or node.kind not in ("sidecar", "pgbouncer")
        ]

    def state_of(self, node: Node) -> str:
        """running, frozen or down."""
        main = self.processes.main(node.name)
        try:
            if main is None:
                return "down"
            return "frozen" if main.status() == psutil.STATUS_STOPPED else "running"
        except psutil.Error:
            return "down"

    def check(self) -> None:
        """Raise PreflightError with all that stands in the way of starting what does not run."""
        wanted = self.wanted()
        if self.namespaces is not None and (problem := self.namespaces.problem()):
            raise PreflightError(problem)
        living = self.processes.of_each(node.name for node in wanted)
        absent = [node for node in wanted if not living[node.name]]
        # Nobody else can be at an address within the cluster's own namespaces.
        listeners = absent if self.namespaces is None else []
        preflight.check(self.layout, listeners, running_already=len(absent) < len(wanted))

    def make_ready(self) -> None:
        """End what a broken run left, check the machine, and write down what the cluster is."""
        for node in self.layout.nodes:
            if self.processes.main(node.name) is None:
                self._end_leftovers(node)
        # An installation of Odoo's database outlives a run that was killed.
        self.processes.kill(Look.now().marked(self.processes.mark_of(DATABASE_WORK)))
        self.check()
        if self.namespaces is not None:
            self.namespaces.make()
            self.namespaces.enter()
        self.layout.directory.mkdir(parents=True, exist_ok=True)
        self.memory.change()

    def start(self, name: str, look: Look | None = None) -> None:
        """Start one node; nothing happens when it runs. A frozen one is thawed."""
        node = self.layout.node(name)
        for process in self.processes.of(name, look):
            try:
                if process.status() == psutil.STATUS_STOPPED:
                    process.resume()
            except psutil.NoSuchProcess:
                continue
        if self.processes.main(name) is None:
            self._end_leftovers(node)
            state = self.memory.state
            launch = self.plan.launch(node, variant=state.variant, synchronous=state.synchronous)
            with self.namespaces.at(node.host.name) if self.namespaces else nullcontext():
                self.processes.spawn(name, launch)

    def start_missing(self, *kinds: str) -> None:
        look = Look.now()
        for node in self.wanted():
            if node.kind in kinds:
                self.start(node.name, look)

    def stop(self, names: Iterable[str]) -> None:
        """Stop nodes in good order, all of their processes."""
        self.processes.end(names, patience=STOP_PATIENCE_S)
        self._remove_sockets()

    def stop_all(self) -> None:
        """End every process of the cluster."""
        for kinds, patience in STOP_ORDER:
            self.processes.end(
                (node.name for node in self.layout.nodes if node.kind in kinds), patience=patience
            )
        self.processes.kill(self.processes.of_all())
        self._remove_sockets()
        if self.namespaces is not None:
            self.namespaces.remove()

    def _remove_sockets(self) -> None:
        """What a stopped S3 left in /tmp would keep another user from starting theirs."""
        if not self.processes.of(self.layout.s3.name):
            for path in self.layout.s3_ports.sockets:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _end_leftovers(self, node: Node) -> None:
        """End what is left of a node whose main process died.

        A postmaster without its Patroni is left alone: Patroni adopts it.
        """
        if node.kind != "pg":
            self.processes.kill(self.processes.of(node.name))
