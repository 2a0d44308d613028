"""Attachments: the stock filestore, OCA's fs_attachment_s3 and ours, on one SeaweedFS, in one run.

``python -m tests.bench.attachments [--count 30] [--large 1024] [--peer DIRECTORY]`` under Odoo's
Python. Starts PostgreSQL, SeaweedFS and an Odoo for each subject. ``--peer`` names a directory with
OCA's addons and what they need (``pip install --target DIRECTORY --no-deps
odoo-addon-fs-attachment-s3 odoo-addon-fs-attachment odoo-addon-fs-storage``, then ``pip install
--target DIRECTORY fsspec s3fs python-slugify``); without it that column is left out.

The subjects take turns, in another order each time, so that what else the machine does meets all
of them alike. Creating a partner with a photograph (image_1920 and four smaller ones) costs the same
resizing everywhere: what a storage adds is the median of the differences to the filestore with the
same photograph. Milliseconds, the first decile (the least disturbed) and the median.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from tests.bench.report import conclude
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient
from tests.servers.odoo_source import OdooSource
from tests.servers.postgres import Postgres
from tests.servers.processes import run_environment
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment

READ = 1 << 20  # bytes of the file that is read again and again
LIMITS = {"limit_time_real": 1200, "limit_time_cpu": 1200, "limit_memory_hard": 0}


def photograph(seed: int) -> bytes:
    """A JPEG whose five sizes are all too large to stay in the database."""
    picture = Image.frombytes("RGB", (480, 480), random.Random(seed).randbytes(480 * 480 * 3))
    stream = io.BytesIO()
    picture.resize((1920, 1920), Image.Resampling.NEAREST).save(stream, "JPEG", quality=92)
    return stream.getvalue()


class Subject:
    """One Odoo with one storage."""

    def __init__(self, name: str, odoo: OdooServer, cache: Path | None) -> None:
        self.name = name
        self.odoo = odoo
        self._cache = cache
        self.client: OdooClient
        self.read = self.large = 0
        self.times: dict[str, list[float]] = {}

    def begin(self, large: int) -> None:
        """Store what will be read, and serve."""
        script = f"""
import os
for name, size in (("read", {READ}), ("large", {large})):
    made = env["ir.attachment"].create({{"name": name, "raw": os.urandom(size)}})
    env.cr.commit()
    print("made", name, made.id, made.store_fname)
"""
        command = self.odoo.command()
        command.insert(2, "shell")
        done = subprocess.run(
            [*command, "--no-http"],
            input=script,
            capture_output=True,
            text=True,
            cwd=self.odoo.base,
            env=run_environment(self.odoo.environment),
            timeout=1200,
            check=False,
        )
        made = [line.split() for line in done.stdout.splitlines() if line.startswith("made")]
        if len(made) != 2:
            raise RuntimeError(f"{self.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        print(f"{self.name}: kept as {made[0][3]}", flush=True)
        self.read, self.large = (int(line[2]) for line in made)
        self._serve()

    def _serve(self) -> None:
        self.odoo.start()
        self.client = self.odoo.client(timeout=1200)
        self.client.login(self.odoo.dbname)

    def take(self, label: str, operation: Any) -> None:
        started = time.perf_counter()
        operation()
        self.times.setdefault(label, []).append((time.perf_counter() - started) * 1000)

    def create(self, photo: bytes) -> None:
        values = {"name": "P", "image_1920": base64.b64encode(photo).decode()}
        self.take("create", lambda: self.client.call("res.partner", "create", [values]))

    def get(self, label: str) -> None:
        if label == "cold" and self._cache:
            shutil.rmtree(self._cache, ignore_errors=True)

        def get() -> None:
            answer = self.client.get(f"/web/content/{self.read}")
            assert answer.status_code == 200 and len(answer.content) == READ, answer

        self.take(label, get)

    def download(self, size: int) -> tuple[float, float]:
        """(seconds, MB of memory that the server took for it at most).

        A new process: an old one may have room left from what it did before. It has served one
        file, so that what is loaded once doesn't count.
        """
        self.odoo.stop()
        self._serve()
        if self._cache:
            shutil.rmtree(self._cache, ignore_errors=True)
        self.client.get(f"/web/content/{self.read}")
        before = self._memory()
        most, ended = [before], threading.Event()

        def watch() -> None:
            while not ended.wait(0.02):
                most.append(self._memory())

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        started, received = time.perf_counter(), 0
        with self.client.get(f"/web/content/{self.large}?download=1", stream=True) as answer:
            assert answer.status_code == 200, answer
            for piece in answer.iter_content(1 << 20):
                received += len(piece)
        took = time.perf_counter() - started
        ended.set()
        thread.join()
        assert received == size, received
        return took, (max(most) - before) / (1 << 20)

    def _memory(self) -> int:
        found = psutil.Process(self.odoo.process.pid).memory_full_info()
        return int(found.uss)

    def median(self, label: str) -> float:
        return statistics.median(self.times[label])

    def cell(self, label: str) -> str:
        times = self.times[label]
        return f"{statistics.quantiles(times, n=10)[0]:.1f} / {statistics.median(times):.1f}"


def peer(postgres: Postgres, s3: SeaweedFS, directory: Path) -> OdooServer:
    """An Odoo with OCA's addons, whose attachments go to the same SeaweedFS."""
    python_path = os.pathsep.join([str(directory), str(OdooSource.find().python_path)])
    odoo = OdooServer(postgres, "peer", options=LIMITS, environment={"PYTHONPATH": python_path})
    configuration = odoo.configuration.read_text()
    odoo.configuration.write_text(
        configuration.replace("addons_path = ", f"addons_path = {directory}/odoo/addons,")
    )
    odoo.install("base", "web", "fs_attachment_s3")
    options = {
        "endpoint_url": s3.endpoint,
        "key": s3.access_key,
        "secret": s3.secret_key,
        "client_kwargs": {"region_name": "us-east-1"},
    }
    values = {
        "name": "S3",
        "code": "s3peer",
        "protocol": "s3",
        "options": json.dumps(options),
        "directory_path": s3.bucket,
        "use_as_default_for_attachments": True,
    }
    odoo.start()
    client = odoo.client()
    client.login("peer")
    client.call("fs.storage", "create", [values])
    odoo.stop()
    return odoo


