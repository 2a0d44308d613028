"""A real Odoo server process, stock or with the suite, on a loopback address."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from . import installed
from .addresses import accepts_connections, free_port, next_address, wait_until
from .odoo_client import OdooClient
from .odoo_source import SUITE_ADDONS, TEST_ADDONS, OdooSource
from .postgres import ODOO_ROLE, Postgres
from .processes import ServerProcess, run_environment, scratch_directory
from .server import Server

Variant = Literal["stock", "suite"]


class OdooServer(Server):
    """One Odoo. ``suite`` has the addons on its path and ``ha_base`` server-wide.

    ``database`` is one PostgreSQL server or several on one port (db_host takes them all).
    ``workers`` 0 is the threaded server, more is prefork with the gevent process.
    ``ha`` becomes the ``[ha]`` section, ``options`` override ``[options]``.
    ``data_dir`` is shared with another server when given, private otherwise.
    """

    def __init__(
        self,
        database: Postgres | Sequence[Postgres],
        dbname: str,
        *,
        variant: Variant = "stock",
        workers: int = 0,
        ha: Mapping[str, object] | None = None,
        options: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        data_dir: Path | None = None,
    ) -> None:
        self.databases = [database] if isinstance(database, Postgres) else list(database)
        self.dbname = dbname
        self.variant = variant
        self.address = next_address()
        self.port = free_port(self.address)
        self.gevent_port = free_port(self.address)
        self.source = OdooSource.find()
        self.base = scratch_directory("odoo-ha-odoo-")
        self.data_dir = data_dir or self.base / "data"
        self.configuration = self.base / "odoo.conf"
        self.workers = workers
        self._in_bucket = "s3_bucket" in (ha or {})
        self._write_configuration(dict(options or {}), dict(ha or {}))
        self.environment = {
            "PYTHONPATH": str(self.source.python_path),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        self.process = ServerProcess(
            f"odoo {variant} {self.address}:{self.port}",
            self.command(),
            log=self.base / "odoo.log",
            environment=self.environment,
            directory=self.base,
        )

    def command(self, *arguments: str) -> list[str]:
        """The command line of this server, with ``arguments`` appended."""
        return [sys.executable, str(self.source.script), "-c", str(self.configuration), *arguments]

    def _write_configuration(
        self, overrides: Mapping[str, object], ha: Mapping[str, object]
    ) -> None:
        addons = [*self.source.addons, TEST_ADDONS]
        if self.variant == "suite":
            addons.append(SUITE_ADDONS)
        options = {
            "addons_path": ",".join(str(path) for path in addons if path.is_dir()),
            "data_dir": self.data_dir,
            "admin_passwd": self.databases[0].password,
            "db_host": ",".join(one.address for one in self.databases),
            "db_port": self.databases[0].port,
            "db_user": ODOO_ROLE,
            "db_password": self.databases[0].odoo_password,
            "db_name": self.dbname,
            "db_maxconn": 32,
            "list_db": False,
            "http_interface": self.address,
            "http_port": self.port,
            "gevent_port": self.gevent_port,
            "workers": self.workers,
            "max_cron_threads": 1,
            "limit_time_real": 120,
            "limit_time_real_cron": 180,
            "server_wide_modules": "base,rpc,web" + (",ha_base" * (self.variant == "suite")),
            **overrides,
        }
        lines = ["[options]", *(f"{key} = {value}" for key, value in options.items())]
        if ha:
            lines += ["[ha]", *(f"{key} = {value}" for key, value in ha.items())]
        self.configuration.touch(0o600)
        self.configuration.write_text("\n".join(lines) + "\n")

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def gevent_url(self) -> str:
        return f"http://{self.address}:{self.gevent_port}"

    def client(self, *, timeout: float = 90) -> OdooClient:
        return OdooClient(self.url, timeout=timeout)

    def log_text(self) -> str:
        return self.process.log_text()

    # -- the database

    def install(self, *modules: str, options: Sequence[str] = ()) -> None:
        """Create the database when it is missing and install ``modules`` in it."""
        server, filestore = self.databases[0], self.data_dir / "filestore" / self.dbname
        kept = installed.find(self.variant, modules, options)
        # What is in a bucket can't be kept.
        if kept is None or self._in_bucket or installed.exists(server, self.dbname):
            self._install(modules, options)
            return
        with kept.alone():
            if not kept.restore(server, self.dbname, filestore):
                self._install(modules, options)
                kept.keep(server, self.dbname, filestore)
        # A test may kill the server next: the database must not need the log to be whole.
        server.execute("CHECKPOINT")

    def _install(self, modules: Sequence[str], options: Sequence[str]) -> None:
        once = ("--stop-after-init", "--no-http")
        self.run("-i", ",".join(modules), *once, *options, timeout=600)

    def run(self, *arguments: str, timeout: float) -> str:
        """Run Odoo to its end with ``arguments``; return its output, raise when it fails."""
        done = self.attempt(*arguments, timeout=timeout)
        if done.returncode:
            tail = "\n".join(done.stdout.splitlines()[-40:])
            raise RuntimeError(f"odoo {' '.join(arguments)} exited {done.returncode}:\n{tail}")
        return done.stdout

    def attempt(self, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run Odoo to its end, whatever that is; output and errors are one text."""
        return subprocess.run(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.base,
            env=run_environment(self.environment),
            timeout=timeout,
            check=False,
        )

    def copy_database(self, template: OdooServer) -> None:
        """Make this server's database a copy of the one of ``template`` (which is stopped)."""
        self.databases[0].execute(
            f'CREATE DATABASE "{self.dbname}" TEMPLATE "{template.dbname}" OWNER {ODOO_ROLE}'
        )
        # A test may kill the server next: the copy must not need the log to be whole.
        self.databases[0].execute("CHECKPOINT")
        filestore = template.data_dir / "filestore" / template.dbname
        if filestore.is_dir():
            shutil.copytree(filestore, self.data_dir / "filestore" / self.dbname)

    # -- verbs

    def start(self, *, timeout: float = 60) -> None:
        """Start it (again) and wait until it answers HTTP."""
        self.process.start()
        ports = [self.port] + [self.gevent_port] * bool(self.workers)

        def serving() -> bool:
            if not self.process.is_running():
                tail = "\n".join(self.log_text().splitlines()[-40:])
                raise RuntimeError(f"{self.process.name} exited {self.process.exit_code}:\n{tail}")
            return all(accepts_connections(self.address, port) for port in ports)

        wait_until(serving, timeout=timeout, what=f"{self.process.name} serves")

    def stop(self) -> None:
        self.process.stop(timeout=10)

    def end(self) -> None:
        self.process.stop(timeout=5)
