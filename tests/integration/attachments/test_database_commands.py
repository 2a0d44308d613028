"""Odoo's own commands for databases (its database manager does the same): no copy lacks a file, and none of
them costs the original one."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import attachments
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres, binary
from tests.servers.processes import run_environment
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment

pytestmark = pytest.mark.skipif(
    not os.environ.get("HA_TEST_LONG"), reason="minutes: set HA_TEST_LONG=1"
)
PREFIX = f"commands/{secrets.token_hex(4)}/{{db}}"
CREATE = f"""
env["ir.attachment"].create([
    {{"name": str(n), "raw": str(n).encode() * 100, "res_model": "{attachments.MODEL}", "res_id": 1}}
    for n in range(10, 20)
])
env.cr.commit()
"""
READ = f"""
import hashlib, json
found = env["ir.attachment"].search([("res_model", "=", "{attachments.MODEL}")])
print(json.dumps({{one.id: hashlib.sha1(one.raw).hexdigest() for one in found}}))
"""
UNLINK_AND_COLLECT = f"""
env["ir.attachment"].search([("res_model", "=", "{attachments.MODEL}")]).unlink()
env.cr.commit()
env.cr.execute("UPDATE ha_attachment_garbage SET marked_at = marked_at - interval '8 days'")
env.cr.commit()
env["ha.attachment.garbage"]._collect()
env.cr.commit()
"""


def test_duplicate_dump_restore_rename_and_drop(
    postgres: Postgres, s3: SeaweedFS, suite_template: OdooServer, tmp_path: Path
) -> None:
    def serve(database: str, data_dir: Path | None = None) -> OdooServer:
        return OdooServer(
            postgres,
            database,
            variant="suite",
            ha=ha_settings(None, s3) | {"s3_prefix": PREFIX},
            environment=secret_environment(s3.base, None, s3),
            options={"pg_path": Path(binary("pg_dump")).parent},
            data_dir=data_dir,
        )

    def command(*arguments: str) -> None:
        # A configuration that names a database knows of no other.
        configuration = tmp_path / "odoo.conf"
        configuration.touch(0o600)
        lines = original.configuration.read_text().splitlines()
        configuration.write_text(
            "\n".join(line for line in lines if not line.startswith("db_name ="))
        )
        done = subprocess.run(
            [
                *(sys.executable, str(original.source.script), "db"),
                *("-c", str(configuration), *arguments),
            ],
            capture_output=True,
            text=True,
            env=run_environment(original.environment),
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def read_by(odoo: OdooServer) -> dict[int, str]:
        """The SHA-1 of what Odoo itself reads."""
        found = json.loads(attachments.shell(odoo, READ).splitlines()[-1])
        return {int(identifier): sha1 for identifier, sha1 in found.items()}

    original = serve("commands_original")
    original.copy_database(suite_template)
    attachments.shell(original, CREATE)
    expected = read_by(original)
    assert len(expected) == 10
    assert attachments.places(original) == {"s3": 10}
    objects = set(s3.keys(PREFIX.partition("{")[0]))
    assert len(objects) == 10

    copy = serve("commands_copy", original.data_dir)
    restored = serve("commands_restored", original.data_dir)
    dump = tmp_path / "dump.zip"
    command("duplicate", original.dbname, copy.dbname)
    command("dump", original.dbname, str(dump))
    command("load", restored.dbname, str(dump))
    for other in (copy, restored):
        assert read_by(other) == expected, other.dbname

    # What a copy needs no more, and a copy that is dropped, cost the original nothing.
    attachments.shell(copy, UNLINK_AND_COLLECT)
    assert read_by(copy) == {}
    command("drop", copy.dbname)
    assert objects <= set(s3.keys(PREFIX.partition("{")[0]))
    assert attachments.sha1_of_contents(original, s3) == expected

    # Renamed, it reads what it had, and what is new lies below its new name.
    renamed = serve("commands_renamed", original.data_dir)
    command("rename", original.dbname, renamed.dbname)
    assert read_by(renamed) == expected
    attachments.shell(renamed, CREATE.replace("* 100", "* 200"))
    assert len(read_by(renamed)) == 20
    assert any("/commands_renamed/" in key for key in s3.keys(PREFIX.partition("{")[0]))

    # Dropping it leaves its objects, since a dump of it may be all that is left: it is whole.
    command("drop", renamed.dbname)
    assert read_by(restored) == expected
    audited = attachments.run(restored, "audit", "--verify")
    assert audited.returncode == 0, audited.stdout + audited.stderr
