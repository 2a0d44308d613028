"""The cluster: bring it up, heal it, ask it, take it down."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import psutil
from psycopg2.extensions import connection as Connection  # noqa: N812

from ha_setup.cluster import health, object_store, patroni_rest
from ha_setup.cluster.database import demo_logins
from ha_setup.cluster.healing import Healing
from ha_setup.cluster.layout import VARIANTS, Layout, Network, Pooler, Variant
from ha_setup.cluster.namespaces import HUB, Namespaces
from ha_setup.cluster.nodes import Nodes
from ha_setup.cluster.secrets import Secrets
from ha_setup.cluster.state import Memory, State, load_state
from ha_setup.errors import ClusterError
from ha_setup.progress import Progress, SilentProgress
from ha_setup.s3_proxy import S3Fault


class Cluster:
    """One cluster below a state directory. For one process at a time."""

    def __init__(self, layout: Layout, state: State) -> None:
        self.layout = layout
        self._memory = Memory(layout.directory / "cluster.json", state)
        self._nodes = Nodes(layout, self._memory)
        self._healing = Healing(self._nodes)

    @classmethod
    def open(
        cls,
        state_dir: Path,
        name: str = "demo",
        *,
        block: int | None = None,
        small: bool | None = None,
        network: Network | None = None,
        pooler: Pooler | None = None,
    ) -> Cluster:
        """The cluster of that name: as it was created, else a new one with the given shape.

        Touches nothing. ClusterError when it exists in another shape than asked for.
        """
        state_dir = state_dir.resolve()
        state = load_state(state_dir / name / "cluster.json")
        if state is None:
            state = State(
                block=1 if block is None else block,
                small=bool(small),
                network=network or "loopback",
                pooler=pooler or "none",
            )
        for what, asked, is_ in (
            ("block", block, state.block),
            ("small", small, state.small),
            ("network", network, state.network),
            ("pooler", pooler, state.pooler),
        ):
            if asked is not None and asked != is_:
                raise ClusterError(
                    f"the cluster in {state_dir / name} was created with {what} {is_}, not {asked}: "
                    "leave the option out, or remove the cluster with `down --purge` first"
                )
        layout = Layout(state_dir, name, state.block, state.small, state.network, state.pooler)
        return cls(layout, state)

    # -- what it is

    @property
    def variant(self) -> Variant:
        """What the Odoo nodes run."""
        return self._memory.state.variant

    @property
    def synchronous(self) -> bool:
        """Whether synchronous replication was asked for."""
        return self._memory.state.synchronous

    @property
    def secrets(self) -> Secrets:
        """The cluster's passwords; made when they are first asked for."""
        return self._nodes.secrets

    def users(self, variant: Variant = "suite") -> list[tuple[str, str]]:
        """(login, password) of the demo users; the same in both databases."""
        return [(login, self.secrets.odoo_user) for login in demo_logins()]

    def admin(self, variant: Variant = "suite") -> tuple[str, str]:
        """(login, password) of the administrator; the same in both databases."""
        return "admin", self.secrets.odoo_admin

    # -- its network

    def enter(self) -> None:
        """Be where the cluster's addresses are: this thread, and all that it starts from now on.

        Nothing happens on loopback. `up` does it by itself; `down` takes the thread back.
        """
        if self._nodes.namespaces is not None:
            self._nodes.namespaces.enter()

    @property
    def hub(self) -> str:
        """The network namespace in which the cluster's addresses answer; ClusterError on loopback."""
        return self._namespaces().name(HUB)

    def cut_off(self, node: str) -> None:
        """Drop every packet from and to the node's host, both ways. ClusterError on loopback."""
        self._namespaces().cut_off(self.layout.node(node).host.name)

    def reconnect(self, node: str) -> None:
        """Undo `cut_off`."""
        self._namespaces().reconnect(self.layout.node(node).host.name)

    def _namespaces(self) -> Namespaces:
        if self._nodes.namespaces is None:
            raise ClusterError(
                "this cluster is on loopback. One in network namespaces is made, as root, by "
                "setup/demo down --purge and then setup/demo --network namespaces"
            )
        return self._nodes.namespaces

    # -- up and down

    def up(
        self, progress: Progress | None = None, *, variants: Iterable[Variant] = VARIANTS
    ) -> None:
        """Start every node, wait until all are healthy, and prepare the databases of `variants`.

        Parts must be installed. Ends with the Odoo nodes running the current variant. Raises
        PreflightError before anything is started, ClusterError when something does not come up.
        A cluster whose first start was interrupted is begun anew; it held nothing yet.
        """
        progress = progress or SilentProgress()
        self.check()
        if self._nodes.namespaces is not None:
            self._nodes.namespaces.install_tools(self.layout.directory / "install.log", progress)
        if not self._memory.state.formed and (self.layout.directory / "nodes").exists():
            self.down(progress)
            shutil.rmtree(self.layout.directory / "nodes")
        self._nodes.make_ready()
        self._healing.stores(progress)
        for variant in sorted({*variants, self.variant}):
            self._healing.database(variant, progress)
        self._healing.odoo(progress)

    def check(self) -> None:
        """Raise PreflightError with all that stands in the way of starting what does not run."""
        self._nodes.check()

    def down(self, progress: Progress | None = None) -> None:
        """End every process of the cluster; data stays. ClusterError names what would not end."""
        with (progress or SilentProgress()).step("stop the cluster"):
            self._nodes.stop_all()

    def purge(self) -> None:
        """Remove all of the cluster's files. It must be down."""
        if self._nodes.processes.of_all():
            raise ClusterError("the cluster is up: take it down before its files are removed")
        shutil.rmtree(self.layout.directory, ignore_errors=True)

    def is_up(self) -> bool:
        """Whether every node of the current variant has its process."""
        return all(state != "down" for state in self.status().values())

    def is_partly_up(self) -> bool:
        """Whether any node of the current variant has its process: `heal` brings the others back."""
        return any(state != "down" for state in self.status().values())

    def status(self) -> dict[str, str]:
        """Each wanted node with "running", "frozen" or "down"."""
        return {node.name: self._nodes.state_of(node) for node in self._nodes.wanted()}

    def heal(self, progress: Progress | None = None) -> None:
        """Start or thaw whatever is down; return when every part is healthy again.

        ClusterError after two to three minutes, naming what is not.
        """
        progress = progress or SilentProgress()
        self._nodes.make_ready()
        self._healing.stores(progress)
        self._healing.odoo(progress)

    def use_variant(self, variant: Variant, progress: Progress | None = None) -> None:
        """Have the Odoo nodes run this variant, with its database prepared; nothing happens when they do."""
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, not {variant!r}")
        progress = progress or SilentProgress()
        self._healing.database(variant, progress)
        if variant != self.variant:
            with progress.step(f"stop Odoo ({self.variant})"):
                self._nodes.stop(n.name for n in self.layout.nodes if n.kind in ("odoo", "sidecar"))
            self._memory.change(variant=variant)
        self._healing.odoo(progress)

    def give_up(self) -> None:
        """End every wait with an error; callable from a signal handler or another thread."""
        self._healing.give_up()

    # -- nodes

    def start(self, node: str) -> None:
        """Start one node; nothing happens when it runs. A frozen one is thawed."""
        self._nodes.start(node)

    def stop(self, node: str) -> None:
        """Stop one node in good order, all of its processes."""
        self._nodes.stop([self.layout.node(node).name])

    def set_s3_fault(self, fault: S3Fault) -> int:
        """Make S3's answers slow or faulty, or neither. Returns how many were, since the last change."""
        return object_store.set_fault(self.layout, fault)

    def processes_of(self, node: str) -> list[psutil.Process]:
        """Every process of that node, parents first; also those that outlive their parent."""
        return self._nodes.processes.of(self.layout.node(node).name)

    def log_file(self, node: str) -> Path:
        return self.layout.log_file(self.layout.node(node).name)

    # -- PostgreSQL

    def primary(self, timeout: float = 30.0) -> str:
        """Name of the node that SQL proves to be the primary; ClusterError when not exactly one is."""
        return self._healing.primary(timeout).name

    def connect(self, node: str, dbname: str = "postgres") -> Connection:
        """A superuser's connection to one node, in autocommit mode; connect 2 s, statements 10 s."""
        password = self.secrets.postgres
        return health.connect(self.layout.node(node).host, "postgres", password, dbname)

    def set_synchronous(self, on: bool) -> None:
        """Switch synchronous replication through Patroni, and wait until it is so.

        A cluster that is down will start with it.
        """
        self._memory.change(synchronous=on)
        if any(self._nodes.processes.main(host.name) for host in self.layout.pg):
            self._healing.synchronous()

    def patroni_url(self, node: str) -> str:
        """Address of a node's Patroni REST API."""
        return patroni_rest.url(self.layout, node)
