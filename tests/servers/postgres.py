"""PostgreSQL on a loopback address: a primary, its streaming replicas, and their faults."""

from __future__ import annotations

import glob
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions

from .addresses import free_port, next_address, wait_until
from .processes import ServerProcess, scratch_directory
from .server import Server

#: The role that Odoo connects as.
ODOO_ROLE = "odoo"

SETTINGS = {
    # A test survives the death of processes, not of the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "replica",
    "wal_log_hints": "on",
    "hot_standby": "on",
    "track_commit_timestamp": "on",
    "max_connections": "150",
    "shared_buffers": "64MB",
    "max_wal_senders": "10",
    "wal_keep_size": "256MB",
    "wal_receiver_timeout": "5s",
    "wal_retrieve_retry_interval": "200ms",
    "unix_socket_directories": "''",
    "log_min_messages": "warning",
}


def binary(name: str) -> str:
    """Return the path of a PostgreSQL program, the newest of Debian's or the one in PATH."""

    def version(path: str) -> float:
        return float(path.split("/")[4])

    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=version)
    path = found[-1] if found else shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"{name}: install PostgreSQL (apt-get install postgresql)")
    return path


def server_user() -> str | None:
    """PostgreSQL refuses root: the user to become, or None when that isn't needed."""
    return "postgres" if os.geteuid() == 0 else None


class Postgres(Server):
    """One PostgreSQL server. ``Postgres()`` is a primary, ``primary.replica()`` follows it.

    Entering initialises (or clones) and starts it; leaving stops it and removes its files.
    """

    def __init__(self, *, address: str | None = None, port: int | None = None) -> None:
        self.address = address or next_address()
        self.port = port or free_port(self.address)
        self.password = secrets.token_urlsafe(12)
        self.odoo_password = secrets.token_urlsafe(12)
        self.upstream: Postgres | None = None
        self.base = scratch_directory("odoo-ha-pg-")
        self.data = self.base / "data"
        self.process = ServerProcess(
            f"postgres {self.address}:{self.port}",
            [binary("postgres"), "-D", str(self.data)],
            log=self.base / "postgres.log",
            user=server_user(),
            directory=self.base,
        )

    def replica(self, *, address: str | None = None) -> Postgres:
        """Return a streaming replica of this server, not started yet.

        It has the same port, as one ``db_port`` serves all hosts of Odoo's ``db_host``.
        """
        other = Postgres(address=address, port=self.port)
        other.upstream = self
        other.password, other.odoo_password = self.password, self.odoo_password
        return other

    def begin(self) -> None:
        self._clone(self.upstream) if self.upstream else self._initialise()
        self._configure()
        self.start()
        if not self.upstream:
            role = f"CREATE ROLE {ODOO_ROLE} LOGIN CREATEDB PASSWORD %s"
            self.execute(role, [self.odoo_password])

    def end(self) -> None:
        self.stop()

    def _initialise(self) -> None:
        password_file = self._owned_file("superuser", self.password)
        self._run("initdb", "-D", self.data, "-U", "postgres", "--no-sync", "-E", "UTF8",
                  "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}")  # fmt: skip
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all,replication all 127.0.0.0/8 scram-sha-256\n")

    def _clone(self, upstream: Postgres) -> None:
        entry = f"{upstream.address}:{upstream.port}:*:postgres:{self.password}"
        self._run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
                  "-h", upstream.address, "-p", upstream.port, "-U", "postgres", "-w",
                  PGPASSFILE=str(self._owned_file("passfile", entry)))  # fmt: skip

    def _configure(self) -> None:
        settings = SETTINGS | {"listen_addresses": f"'{self.address}'", "port": str(self.port)}
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{key} = {value}\n" for key, value in settings.items())

    def _owned_file(self, name: str, content: str) -> Path:
        path = self.base / name
        path.touch(0o600)
        path.write_text(content + "\n")
        self._own(path)
        return path

    def _own(self, path: Path) -> None:
        if user := server_user():
            owner = pwd.getpwnam(user)
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def _run(self, name: str, *arguments: object, **environment: str) -> None:
        self._own(self.base)
        done = subprocess.run(
            [binary(name), *map(str, arguments)],
            user=server_user(),
            cwd=self.base,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr.strip()}")

    # -- using it

    def connect(
        self, dbname: str = "postgres", *, timeout: int = 5
    ) -> psycopg2.extensions.connection:
        """Return an autocommit connection as superuser (``timeout`` seconds to connect)."""
        connection = psycopg2.connect(
            host=self.address,
            port=self.port,
            user="postgres",
            password=self.password,
            dbname=dbname,
            connect_timeout=timeout,
            options="-c statement_timeout=60s",
        )
        connection.autocommit = True
        return connection

    def execute(
        self, query: str, parameters: Sequence[object] = (), *, dbname: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run one statement as superuser on a connection of its own; return its rows."""
        connection = self.connect(dbname)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def is_ready(self) -> bool:
        try:
            self.connect(timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def terminate_backends(self, condition: str, parameters: Sequence[object] = ()) -> int:
        """End the client sessions of pg_stat_activity that match; return how many."""
        ended = self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            f" AND ({condition})",
            parameters,
        )
        return sum(row[0] for row in ended)

    # -- verbs

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        self.process.start()

        def ready() -> bool:
            if not self.process.is_running():
                raise RuntimeError(f"{self.process.name} ended:\n{self.process.log_text()}")
            return self.is_ready()

        wait_until(ready, timeout=30, what=f"{self.process.name} answers")

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, the shutdown is clean."""
        self.process.stop(with_signal=signal.SIGINT)

    def require_tls(self, certificate: Path, key: Path) -> None:
        """Let in nobody without TLS from now on, and show new clients this certificate."""
        for source, name in ((certificate, "server.crt"), (key, "server.key")):
            self._owned_file(f"data/{name}", source.read_text()).chmod(0o600)
        rules = self.data / "pg_hba.conf"
        rules.write_text(rules.read_text().replace("\nhost ", "\nhostssl "))
        self.execute("ALTER SYSTEM SET ssl = on")
        self.execute("SELECT pg_reload_conf()")
        wait_until(
            lambda: (
                self.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                == [(True,)]
            ),
            timeout=10,
            what=f"{self.process.name} wants TLS",
        )

    def promote(self) -> None:
        """Make a replica the primary; returns when it is writable."""
        self.execute("SELECT pg_promote(true, 30)")
        wait_until(
            lambda: self.execute("SELECT pg_is_in_recovery()") == [(False,)],
            timeout=30,
            what=f"promotion of {self.process.name}",
        )
        self.upstream = None

    def stop_following(self) -> None:
        """Let a replica receive nothing any more, as when it lags behind."""
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        wait_until(
            lambda: self.execute("SELECT count(*) FROM pg_stat_wal_receiver") == [(0,)],
            timeout=10,
            what=f"{self.process.name} receives nothing",
        )

    def wait_for_replica(self, replica: Postgres, *, timeout: float = 20) -> None:
        """Wait until ``replica`` has replayed all that this primary has written."""
        ((target,),) = self.execute("SELECT pg_current_wal_lsn()")
        query = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        wait_until(
            lambda: replica.execute(query, [target]) == [(True,)],
            timeout=timeout,
            what=f"{replica.process.name} caught up",
        )
