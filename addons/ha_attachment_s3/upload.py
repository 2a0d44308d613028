"""Contents on their way into S3: in one piece, or in parts that go at the same time."""

import base64
import hashlib
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from .errors import StorageUnavailable
from .location import Location
from .settings import Settings
from .store import Store, status_of

#: Above this a content goes in parts; the bytes of each.
LARGE = 32 << 20
_PART = 8 << 20
#: S3 allows ten thousand.
_PARTS = 9_000

Each = Callable[[Collection[Callable[[], Any]]], list[Any]]


class Upload:
    """
    :param each: performs tasks several at once and returns their outcomes in order
    """

    def __init__(self, store: Store, settings: Settings, each: Each) -> None:
        self._store = store
        self._each = each
        self._conditional = True
        self._how: dict[str, str] = {}
        if settings.s3_encryption != "none":
            self._how["ServerSideEncryption"] = settings.s3_encryption
        if settings.s3_kms_key:
            self._how["SSEKMSKeyId"] = settings.s3_kms_key
        if settings.s3_storage_class:
            self._how["StorageClass"] = settings.s3_storage_class

    def put(self, location: Location, content: bytes) -> None:
        """Store ``content``, unless it is there already; S3 verifies it on arrival.

        :raises StorageUnavailable: when it is not certain that it is stored
        """
        if len(content) > LARGE:
            self._in_parts(location, content)
            return
        request = {
            "Bucket": location.bucket,
            "Key": location.key,
            "Body": content,
            "ChecksumSHA256": base64.b64encode(bytes.fromhex(location.sha256)).decode(),
            **self._how,
        }
        self._unless_there(location, self._store.client.put_object, request)

    def _unless_there(self, location: Location, send: Any, request: dict[str, Any]) -> bool:
        """Send it. Whether it was needed: where an object is, it is this content's."""
        condition = {"IfNoneMatch": "*"} if self._conditional else {}
        try:
            self._store.call("write", location, lambda: send(**request, **condition))
        except ClientError as error:
            if status_of(error) == 412:
                return False
            if status_of(error) not in (409, 501) or not condition:
                raise self._store.refused("write", location, error) from error
            # 409: another writes or deletes it at this moment. 501: the service does not know
            # conditional writes. To write the same again is safe.
            self._conditional = status_of(error) == 409
            try:
                self._store.call("write", location, lambda: send(**request))
            except ClientError as again:
                raise self._store.refused("write", location, again) from again
        return True

    def _in_parts(self, location: Location, content: bytes) -> None:
        client = self._store.client
        place = {"Bucket": location.bucket, "Key": location.key}
        try:
            begun = self._store.call(
                "write",
                location,
                lambda: client.create_multipart_upload(
                    **place, ChecksumAlgorithm="SHA256", **self._how
                ),
            )
        except ClientError as error:
            raise self._store.refused("write", location, error) from error
        upload = {**place, "UploadId": begun["UploadId"]}
        length = max(_PART, -(-len(content) // _PARTS))

        def send(number: int, start: int) -> dict[str, Any]:
            part = content[start : start + length]
            digest = base64.b64encode(hashlib.sha256(part).digest()).decode()
            request = {"PartNumber": number, "Body": part, "ChecksumSHA256": digest}
            try:
                answer = self._store.call(
                    "write", location, lambda: client.upload_part(**upload, **request)
                )
            except ClientError as error:
                raise self._store.refused("write", location, error) from error
            return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest}

        finished = False
        try:
            parts = self._each(
                [
                    lambda number=number, start=start: send(number, start)
                    for number, start in enumerate(range(0, len(content), length), 1)
                ]
            )
            finished = self._unless_there(
                location,
                client.complete_multipart_upload,
                {**upload, "MultipartUpload": {"Parts": parts}},
            )
        finally:
            if not finished:
                # What is left of it costs space; a rule of the bucket removes it where this
                # can't.
                with suppress(ClientError, StorageUnavailable):
                    self._store.call(
                        "write", location, lambda: client.abort_multipart_upload(**upload)
                    )
