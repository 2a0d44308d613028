"""Many attachments in a database and its filestore, what became of them, and the suite's command."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2.extras

from .odoo import OdooServer
from .odoo_client import OdooClient
from .processes import ServerProcess, run_environment
from .s3 import SeaweedFS

#: No content of Odoo's own belongs to it.
MODEL = "res.currency"


def fill(odoo: OdooServer, count: int, content: Callable[[int], bytes]) -> dict[int, str]:
    """Make attachments as stock stores them in the filestore; the SHA-1 of each by its id."""
    filestore = odoo.data_dir / "filestore" / odoo.dbname
    rows = []
    for number in range(count):
        data = content(number)
        sha1 = _sha1(data)
        path = filestore / sha1[:2] / sha1
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        rows.append((f"file {number}", f"{sha1[:2]}/{sha1}", sha1, len(data), MODEL))
    connection = odoo.databases[0].connect(odoo.dbname)
    try:
        with connection.cursor() as cursor:
            made = psycopg2.extras.execute_values(
                cursor,
                "INSERT INTO ir_attachment (name, store_fname, checksum, file_size, res_model,"
                " res_id, type, mimetype, create_uid, write_uid, create_date, write_date)"
                " VALUES %s RETURNING id, checksum",
                rows,
                template="(%s, %s, %s, %s, %s, 1, 'binary', 'application/octet-stream', 1, 1,"
                " now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')",
                page_size=1000,
                fetch=True,
            )
    finally:
        connection.close()
    return dict(made)


def places(odoo: OdooServer, last: int | None = None) -> dict[str, int]:
    """How many of these attachments, up to the one with the id ``last``, are where."""
    return dict(
        odoo.databases[0].execute(
            "SELECT CASE WHEN store_fname LIKE 's3://%%' THEN 's3' WHEN store_fname IS NULL"
            " THEN 'db' ELSE 'file' END, count(*) FROM ir_attachment WHERE res_model = %s"
            " AND id <= coalesce(%s, id) GROUP BY 1",
            [MODEL, last],
            dbname=odoo.dbname,
        )
    )


def sha1_of_contents(odoo: OdooServer, s3: SeaweedFS) -> dict[int, str]:
    """What is really stored, read without Odoo: the SHA-1 by id; a text where nothing is."""
    client = s3.client()
    filestore = odoo.data_dir / "filestore" / odoo.dbname

    def read(row: tuple[int, str | None, Any]) -> tuple[int, str]:
        identifier, name, held = row
        try:
            if name is None:
                data = bytes(held)
            elif name.startswith("s3://"):
                bucket, _, key = name.removeprefix("s3://").partition("/")
                data = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            else:
                data = (filestore / name).read_bytes()
        except (OSError, client.exceptions.NoSuchKey) as error:
            return identifier, f"{name}: {error}"
        return identifier, _sha1(data)

    rows = odoo.databases[0].execute(
        "SELECT id, store_fname, db_datas FROM ir_attachment WHERE res_model = %s",
        [MODEL],
        dbname=odoo.dbname,
    )
    with ThreadPoolExecutor(8) as pool:
        return dict(pool.map(read, rows))


def command(odoo: OdooServer, *arguments: str) -> list[str]:
    """`odoo ha_attachments …` for this Odoo's database."""
    options = odoo.configuration.read_text().splitlines()
    (addons,) = (line.split(" = ")[1] for line in options if line.startswith("addons_path"))
    odoo_command = [sys.executable, str(odoo.source.script), f"--addons-path={addons}"]
    return [*odoo_command, "ha_attachments", *arguments, "-c", str(odoo.configuration)]


def run(
    odoo: OdooServer, *arguments: str, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, whatever that is."""
    return subprocess.run(
        command(odoo, *arguments),
        capture_output=True,
        text=True,
        env=run_environment(odoo.environment),
        timeout=timeout,
        check=False,
    )


def begin(odoo: OdooServer, argv: list[str], log: Path) -> ServerProcess:
    """Start a command of this Odoo, to be killed."""
    process = ServerProcess("ha_attachments", argv, log=log, environment=odoo.environment)
    process.start()
    return process


def shell(odoo: OdooServer, script: str, *, timeout: float = 300) -> str:
    """Run a script in an Odoo shell, with what it prints; it commits by itself."""
    done = subprocess.run(
        shell_command(odoo),
        input=script,
        capture_output=True,
        text=True,
        env=run_environment(odoo.environment),
        timeout=timeout,
        check=False,
    )
    if done.returncode or "Traceback" in done.stderr:
        raise RuntimeError(f"odoo shell: {done.stderr[-3000:]}")
    return done.stdout.strip()


def shell_command(odoo: OdooServer) -> list[str]:
    """`odoo shell` in this Odoo's database."""
    return [
        *[sys.executable, str(odoo.source.script), "shell", "-c", str(odoo.configuration)],
        *["-d", odoo.dbname, "--no-http", "--log-level=warn"],
    ]


class User(threading.Thread):
    """Creates, overwrites and unlinks attachments until told to stop; knows what must be there."""

    def __init__(self, client: OdooClient) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.contents: dict[int, str] = {}
        self.unlinked: set[int] = set()
        self.error: Exception | None = None
        self._ended = threading.Event()

    def run(self) -> None:
        chance = random.Random(1)
        try:
            while not self._ended.is_set():
                content = os.urandom(chance.randrange(100, 20_000))
                self._act(chance, base64.b64encode(content).decode(), _sha1(content))
        except Exception as error:
            self.error = error

    def _act(self, chance: random.Random, datas: str, sha1: str) -> None:
        values = {"name": "user's", "datas": datas, "res_model": MODEL, "res_id": 1}
        own = list(self.contents)
        verbs = ["create", "create", "write", "write", "unlink"]
        match chance.choice(verbs) if own else "create":
            case "create":
                self.contents[self.client.call("ir.attachment", "create", [values])[0]] = sha1
            case "write":
                chosen = chance.choice(own)
                self.client.call("ir.attachment", "write", [chosen], {"datas": datas})
                self.contents[chosen] = sha1
            case _:
                chosen = chance.choice(own)
                self.client.call("ir.attachment", "unlink", [chosen])
                del self.contents[chosen]
                self.unlinked.add(chosen)

    def stop(self) -> None:
        self._ended.set()
        self.join(90)
        if self.error:
            raise self.error


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
