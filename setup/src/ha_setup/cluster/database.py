"""Roles and databases: made once, kept when they are complete, made again when they are not."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from ha_setup.cluster import layout as at
from ha_setup.cluster.health import session
from ha_setup.cluster.launch import Launch
from ha_setup.cluster.layout import Host, Layout, Variant
from ha_setup.cluster.secrets import Secrets
from ha_setup.commands import run_logged
from ha_setup.errors import ClusterError
from ha_setup.files import write_file

PREPARED = "ha_setup.prepared"
INSTALL_TIMEOUT_S = 900.0
BASE_MODULES = ("base", "web", "bus")
# What every Odoo with a web client has, or gets in a moment.
EVERYWHERE = (*BASE_MODULES, "base_setup")

# Runs in `odoo shell`; the answers it needs come with it on standard input.
PREPARE_SCRIPT = """
import json
wanted = json.loads({answers!r})
group = env.ref("base.group_user") + env.ref("base.group_partner_manager")
admin = env.ref("base.user_admin")
admin.password = wanted["admin"]
for login in wanted["logins"]:
    user = env["res.users"].with_context(no_reset_password=True, active_test=False).search([("login", "=", login)])
    values = {{"name": login.title(), "login": login, "password": wanted["password"], "active": True,
              "group_ids": [(6, 0, group.ids)]}}
    if user:
        user.write(values)
    else:
        env["res.users"].with_context(no_reset_password=True).create(values)
env["ir.config_parameter"].set_param({prepared!r}, wanted["fingerprint"])
env.cr.commit()
print("ha_setup: prepared")
"""


@dataclass(frozen=True)
class Modules:
    """The suite's addons in this checkout, with a fingerprint of their files."""

    names: tuple[str, ...]
    fingerprint: str


def demo_logins() -> list[str]:
    return [f"demo{i}" for i in range(1, at.DEMO_USERS + 1)]


def needs_an_app(manifest: Mapping[str, Any]) -> bool:
    """Whether the addon is for an app of Odoo's that not everybody has."""
    depends = manifest.get("depends", ())
    return any(not name.startswith("ha_") and name not in EVERYWHERE for name in depends)


def suite_modules(addons: Path) -> Modules:
    """Every installable addon of the suite below `addons`, but for those that need an app of Odoo's."""
    names = []
    digest = hashlib.sha256()
    for manifest in sorted(addons.glob("ha_*/__manifest__.py")):
        try:
            declared = ast.literal_eval(manifest.read_text(encoding="utf-8"))
        except (ValueError, SyntaxError):
            raise ClusterError(f"{manifest} is not a manifest") from None
        if not declared.get("installable", True) or needs_an_app(declared):
            continue
        names.append(manifest.parent.name)
        for file in sorted(manifest.parent.rglob("*")):
            # What a database holds of an addon; its tests and its Python run from the files.
            if (
                file.suffix in (".xml", ".csv", ".py")
                and "tests" not in file.parts
                and file.is_file()
            ):
                digest.update(f"{file.relative_to(addons)}\0".encode() + file.read_bytes())
    if not names:
        raise ClusterError(
            f"{addons} holds none of the suite's addons (ha_*): this checkout is incomplete"
        )
    return Modules(tuple(names), digest.hexdigest()[:32])


def ensure_roles(host: Host, secrets: Secrets) -> None:
    """Odoo's own role, and the sidecar's, which may look at statistics only."""
    with session(host, secrets) as cursor:
        # Patroni leaves it to us whether statements with passwords are logged: they are not.
        cursor.execute("SET log_statement = 'none'; SET log_min_duration_statement = -1")
        cursor.execute("SET log_min_error_statement = 'panic'")
        for role, password, rights in (
            (at.ODOO_ROLE, secrets.odoo, "LOGIN CREATEDB"),
            (at.PROBE_ROLE, secrets.probe, "LOGIN"),
        ):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            verb = "ALTER" if cursor.fetchone() else "CREATE"
            cursor.execute(
                sql.SQL("{} ROLE {} WITH {} PASSWORD {}").format(
                    sql.SQL(verb), sql.Identifier(role), sql.SQL(rights), sql.Literal(password)
                )
            )
        # pg_checkpoint came with PostgreSQL 15; a planned switchover is shorter with it.
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname IN ('pg_monitor', 'pg_checkpoint')"
        )
        for (granted,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("GRANT {} TO {}").format(
                    sql.Identifier(granted), sql.Identifier(at.PROBE_ROLE)
                )
            )


