"""Compares what lies in S3 with what was acknowledged: the nodes' caches could hide what is missing there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import botocore.exceptions
from psycopg2.extensions import connection as Connection  # noqa: N812

from ha_setup.cluster import Cluster, object_store
from ha_setup.drill.person import attachment_content


def wrong_objects(
    cluster: Cluster, connect: Callable[[], Connection], tokens: Iterable[str]
) -> list[str]:
    """Those of these acknowledged attachments whose object in S3 is missing, or is not what was written."""
    store = object_store.client(cluster.layout, cluster.secrets)
    wrong = []
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, store_fname FROM ir_attachment WHERE name = ANY(%s)", (list(tokens),)
        )
        for token, place in cursor.fetchall():
            bucket, _, key = str(place).removeprefix("s3://").partition("/")
            try:
                with store.get_object(Bucket=bucket, Key=key)["Body"] as body:
                    found = body.read()
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                found = None
            if found != attachment_content(token):
                wrong.append(token)
    return wrong