def put_times(s3: SeaweedFS, content: bytes, count: int) -> list[float]:
    """Milliseconds of each plain PUT."""
    client, took = s3.client(), []
    for number in range(count):
        started = time.perf_counter()
        client.put_object(Bucket=s3.bucket, Key=f"bare/{number}", Body=content)
        took.append((time.perf_counter() - started) * 1000)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--large", type=int, default=1024, help="MB of the file to download")
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    size = chosen.large << 20
    with ExitStack() as running:
        postgres = running.enter_context(Postgres())
        s3 = running.enter_context(SeaweedFS())
        stock = OdooServer(postgres, "stock", options=LIMITS)
        stock.install("base", "web")
        suite = OdooServer(
            postgres,
            "suite",
            variant="suite",
            ha={**ha_settings(s3=s3), "s3_cache_size": "10GB"},
            environment=secret_environment(s3.base, s3=s3),
            options=LIMITS,
        )
        suite.install("base", "web", "ha_attachment_s3")
        cache = suite.data_dir / "ha_attachment_cache"
        subjects = [Subject("filestore", stock, None), Subject("ours", suite, cache)]
        if chosen.peer:
            subjects.append(Subject("fs_attachment_s3", peer(postgres, s3, chosen.peer), None))
        for subject in subjects:
            running.callback(subject.odoo.stop)
            subject.begin(size)
        photos = [photograph(number) for number in range(chosen.count + 2)]
        puts: list[float] = []
        for number, photo in enumerate(photos):
            for subject in random.Random(number).sample(subjects, len(subjects)):
                subject.create(photo)
                subject.get("cold")
                subject.get("cached")
                subject.get("cached")
            puts += put_times(s3, photo, 1)
            if number == 1:  # the first ones only warm up
                puts.clear()
                for subject in subjects:
                    subject.times.clear()
        downloads = {subject.name: subject.download(size) for subject in subjects}
    put = statistics.median(puts)
    rows = [
        {
            "ms: p10 / p50": subject.name,
            "create, 5 images": subject.cell("create"),
            "cold read, 1 MB": subject.cell("cold"),
            "read again": subject.cell("cached"),
            f"{chosen.large} MB download": f"{downloads[subject.name][0]:.1f} s",
            "memory for it": f"{downloads[subject.name][1]:.0f} MB",
        }
        for subject in subjects
    ]
    print(f"\none PUT of the largest image ({len(photos[0]) >> 10} KB): {put:.1f} ms")
    files, ours, *others = subjects
    added = statistics.median(
        mine - theirs
        for mine, theirs in zip(ours.times["create"], files.times["create"], strict=True)
    )
    goals = {
        f"5 images cost {added / put:.2f} PUTs more than in the filestore, ≤1.5": added
        <= 1.5 * put,
        f"read again: {ours.median('cached') / files.median('cached'):.2f} of the filestore, ≤1.2": (
            ours.median("cached") <= 1.2 * files.median("cached")
        ),
        f"{chosen.large} MB with {downloads['ours'][1]:.0f} MB of memory, ≤32": (
            downloads["ours"][1] <= 32
        ),
    }
    for other in others:
        for label in ("create", "cold", "cached"):
            ratio = ours.median(label) / other.median(label)
            goals[f"{label}: {ratio:.2f} of {other.name}"] = ratio < 1
        ratio = downloads["ours"][0] / downloads[other.name][0]
        goals[f"download: {ratio:.2f} of {other.name}"] = ratio < 1
    return conclude("attachments", rows, goals)


if __name__ == "__main__":
    raise SystemExit(main())
