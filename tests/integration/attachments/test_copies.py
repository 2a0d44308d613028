"""No copy of a database deletes what the original has, and the original keeps what a copy uses."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from tests.servers import attachments
from tests.servers.odoo import OdooServer
from tests.servers.postgres import ODOO_ROLE, Postgres, binary
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment

pytestmark = pytest.mark.skipif(
    not os.environ.get("HA_TEST_LONG"), reason="minutes: set HA_TEST_LONG=1"
)
PREFIX = f"copies/{secrets.token_hex(4)}"
CREATE = f"""
env["ir.attachment"].create([
    {{"name": str(n), "raw": str(n).encode() * 100, "res_model": "{attachments.MODEL}", "res_id": 1}}
    for n in range(10, 20)
])
env.cr.commit()
"""
UNLINK = f"""
env["ir.attachment"].search(
    [("res_model", "=", "{attachments.MODEL}"), ("name", "in", NAMES)]
).unlink()
env.cr.commit()
env.cr.execute("UPDATE ha_attachment_garbage SET marked_at = marked_at - interval '8 days'")
env.cr.commit()
env["ha.attachment.garbage"]._collect()
env.cr.commit()
"""
ALL = [str(number) for number in range(10, 20)]
BORROW = 'env["ha.attachment.garbage"]._borrow()\n'


def unlink_and_collect(odoo: OdooServer, names: list[str]) -> None:
    """Unlink these attachments, and collect what is garbage as if the grace period were over."""
    attachments.shell(odoo, UNLINK.replace("NAMES", repr(names)))


def contents(s3: SeaweedFS) -> set[str]:
    """The keys of contents, not of what copies say."""
    return {key for key in s3.keys(f"{PREFIX}/") if "/borrowed-by/" not in key}


def serve(postgres: Postgres, database: str, s3: SeaweedFS) -> OdooServer:
    """An Odoo that is used through its shell only. Its prefix is the same in every copy."""
    return OdooServer(
        postgres,
        database,
        variant="suite",
        ha=ha_settings(None, s3) | {"s3_prefix": PREFIX},
        environment=secret_environment(s3.base, None, s3),
    )


@pytest.fixture(scope="module")
def other_cluster() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


def restore_elsewhere(original: OdooServer, target: Postgres) -> None:
    """pg_dump, and what it wrote run in another cluster, in a database of the same name."""
    source = original.databases[0]
    target.execute(f'CREATE DATABASE "{original.dbname}" OWNER {ODOO_ROLE}')

    def where(server: Postgres) -> tuple[list[str], dict[str, str]]:
        options = ["-h", server.address, "-p", str(server.port), "-U", ODOO_ROLE]
        return options, {**os.environ, "PGPASSWORD": server.odoo_password}

    options, environment = where(source)
    dump = subprocess.run(
        [binary("pg_dump"), *options, "--no-owner", original.dbname],
        env=environment,
        capture_output=True,
        check=True,
        timeout=120,
    )
    options, environment = where(target)
    subprocess.run(
        [binary("psql"), *options, "-q", "-d", original.dbname],
        env=environment,
        input=dump.stdout,
        capture_output=True,
        check=True,
        timeout=120,
    )


def test_copies_and_the_original(
    postgres: Postgres, s3: SeaweedFS, suite_template: OdooServer, other_cluster: Postgres
) -> None:
    original = serve(postgres, "copies_original", s3)
    original.copy_database(suite_template)
    attachments.shell(original, CREATE)
    whole = contents(s3)
    assert len(whole) == len(ALL)

    # A copy by createdb --template, and one by pg_dump under the very same name: both with the
    # same database.uuid, the same prefix and the original's checklist.
    template_copy = serve(postgres, "copies_template", s3)
    template_copy.copy_database(original)
    restore_elsewhere(original, other_cluster)
    restored = serve(other_cluster, original.dbname, s3)
    for copy in (template_copy, restored):
        unlink_and_collect(copy, ALL[:5])
        assert whole <= contents(s3), "a copy deleted what is the original's"

    # The original needs some no more: what a copy said that it uses stays.
    attachments.shell(template_copy, BORROW)
    unlink_and_collect(original, [*ALL[:2], *ALL[8:]])
    left = contents(s3) & whole
    assert len(left) == len(ALL) - 2, "10 and 11 are gone, 18 and 19 are used by the copy"
    expected = attachments.sha1_of_contents(template_copy, s3)
    assert len(expected) == 5
    assert all(len(sha1) == 40 for sha1 in expected.values())

    # Once it has its own objects it can do without the original.
    done = attachments.run(
        template_copy, "migrate", "--to", "s3", "--verify", "--model", attachments.MODEL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for key in whole & contents(s3):
        s3.client().delete_object(Bucket=s3.bucket, Key=key)
    assert attachments.sha1_of_contents(template_copy, s3) == expected
    done = attachments.run(template_copy, "audit", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    done = attachments.run(original, "audit")
    assert done.returncode == 1, "the audit misses what was taken away"
    assert done.stdout.count("missing: s3://") == 6

    # A renamed database is still the owner of what it stored under its former name.
    postgres.execute('ALTER DATABASE "copies_template" RENAME TO "copies_renamed"')
    renamed = serve(postgres, "copies_renamed", s3)
    unlink_and_collect(renamed, ALL)
    assert not contents(s3)
