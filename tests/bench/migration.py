"""Attachments from the filestore to S3 and back, while a user writes, against plain parallel puts.

``python -m tests.bench.migration [--count 20000] [--size 4000] [--parallel 8] [--json FILE]`` under
Odoo's Python. Starts a PostgreSQL, a SeaweedFS and an Odoo of its own. Every content's checksum is
compared after each way. The plain puts are made by the same client with the same requests (content
and its SHA-256, stored unless it is there), before and after the migration, and under the same load.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.report import conclude
from tests.servers import attachments
from tests.servers.odoo import OdooServer
from tests.servers.odoo_here import suite_module
from tests.servers.postgres import Postgres
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment

GOAL = 0.8


def plain_puts(s3: SeaweedFS, count: int, size: int, parallel: int) -> float:
    """Puts a second, of the suite's client and nothing else around it."""
    settings = suite_module("ha_attachment_s3.settings").Settings(
        s3_bucket=s3.bucket,
        s3_endpoint_url=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        s3_addressing_style="path",
    )
    client = suite_module("ha_attachment_s3.bucket").Bucket(settings).client
    round_name = os.urandom(4).hex()

    def put(number: int) -> None:
        content = os.urandom(size)
        client.put_object(
            Bucket=s3.bucket,
            Key=f"plain/{round_name}/{number % 256:02x}/{number}",
            Body=content,
            ChecksumSHA256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
            IfNoneMatch="*",
        )

    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(put, range(parallel)))
        started = time.monotonic()
        list(pool.map(put, range(parallel, count)))
        return (count - parallel) / (time.monotonic() - started)


def migrate(odoo: OdooServer, to: str, parallel: int, log: Path, last: int) -> float:
    """Contents a second, from the first batch that is there to the end.

    :param last: attachments after this one are the user's, who stores them himself
    """
    argv = attachments.command(odoo, "migrate", "--to", to, "--parallel", str(parallel))
    process = attachments.begin(odoo, argv, log)
    first = None
    while process.is_running():
        there = attachments.places(odoo, last).get(to, 0)
        if first is None and there >= 500:
            first = (time.monotonic(), there)
        time.sleep(0.2)
    ended = time.monotonic()
    process.wait(10)
    print(log.read_text().splitlines()[-1], flush=True)
    there = attachments.places(odoo, last).get(to, 0)
    if first is None or there <= first[1]:
        return 0.0
    return (there - first[1]) / (ended - first[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=4000)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--json", help="write the result there")
    chosen = parser.parse_args()
    with ExitStack() as running:
        postgres = running.enter_context(Postgres())
        s3 = running.enter_context(SeaweedFS())
        odoo = OdooServer(
            postgres,
            "migration",
            variant="suite",
            ha=ha_settings(None, s3),
            environment=secret_environment(s3.base, None, s3),
            options={"max_cron_threads": 0},
        )
        odoo.install("base", "web", "ha_base", "ha_attachment_s3")
        contents = attachments.fill(odoo, chosen.count, lambda _number: os.urandom(chosen.size))
        running.enter_context(odoo)
        client = odoo.client()
        client.login(odoo.dbname)
        user = attachments.User(client)
        user.start()
        rows: list[dict[str, Any]] = []
        wrong = 0
        sample = min(max(1000, chosen.count // 10), 5000)
        plain = [plain_puts(s3, sample, chosen.size, chosen.parallel)]
        for to in ("s3", "file"):
            speed = migrate(odoo, to, chosen.parallel, odoo.base / f"{to}.log", max(contents))
            stored = attachments.sha1_of_contents(odoo, s3)
            bad = sum(stored.get(key) != sha1 for key, sha1 in contents.items())
            wrong += bad
            rows.append({"to": to, "contents/s": round(speed), "wrong checksums": bad})
            if to == "s3":
                plain.append(plain_puts(s3, sample, chosen.size, chosen.parallel))
        user.stop()
        stored = attachments.sha1_of_contents(odoo, s3)
        wrong += sum(stored.get(key) != sha1 for key, sha1 in user.contents.items())
        bare = sum(plain) / len(plain)
        rows.append({"to": "plain puts", "contents/s": round(bare), "wrong checksums": "-"})
        share = rows[0]["contents/s"] / bare
        print(f"plain puts before {plain[0]:.0f}/s, after {plain[1]:.0f}/s; "
              f"the user has {len(user.contents)} files of his own")  # fmt: skip
        return conclude(
            "migration",
            rows,
            {
                f"{chosen.count} attachments there and back: identical checksums": not wrong,
                f"at {share:.0%} of plain parallel puts (80 % or more)": share >= GOAL,
            },
        )


if __name__ == "__main__":
    raise SystemExit(main())
