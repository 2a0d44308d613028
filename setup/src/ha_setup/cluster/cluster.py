"""The cluster: bring it up, heal it, ask it, take it down."""

from __future__ import annotations

from pathlib import Path

import psutil
from psycopg2.extensions import connection as Connection

from ha_setup.cluster.layout import Layout, Variant
from ha_setup.progress import Progress


class Cluster:
    """One cluster below a state directory. All methods are for one thread."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @classmethod
    def open(
        cls, state_dir: Path, name: str = "demo", *, block: int | None = None, small: bool | None = None
    ) -> Cluster:
        """The cluster of that name: as it was created, else a new one with the given shape."""
        raise NotImplementedError

    @property
    def variant(self) -> Variant:
        """What the Odoo nodes run now."""
        raise NotImplementedError

    def up(self, progress: Progress) -> None:
        """Install nothing; start every node, wait until healthy, create both databases and users."""
        raise NotImplementedError

    def down(self) -> None:
        """Stop every process of the cluster. Nothing is left running; data stays."""
        raise NotImplementedError

    def is_up(self) -> bool:
        raise NotImplementedError

    def heal(self, progress: Progress | None = None) -> None:
        """Start whatever is down; return when PostgreSQL, Redis, S3, sidecars and Odoo are healthy."""
        raise NotImplementedError

    def start(self, node: str) -> None:
        raise NotImplementedError

    def stop(self, node: str) -> None:
        raise NotImplementedError

    def processes_of(self, node: str) -> list[psutil.Process]:
        raise NotImplementedError

    def set_synchronous(self, on: bool) -> None:
        raise NotImplementedError

    def primary(self) -> str:
        """Name of the node that SQL proves to be the primary; ClusterError when none."""
        raise NotImplementedError

    def connect(self, node: str, dbname: str = "postgres") -> Connection:
        """A superuser connection to one PostgreSQL node; connect 2 s, statement 10 s, autocommit."""
        raise NotImplementedError

    def use_variant(self, variant: Variant, progress: Progress | None = None) -> None:
        raise NotImplementedError

    def users(self, variant: Variant = "suite") -> list[tuple[str, str]]:
        """(login, password) of the demo users."""
        raise NotImplementedError

    def admin(self, variant: Variant = "suite") -> tuple[str, str]:
        """(login, password) of the administrator."""
        raise NotImplementedError
