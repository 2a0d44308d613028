"""The bucket in S3."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from ha_setup.cluster import layout as at
from ha_setup.cluster.layout import Layout
from ha_setup.cluster.secrets import Secrets


def client(layout: Layout, secrets: Secrets) -> Any:
    """A boto3 client that gives up quickly and ignores this machine's own AWS settings."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=layout.s3_url,
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


def bucket(layout: Layout, secrets: Secrets) -> str | None:
    """None when the bucket is there and takes an object; makes the bucket when it is missing."""
    try:
        store = client(layout, secrets)
        names = [b["Name"] for b in store.list_buckets()["Buckets"]]
        if at.S3_BUCKET not in names:
            store.create_bucket(Bucket=at.S3_BUCKET)
        store.put_object(Bucket=at.S3_BUCKET, Key="ha-setup/probe", Body=b"probe")
        return None
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as problem:
        return f"S3 is not ready ({type(problem).__name__})"
