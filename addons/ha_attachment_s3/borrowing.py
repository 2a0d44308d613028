"""Says in the bucket which objects of other databases this one uses, and reads what others say."""

import datetime
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .bucket import bucket
from .errors import StorageUnavailable
from .ownership import BORROWED_FOR, BORROWERS, borrowed

_logger = logging.getLogger(__name__)


def declare(names: Iterable[str], owner: str) -> dict[tuple[str, str], list[str]]:
    """Tell the owners of these objects that they are used here; return what was told to whom.

    :raises StorageUnavailable: when it is not certain that it was said
    """
    found = borrowed(names, owner)
    for (bucket_name, prefix), keys in found.items():
        key = f"{prefix}/{BORROWERS}/{owner}"
        _ask(partial(_write, body="\n".join(keys).encode()), bucket_name, key)
    return found


def borrowed_from(bucket_name: str, prefix: str) -> set[str]:
    """The names of the objects below this prefix that other databases use.

    :raises StorageUnavailable: when that isn't known
    """
    names: set[str] = set()
    oldest = datetime.datetime.now(datetime.UTC) - BORROWED_FOR
    for entry in objects(bucket_name, f"{prefix}/{BORROWERS}/"):
        if entry["LastModified"] >= oldest:
            body = _ask(_read, bucket_name, entry["Key"]).decode()
            names.update(f"s3://{bucket_name}/{prefix}/{name}" for name in body.split("\n"))
    return names


def objects(bucket_name: str, prefix: str) -> Iterator[dict[str, Any]]:
    """What S3 lists below ``prefix``, in the order of the keys.

    :raises StorageUnavailable: when S3 does not answer
    """
    after: dict[str, str] = {}
    while True:
        answer = _ask(
            lambda client, name, below, after=after: client.list_objects_v2(
                Bucket=name, Prefix=below, **after
            ),
            bucket_name,
            prefix,
        )
        yield from answer.get("Contents", ())
        if not answer.get("IsTruncated"):
            return
        after = {"ContinuationToken": answer["NextContinuationToken"]}


def _at(bucket_name: str, key: str) -> dict[str, str]:
    return {"Bucket": bucket_name, "Key": key}


def _write(client: Any, bucket_name: str, key: str, body: bytes) -> None:
    client.put_object(**_at(bucket_name, key), Body=body)


def _read(client: Any, bucket_name: str, key: str) -> bytes:
    with client.get_object(**_at(bucket_name, key))["Body"] as body:
        content: bytes = body.read()
        return content


def _ask(request: Callable[..., Any], bucket_name: str, key: str) -> Any:
    """:raises StorageUnavailable: when there was no good answer"""
    try:
        return request(bucket().client, bucket_name, key)
    except (BotoCoreError, ClientError) as error:
        _logger.error("S3 does not answer for s3://%s/%s: %s", bucket_name, key, error)
        raise StorageUnavailable from error
