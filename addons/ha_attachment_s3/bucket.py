"""One S3 client a process, and the one place where its failures are met."""

import base64
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from odoo.addons.ha_base.settings import current
from odoo.tools import config

from .cache import Cache
from .errors import ObjectDamaged, StorageUnavailable
from .location import Location
from .settings import Settings

_logger = logging.getLogger(__name__)

T = TypeVar("T")

_lock = threading.Lock()
_bucket: "Bucket | None" = None


def bucket() -> "Bucket":
    """This process's bucket. A fork gets its own: sockets must not be shared."""
    global _bucket
    settings = current(Settings)
    with _lock:  # making a boto3 client isn't thread-safe, using it is
        if _bucket is None or _bucket.settings is not settings or _bucket.pid != os.getpid():
            _bucket = Bucket(settings)
        return _bucket


class Bucket:
    """Reads and writes whole objects, verified. Every failure is an error, never no content."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self._conditional = True
        directory = settings.s3_cache_directory or os.path.join(
            config["data_dir"], "ha_attachment_cache"
        )
        self._cache = Cache(Path(directory), settings.s3_cache_size)
        self._client = connect(settings, settings.s3_endpoint_url)

    def put(self, location: Location, content: bytes) -> None:
        """Store ``content``, unless it is there already; S3 verifies it on arrival.

        :raises StorageUnavailable: when it is not certain that it is stored
        """
        request = {
            "Bucket": location.bucket,
            "Key": location.key,
            "Body": content,
            "ChecksumSHA256": base64.b64encode(bytes.fromhex(location.sha256)).decode(),
        }
        if self._conditional:
            request["IfNoneMatch"] = "*"
        try:
            self._call("write", location, lambda: self._client.put_object(**request))
        except ClientError as error:
            if _status(error) == 501:
                # A service that does not know conditional writes. Writing the same again is safe.
                self._conditional = False
                self.put(location, content)
                return
            if _status(error) != 412:
                raise self._refused("write", location, error) from error
            # It is there: the name is the content's.
        self._cache.keep(location.sha256, content)

    def get(self, location: Location) -> bytes:
        """The verified content.

        :raises StorageUnavailable: when S3 does not answer, or not completely
        :raises ObjectDamaged: when the object is missing or isn't what was stored
        """
        kept = self._cache.find(location.sha256)
        if kept is not None:
            return kept
        try:
            content = self._read(location)
            if not location.holds(content):
                # The transfer may have damaged it; a second look tells.
                content = self._read(location)
        except ClientError as error:
            if _status(error) == 404 and error.response["Error"]["Code"] != "NoSuchBucket":
                _logger.error("The object %s is missing in S3", location.store_fname)
                raise ObjectDamaged from error
            raise self._refused("read", location, error) from error
        if not location.holds(content):
            _logger.error(
                "The object %s in S3 is damaged: its SHA-256 isn't the one in its name",
                location.store_fname,
            )
            raise ObjectDamaged
        self._cache.keep(location.sha256, content)
        return content

    def has(self, location: Location, size: int) -> bool:
        """Whether an object of this size is stored there.

        :raises StorageUnavailable: when S3 does not answer
        """
        request = {"Bucket": location.bucket, "Key": location.key}
        try:
            answer = self._call("read", location, lambda: self._client.head_object(**request))
        except ClientError as error:
            if _status(error) == 404:
                return False
            raise self._refused("read", location, error) from error
        return answer["ContentLength"] == size

    def delete(self, location: Location) -> None:
        """Delete the object; that it isn't there is fine.

        :raises StorageUnavailable: when it is not certain that it is gone
        """
        request = {"Bucket": location.bucket, "Key": location.key}
        try:
            self._call("delete", location, lambda: self._client.delete_object(**request))
        except ClientError as error:
            raise self._refused("delete", location, error) from error
        self._cache.remove(location.sha256)

    def _read(self, location: Location) -> bytes:
        def read() -> bytes:
            answer = self._client.get_object(Bucket=location.bucket, Key=location.key)
            with answer["Body"] as body:
                return body.read()

        def read_whole() -> bytes:
            # boto3 retries the request, but not a body that ends too early.
            for _attempt in range(self.settings.s3_attempts - 1):
                try:
                    return read()
                except HTTPClientError as error:
                    _logger.info("Reading %s again: %s", location.store_fname, error)
            return read()

        return self._call("read", location, read_whole)

    def _call(self, verb: str, location: Location, request: Callable[[], T]) -> T:
        """:raises ClientError: when S3 answered with an error"""
        try:
            return request()
        except BotoCoreError as error:
            _logger.error("S3 can't %s %s: %s", verb, location.store_fname, error)
            raise StorageUnavailable from error

    def _refused(self, verb: str, location: Location, error: Any) -> StorageUnavailable:
        _logger.error(
            "S3 refuses to %s %s (check s3_bucket, s3_access_key and the bucket's policy): %s",
            verb,
            location.store_fname,
            error,
        )
        return StorageUnavailable()


def connect(settings: Settings, endpoint_url: str | None) -> Any:
    """A boto3 client; nothing is sent yet. Making one isn't thread-safe, using it is."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=Config(
            connect_timeout=settings.s3_connect_timeout,
            read_timeout=settings.s3_timeout,
            retries={"mode": "standard", "total_max_attempts": settings.s3_attempts},
            s3={"addressing_style": settings.s3_addressing_style},
            signature_version="s3v4",
            tcp_keepalive=True,
            # Checksums are given and verified here; services other than Amazon's may
            # not know those that boto3 would add by itself.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
