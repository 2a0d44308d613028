"""S3: what the credentials may do, tried on a probe object of the doctor's own."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ha_setup.doctor.look.unlooked import Unlooked
from ha_setup.doctor.seen import Bucket, Unseen
from ha_setup.doctor.target import S3Place

CONTENT = b"written by odoo-ha doctor, which removes it again\n"


def look(place: S3Place) -> tuple[Bucket, float | None]:
    """The bucket, and how far S3's clock is ahead. Every trace of the probe is removed."""
    client = _client(place)
    name = {"Bucket": place.bucket}
    probe = {**name, "Key": f"odoo-ha-doctor/{uuid.uuid4().hex}"}
    try:
        answer = client.head_bucket(**name)
    except ClientError as problem:
        raise Unlooked(f"bucket {place.bucket}: {_said(problem)}") from None
    except BotoCoreError as problem:
        raise Unlooked(f"bucket {place.bucket}: {problem}") from None
    skew = _skew(answer)
    versions: list[str] = []

    def put(**more: Any) -> None:
        done = client.put_object(**probe, Body=CONTENT, **more)
        if done.get("VersionId") not in (None, "null"):
            versions.append(done["VersionId"])

    def get() -> None:
        if client.get_object(**probe)["Body"].read() != CONTENT:
            raise Unlooked("what was read is not what was written")

    def overwrite() -> None:
        try:
            put(IfNoneMatch="*")
        except ClientError as problem:
            if problem.response["ResponseMetadata"].get("HTTPStatusCode") in (409, 412):
                return
            raise
        raise Unlooked("it wrote over an object that was there")

    def parts() -> None:
        begun = client.create_multipart_upload(**probe)
        client.abort_multipart_upload(**probe, UploadId=begun["UploadId"])

    rights = {
        "put": _tried(lambda: put(IfNoneMatch="*")),
        "get": _tried(get),
        "conditional put": _tried(overwrite),
        "list": _tried(lambda: client.list_objects_v2(**name, Prefix="odoo-ha-doctor/", MaxKeys=1)),
        "multipart": _tried(parts),
        "delete": _tried(lambda: client.delete_object(**probe)),
    }
    for version in _versions(client, probe) or versions:
        _tried(partial(client.delete_object, **probe, VersionId=version))
    return Bucket(rights, _versioning(client, name), _expires(client, name)), skew


def _client(place: S3Place) -> Any:
    keys = {}
    if place.login is not None:
        keys = {
            "aws_access_key_id": place.login.user,
            "aws_secret_access_key": place.login.password,
        }
    style: Any = {"addressing_style": place.addressing_style}
    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"total_max_attempts": 2, "mode": "standard"},
        s3=style,
    )
    session: Any = boto3.session.Session()
    return session.client(
        "s3", endpoint_url=place.endpoint, region_name=place.region, config=config, **keys
    )


def _tried(action: Callable[[], object]) -> str | None:
    try:
        action()
    except ClientError as problem:
        return _said(problem)
    except (BotoCoreError, Unlooked) as problem:
        return str(problem)
    return None


def _said(problem: ClientError) -> str:
    error = problem.response.get("Error", {})
    return f"{error.get('Code', 'error')} {error.get('Message', '')}".strip()


def _skew(answer: dict[str, Any]) -> float | None:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not date:
        return None
    # The header has whole seconds: the middle of that second.
    told = parsedate_to_datetime(date).timestamp() + 0.5
    return told - datetime.now(UTC).timestamp()


def _versions(client: Any, probe: dict[str, str]) -> list[str]:
    try:
        told = client.list_object_versions(Bucket=probe["Bucket"], Prefix=probe["Key"])
    except (ClientError, BotoCoreError):
        return []
    both = [*told.get("Versions", ()), *told.get("DeleteMarkers", ())]
    return [each["VersionId"] for each in both if each.get("VersionId") not in (None, "null")]


def _versioning(client: Any, name: dict[str, str]) -> str | Unseen:
    try:
        return str(client.get_bucket_versioning(**name).get("Status") or "Off")
    except (ClientError, BotoCoreError) as problem:
        return Unseen(_said(problem) if isinstance(problem, ClientError) else str(problem))


def _expires(client: Any, name: dict[str, str]) -> bool | Unseen:
    try:
        rules = client.get_bucket_lifecycle_configuration(**name).get("Rules", ())
    except ClientError as problem:
        if "NoSuchLifecycleConfiguration" in _said(problem):
            return False
        return Unseen(_said(problem))
    except BotoCoreError as problem:
        return Unseen(str(problem))
    return any("NoncurrentVersionExpiration" in rule for rule in rules)
