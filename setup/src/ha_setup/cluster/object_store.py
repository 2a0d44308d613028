"""The bucket in S3, and the faults of what stands before it."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import requests

from ha_setup.cluster import layout as at
from ha_setup.cluster.layout import Layout
from ha_setup.cluster.secrets import Secrets
from ha_setup.errors import ClusterError
from ha_setup.s3_proxy import FAULT_PATH, S3Fault


def client(layout: Layout, secrets: Secrets) -> Any:
    """A boto3 client that gives up quickly and ignores this machine's own AWS settings."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=layout.s3_proxy_url,
        region_name="us-east-1",
        aws_access_key_id=secrets.s3_access_key,
        aws_secret_access_key=secrets.s3_secret_key,
        config=botocore.config.Config(
            connect_timeout=2,
            read_timeout=5,
            retries={"max_attempts": 0},
            s3={"addressing_style": "path"},
            proxies={},
        ),
    )


def set_fault(layout: Layout, fault: S3Fault) -> int:
    """What is done to S3's answers from now on. Returns how many the fault before was done to."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            url = f"{layout.s3_proxy_url}{FAULT_PATH}"
            answer = session.post(url, data=str(fault), timeout=5)
        answer.raise_for_status()
        return int(answer.json()["treated"])
    except (requests.RequestException, ValueError, KeyError) as problem:
        raise ClusterError(f"s3proxy takes no command: {problem}") from None


def bucket(layout: Layout, secrets: Secrets) -> str | None:
    """None when the bucket is there and takes an object; makes the bucket when it is missing, and ends what
    an interrupted drill left of its fault."""
    try:
        set_fault(layout, S3Fault.NONE)
        store = client(layout, secrets)
        names = [b["Name"] for b in store.list_buckets()["Buckets"]]
        if at.S3_BUCKET not in names:
            store.create_bucket(Bucket=at.S3_BUCKET)
        # What is deleted by mistake can be brought back.
        store.put_bucket_versioning(
            Bucket=at.S3_BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        store.put_object(Bucket=at.S3_BUCKET, Key="ha-setup/probe", Body=b"probe")
        return None
    except (
        botocore.exceptions.BotoCoreError,
        botocore.exceptions.ClientError,
        ClusterError,
    ) as problem:
        return f"S3 is not ready ({type(problem).__name__})"
