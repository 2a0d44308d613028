"""A migration and the garbage collection are killed in their midst, while a user works."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import attachments
from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres
from tests.servers.processes import ServerProcess
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment

pytestmark = pytest.mark.skipif(
    not os.environ.get("HA_TEST_LONG"), reason="minutes: set HA_TEST_LONG=1"
)
COUNT = 1000
COLLECT = 'env["ha.attachment.garbage"]._collect()\n'


@pytest.fixture(scope="module")
def odoo(postgres: Postgres, s3: SeaweedFS, suite_template: OdooServer) -> Iterator[OdooServer]:
    server = OdooServer(
        postgres,
        "attachments",
        variant="suite",
        ha=ha_settings(None, s3),
        environment=secret_environment(s3.base, None, s3),
        options={"max_cron_threads": 0},
    )
    server.copy_database(suite_template)
    with server:
        yield server


def kill_in_the_midst(process: ServerProcess, odoo: OdooServer, place: str, count: int) -> None:
    """Kill it once so many contents are there; it must not have ended by itself."""

    def enough() -> bool:
        if not process.is_running():
            raise AssertionError(f"it ended before it was killed:\n{process.log_text()[-2000:]}")
        return attachments.places(odoo).get(place, 0) >= count

    wait_until(enough, timeout=120, interval=0.02, what=f"{count} contents in {place}")
    process.kill()


@pytest.fixture(scope="module")
def contents(odoo: OdooServer) -> dict[int, str]:
    return attachments.fill(odoo, COUNT, lambda _number: os.urandom(2000))


def test_a_migration_that_is_killed_loses_nothing_and_goes_on(
    odoo: OdooServer, s3: SeaweedFS, contents: dict[int, str], tmp_path: Path
) -> None:
    client = odoo.client()
    client.login(odoo.dbname)
    # What the user works on is moved as well: it lies in the filestore at first.
    client.call("ir.config_parameter", "set_param", "ir_attachment.location", "file")
    user = attachments.User(client)
    user.start()
    wait_until(lambda: len(user.contents) >= 3 or user.error, timeout=90, what="the user's files")
    for to, already in (("s3", COUNT // 10), ("s3", COUNT // 2), ("file", COUNT // 3)):
        argv = attachments.command(odoo, "migrate", "--to", to, "--parallel", "4")
        process = attachments.begin(odoo, argv, tmp_path / "log")
        kill_in_the_midst(process, odoo, to, already)
        assert user.is_alive(), user.error
        stored = attachments.sha1_of_contents(odoo, s3)
        assert {key: stored.get(key) for key in contents} == contents
    done = attachments.run(odoo, "migrate", "--to", "s3", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    user.stop()
    assert user.contents
    done = attachments.run(odoo, "migrate", "--to", "s3", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    stored = attachments.sha1_of_contents(odoo, s3)
    assert stored == contents | user.contents
    assert attachments.places(odoo) == {"s3": len(stored)}
    audited = attachments.run(odoo, "audit", "--verify")
    assert audited.returncode == 0, audited.stdout + audited.stderr


def test_a_garbage_collection_that_is_killed_deletes_nothing_else_and_goes_on(
    odoo: OdooServer, s3: SeaweedFS, contents: dict[int, str], tmp_path: Path
) -> None:
    """After the test above: all contents are in S3, and some are unlinked here."""
    client = odoo.client()
    client.login(odoo.dbname)
    unlinked = sorted(contents)[: COUNT // 2]
    client.call("ir.attachment", "unlink", unlinked)
    kept = {key: sha1 for key, sha1 in contents.items() if key not in set(unlinked)}
    before = len(s3_keys(s3, odoo))
    odoo.databases[0].execute(
        "UPDATE ha_attachment_garbage SET marked_at = marked_at - interval '8 days'",
        dbname=odoo.dbname,
    )
    script = tmp_path / "collect"
    script.write_text(COLLECT)
    argv = ["/bin/sh", "-c", 'exec "$@" < "$0"', str(script), *attachments.shell_command(odoo)]
    process = attachments.begin(odoo, argv, tmp_path / "log")

    def some_are_gone() -> bool:
        assert process.is_running(), process.log_text()[-2000:]
        return len(s3_keys(s3, odoo)) < before - 20

    wait_until(some_are_gone, timeout=120, interval=0.05, what="some objects are deleted")
    process.kill()
    between = len(s3_keys(s3, odoo))
    assert before - COUNT // 2 < between < before
    stored = attachments.sha1_of_contents(odoo, s3)
    assert {key: stored.get(key) for key in kept} == kept
    attachments.shell(odoo, COLLECT)
    stored = attachments.sha1_of_contents(odoo, s3)
    assert {key: stored.get(key) for key in kept} == kept
    names = odoo.databases[0].execute(
        "SELECT DISTINCT store_fname FROM ir_attachment WHERE store_fname LIKE 's3://%'",
        dbname=odoo.dbname,
    )
    assert set(s3_keys(s3, odoo)) == {name.split("/", 3)[3] for (name,) in names}


def s3_keys(s3: SeaweedFS, odoo: OdooServer) -> list[str]:
    """All the database's objects."""
    pages = s3.client().get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=s3.bucket, Prefix=f"{odoo.dbname}/")
    return [entry["Key"] for page in found for entry in page.get("Contents", ())]
