"""A PgBouncer on a loopback address, with its admin console, and its faults."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
from pathlib import Path

import psycopg2
import psycopg2.extensions

from .addresses import free_port, next_address, wait_until
from .postgres import ODOO_ROLE, Postgres, server_user
from .processes import ServerProcess, scratch_directory
from .server import Server

ADMIN = "ha_sidecar"


class PgBouncer(Server):
    """Entering starts it on ``server``; leaving stops it and removes its files.

    ``databases_file`` is included by its configuration, for a sidecar to write.
    """

    def __init__(self, server: Postgres, *, pool_mode: str, pool_size: int = 20) -> None:
        self.address = next_address()
        self.port = free_port(self.address)
        self.admin_password = secrets.token_urlsafe(12)
        self.base = scratch_directory("odoo-ha-pgbouncer-")
        self.databases_file = self.base / "databases.ini"
        self.password_file = self.base / "admin-password"
        self._server = server
        self._write("admin-password", self.admin_password + "\n")
        users = {
            ODOO_ROLE: server.odoo_password,
            "postgres": server.password,
            ADMIN: self.admin_password,
        }
        self._write("users.txt", "".join(f'"{u}" "{p}"\n' for u, p in users.items()))
        self._write(
            "pgbouncer.ini",
            f"""\
%include {self.databases_file}
[pgbouncer]
listen_addr = {self.address}
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {self.base / "users.txt"}
admin_users = {ADMIN}
pool_mode = {pool_mode}
default_pool_size = {pool_size}
max_client_conn = 500
server_connect_timeout = 2
server_login_retry = 1
server_reset_query_always = 1
ignore_startup_parameters = extra_float_digits,options
""",
        )
        self.point_to(server)
        program = os.environ.get("HA_TEST_PGBOUNCER") or shutil.which(
            "pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin"
        )
        if program is None:
            raise FileNotFoundError("pgbouncer: install it (apt-get install pgbouncer)")
        self.process = ServerProcess(
            f"pgbouncer {self.address}:{self.port}",
            [program, str(self.base / "pgbouncer.ini")],
            log=self.base / "pgbouncer.log",
            user=server_user(),
        )

    def point_to(self, server: Postgres) -> None:
        """Write the included file, as the sidecar does; ``reload`` has it read."""
        where = f"host={server.address} port={server.port}"
        self.databases_file.write_text(
            f"[databases]\n* = {where}\npostgres = {where} pool_mode=session\n"
        )

    def reload(self) -> None:
        self.admin("RELOAD")

    def admin(self, command: str) -> list[dict[str, object]]:
        """Run a command on the console; rows by the names of their columns."""
        connection = self.connect("pgbouncer", user=ADMIN, password=self.admin_password)
        try:
            with connection.cursor() as cursor:
                cursor.execute(command)
                if cursor.description is None:
                    return []
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            connection.close()

    def connect(
        self, dbname: str, *, user: str = "postgres", password: str | None = None
    ) -> psycopg2.extensions.connection:
        """A client's connection, in autocommit mode."""
        connection = psycopg2.connect(
            host=self.address, port=self.port, dbname=dbname, user=user,
            password=password or self._server.password, connect_timeout=5,
        )  # fmt: skip
        connection.autocommit = True
        return connection

    def is_ready(self) -> bool:
        try:
            self.admin("SHOW VERSION")
        except psycopg2.Error:
            return False
        return True

    def start(self) -> None:
        self.process.start()
        wait_until(self.is_ready, timeout=15, what=f"{self.process.name} answers")

    def end(self) -> None:
        self.process.kill()

    def _write(self, name: str, text: str) -> Path:
        path = self.base / name
        path.touch(0o600)
        path.write_text(text)
        if user := server_user():
            owner = pwd.getpwnam(user)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        return path
