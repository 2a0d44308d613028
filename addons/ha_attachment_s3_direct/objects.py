"""Signed links, and what the server itself does with directly uploaded files."""

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from odoo.addons.ha_attachment_s3.bucket import bucket, connect
from odoo.addons.ha_attachment_s3.errors import StorageUnavailable
from odoo.addons.ha_attachment_s3.settings import Settings
from odoo.addons.ha_attachment_s3.store import is_missing
from odoo.addons.ha_base.settings import current
from werkzeug.exceptions import NotFound

from .direct_name import DirectName
from .disposition import content_disposition

_logger = logging.getLogger(__name__)

T = TypeVar("T")

_lock = threading.Lock()
_signing: tuple[Settings, Any] | None = None


class UploadMissing(NotFound):
    """There is an attachment, and its file never arrived in the bucket."""

    def __init__(self) -> None:
        super().__init__(
            description="This file is not in the file storage: its upload was never finished. "
            "Please delete it and upload it again."
        )


def sign_upload(name: DirectName, mimetype: str, seconds: int) -> str:
    """A link that takes one PUT: of this type, and of the size in the name where one is there."""
    bound = {"ContentType": mimetype} | ({"ContentLength": name.size} if name.size else {})
    return _sign("put_object", name, seconds, bound)


def sign_download(
    name: DirectName, seconds: int, *, filename: str, mimetype: str, download: bool
) -> str:
    """A link under which the file is served with this name and type."""
    said = {
        "ResponseContentType": mimetype,
        "ResponseContentDisposition": content_disposition(filename, mimetype, download=download),
    }
    return _sign("get_object", name, seconds, said)


def size_of(name: DirectName) -> int:
    """The size in bytes of what is there.

    :raises UploadMissing: when nothing is there
    :raises StorageUnavailable: when S3 does not answer
    """
    answer = _ask("read", name, lambda client: client.head_object(Bucket=name.bucket, Key=name.key))
    return int(answer["ContentLength"])


def read(name: DirectName) -> bytes:
    """The whole content; errors as for :func:`size_of`."""

    def get(client: Any) -> bytes:
        with client.get_object(Bucket=name.bucket, Key=name.key)["Body"] as body:
            return body.read()

    return _ask("read", name, get)


def delete(name: DirectName) -> None:
    """That it isn't there is fine.

    :raises StorageUnavailable: when it is not certain that it is gone
    """
    _ask("delete", name, lambda client: client.delete_object(Bucket=name.bucket, Key=name.key))


def _sign(operation: str, name: DirectName, seconds: int, parameters: dict[str, Any]) -> str:
    """Nothing is sent: this is arithmetic with the secret key, which is not in the link."""
    return _signing_client().generate_presigned_url(
        operation,
        Params={"Bucket": name.bucket, "Key": name.key, **parameters},
        ExpiresIn=seconds,
    )


def _signing_client() -> Any:
    """Links name the address by which browsers reach S3. It has no connections that a fork could share."""
    global _signing
    settings = current(Settings)
    with _lock:
        if _signing is None or _signing[0] is not settings:
            address = settings.s3_public_endpoint_url or settings.s3_endpoint_url
            _signing = settings, connect(settings, address)
        return _signing[1]


def _ask(verb: str, name: DirectName, request: Callable[[Any], T]) -> T:
    try:
        return bucket().ask(verb, name, request)
    except ClientError as error:
        if is_missing(error):
            _logger.warning("%s is not there: its upload was never finished", name.url)
            raise UploadMissing from error
        _logger.error("S3 refuses to %s %s: %s", verb, name.url, error)
        raise StorageUnavailable from error
