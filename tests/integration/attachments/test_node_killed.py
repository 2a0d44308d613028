"""A whole node is killed while its scheduled action moves attachments, and while it collects garbage; a user
works on another node, and every checksum is compared."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.servers import attachments
from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import NoAnswer, OdooClient, OdooFault
from tests.servers.postgres import Postgres
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment

pytestmark = pytest.mark.skipif(
    not os.environ.get("HA_TEST_LONG"), reason="minutes: set HA_TEST_LONG=1"
)
DATABASE = "node_killed"
COUNT = 1000
PATIENCE = 240  # seconds; the next node's scheduled actions start within a minute


@pytest.fixture(scope="module")
def users_node(
    postgres: Postgres, s3: SeaweedFS, suite_template: OdooServer
) -> Iterator[OdooServer]:
    server = node(postgres, s3, max_cron_threads=0)
    server.copy_database(suite_template)
    with server:
        yield server


@pytest.fixture(scope="module")
def working_node(postgres: Postgres, s3: SeaweedFS, users_node: OdooServer) -> Iterator[OdooServer]:
    """Workers, and the scheduled actions; the filestore is shared."""
    server = node(postgres, s3, max_cron_threads=1, workers=2, data_dir=users_node.data_dir)
    with server:
        yield server


def node(postgres: Postgres, s3: SeaweedFS, *, max_cron_threads: int, **options: Any) -> OdooServer:
    return OdooServer(
        postgres,
        DATABASE,
        variant="suite",
        ha=ha_settings(None, s3),
        environment=secret_environment(s3.base, None, s3),
        options={"max_cron_threads": max_cron_threads},
        **options,
    )


@pytest.fixture(scope="module")
def contents(users_node: OdooServer) -> dict[int, str]:
    return attachments.fill(users_node, COUNT, lambda _number: os.urandom(2000))


def login(server: OdooServer) -> OdooClient:
    client = server.client(timeout=PATIENCE)
    client.login(DATABASE)
    return client


def objects(s3: SeaweedFS) -> set[str]:
    """All the database's objects."""
    pages = s3.client().get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=s3.bucket, Prefix=f"{DATABASE}/")
    return {entry["Key"] for page in found for entry in page.get("Contents", ())}


def migrate(client: OdooClient, to: str) -> int:
    values = {"to": to, "res_model": attachments.MODEL, "parallel": 4}
    migration: int = client.call("ha.attachment.migration", "create", [values])[0]
    client.call("ha.attachment.migration", "action_start", [migration])
    return migration


def is_done(client: OdooClient, migration: int) -> bool:
    (found,) = client.call("ha.attachment.migration", "read", [migration], ["state"])
    return bool(found["state"] == "done")


def are_in(odoo: OdooServer, place: str, count: int) -> bool:
    return attachments.places(odoo).get(place, 0) >= count


def test_a_node_is_killed_amid_a_migration(
    users_node: OdooServer, working_node: OdooServer, s3: SeaweedFS, contents: dict[int, str]
) -> None:
    client = login(users_node)
    client.call("ir.config_parameter", "set_param", "ir_attachment.location", "file")
    user = attachments.User(login(users_node))
    user.start()
    for to, already in (("s3", COUNT // 5), ("file", COUNT // 3)):
        migration = migrate(client, to)
        moved = partial(are_in, users_node, to, already)
        wait_until(moved, timeout=PATIENCE, interval=0.02, what=f"{already} contents in {to}")
        working_node.kill()
        assert not is_done(client, migration), "it ended before the node was killed"
        assert user.is_alive(), user.error
        stored = attachments.sha1_of_contents(users_node, s3)
        assert {key: stored.get(key) for key in contents} == contents
        working_node.start()
        ended = partial(is_done, client, migration)
        wait_until(ended, timeout=PATIENCE, interval=0.5, what=f"the migration to {to} goes on")
        (report,) = client.call(
            "ha.attachment.migration", "read", [migration], ["left_alone", "problems"]
        )
        assert not report["problems"], report
        stored = attachments.sha1_of_contents(users_node, s3)
        assert {key: stored.get(key) for key in contents} == contents
    user.stop()
    assert len(user.contents) >= 3
    # What the user wrote at the very moment was left alone.
    done = attachments.run(users_node, "migrate", "--to", "file", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert attachments.sha1_of_contents(users_node, s3) == contents | user.contents
    assert attachments.places(users_node) == {"file": COUNT + len(user.contents)}


def test_a_node_is_killed_amid_the_collection(
    users_node: OdooServer, working_node: OdooServer, s3: SeaweedFS, contents: dict[int, str]
) -> None:
    """Half of the contents are moved to S3 anew and some of these are unlinked; with the objects that the
    migration back to the filestore has left, these are garbage."""
    chosen = sorted(contents)
    used, unlinked = chosen[: COUNT // 2], chosen[:50]
    database = users_node.databases[0]
    database.execute(
        "UPDATE ir_attachment SET create_date = create_date - interval '9 days' WHERE id = ANY(%s)",
        [chosen[COUNT // 2 :]],
        dbname=DATABASE,
    )
    since = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    done = attachments.run(
        users_node,
        *("migrate", "--to", "s3", "--verify"),
        *("--model", attachments.MODEL, "--since", since),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(used) <= attachments.places(users_node)["s3"] < COUNT
    client = login(users_node)
    client.call("ir.attachment", "unlink", unlinked)
    expected = {key: sha1 for key, sha1 in contents.items() if key not in unlinked}
    database.execute(
        "UPDATE ha_attachment_garbage SET marked_at = marked_at - interval '8 days'",
        dbname=DATABASE,
    )
    before = objects(s3)
    collect_in_the_background(working_node)
    wait_until(
        lambda: len(objects(s3)) < len(before) - 20,
        timeout=PATIENCE,
        interval=0.05,
        what="some objects are deleted",
    )
    working_node.kill()
    needed = referred_to(users_node)
    between = objects(s3)
    assert needed < between < before, "killed in its midst"
    stored = attachments.sha1_of_contents(users_node, s3)
    assert {key: stored.get(key) for key in expected} == expected

    working_node.start()
    collect_in_the_background(working_node)
    wait_until(
        lambda: objects(s3) == needed,
        timeout=PATIENCE,
        interval=0.5,
        what="all garbage and nothing else is deleted",
    )
    stored = attachments.sha1_of_contents(users_node, s3)
    assert {key: stored.get(key) for key in expected} == expected
    audited = attachments.run(users_node, "audit", "--verify")
    assert audited.returncode == 0, audited.stdout + audited.stderr


def collect_in_the_background(server: OdooServer) -> None:
    """Have a worker of this node collect garbage, among all that is cleaned up daily."""
    client = login(server)
    action = client.call("ir.model.data", "check_object_reference", "base", "autovacuum_job")[1]

    def trigger() -> None:
        with suppress(NoAnswer, OdooFault):  # it is killed
            client.call("ir.cron", "method_direct_trigger", [action])

    threading.Thread(target=trigger, daemon=True).start()


def referred_to(odoo: OdooServer) -> set[str]:
    names = odoo.databases[0].execute(
        "SELECT DISTINCT store_fname FROM ir_attachment WHERE store_fname LIKE 's3://%'",
        dbname=DATABASE,
    )
    return {name.split("/", 3)[3] for (name,) in names}