def prepared_fingerprint(host: Host, secrets: Secrets, database: str) -> str | None:
    """What the database was prepared with; None when it is absent or was left half-made."""
    try:
        with session(host, secrets, database) as cursor:
            cursor.execute("SELECT to_regclass('ir_config_parameter') IS NOT NULL")
            row = cursor.fetchone()
            found = None
            if row and row[0]:
                cursor.execute("SELECT value FROM ir_config_parameter WHERE key = %s", [PREPARED])
                found = cursor.fetchone()
        return str(found[0]) if found else None
    except psycopg2.OperationalError:
        return None


def recreate_database(host: Host, secrets: Secrets, database: str) -> None:
    name = sql.Identifier(database)
    with session(host, secrets, statement_timeout_ms=60_000) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        cursor.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                name, sql.Identifier(at.ODOO_ROLE)
            )
        )


@dataclass(frozen=True)
class DatabaseWork:
    """Everything that preparing one database takes."""

    layout: Layout
    secrets: Secrets
    variant: Variant
    launch: Launch
    modules: Modules
    primary: Host
    environment: Mapping[str, str]
    log: Path

    @property
    def database(self) -> str:
        return self.layout.database(self.variant)

    @property
    def fingerprint(self) -> str:
        """Changes when what is installed, or who may log in, would."""
        suite = self.modules.fingerprint if self.variant == "suite" else "stock"
        accounts = hashlib.sha256(
            f"{self.secrets.odoo_admin} {self.secrets.odoo_user}".encode()
        ).hexdigest()[:16]
        return f"1:{suite}:{accounts}"

    def needed(self) -> bool:
        return prepared_fingerprint(self.primary, self.secrets, self.database) != self.fingerprint

    def perform(self) -> None:
        """Make the database with its modules and users, or bring one that is complete up to date."""
        complete = prepared_fingerprint(self.primary, self.secrets, self.database) is not None
        if not complete:
            recreate_database(self.primary, self.secrets, self.database)
        wanted = [*BASE_MODULES, *(self.modules.names if self.variant == "suite" else ())]
        arguments = ["-i", ",".join(wanted), "--stop-after-init"]
        if complete:
            arguments += ["-u", ",".join(self.modules.names)] if self.variant == "suite" else []
        self._odoo([], arguments, what=f"creating the database {self.database}")
        answers = json.dumps(
            {
                "admin": self.secrets.odoo_admin,
                "password": self.secrets.odoo_user,
                "logins": demo_logins(),
                "fingerprint": self.fingerprint,
            }
        )
        script = PREPARE_SCRIPT.format(answers=answers, prepared=PREPARED)
        self._odoo(["shell"], [], what=f"creating the users of {self.database}", script=script)
        if prepared_fingerprint(self.primary, self.secrets, self.database) != self.fingerprint:
            raise ClusterError(
                f"the users of {self.database} could not be created; the output is in {self.log}"
            )

    def _odoo(
        self, command: list[str], arguments: list[str], *, what: str, script: str | None = None
    ) -> None:
        python, odoo, *configured = self.launch.argv
        for directory in self.launch.directories:
            directory.mkdir(parents=True, exist_ok=True)
        for file in self.launch.files:
            write_file(file.path, file.text, mode=file.mode)
        run_logged(
            [
                python,
                odoo,
                *command,
                *configured,
                "-d",
                self.database,
                "--db_host",
                self.primary.address,
                "--db_port",
                str(at.PG_PORT),
                "--no-http",
                "--workers",
                "0",
                "--max-cron-threads",
                "0",
                *arguments,
            ],
            self.log,
            timeout=INSTALL_TIMEOUT_S,
            what=what,
            env=self.environment,
            inherit_env=False,
            stdin=script,
            error=ClusterError,
        )
