"""Where an object lies, and how ``store_fname`` says it. Pure.

``s3://<bucket>/<prefix>/<2 hexadecimals>/<SHA-256 of the content>``. The name says what the
content must be, so each read can be verified, and equal contents are one object.
"""

import hashlib
import re
from dataclasses import dataclass

SCHEME = "s3://"

_NAME = re.compile(r"s3://([a-z0-9][a-z0-9.-]+)/((?:[^/]+/)+[0-9a-f]{2}/([0-9a-f]{64}))")


@dataclass(frozen=True)
class Location:
    """One object."""

    bucket: str
    key: str
    sha256: str

    @property
    def store_fname(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    def holds(self, content: bytes) -> bool:
        """Whether ``content`` is what was stored here."""
        return hashlib.sha256(content).hexdigest() == self.sha256


def is_remote(store_fname: object) -> bool:
    """Whether this ``store_fname`` is an object in S3 (else it is a file of the filestore)."""
    return isinstance(store_fname, str) and store_fname.startswith(SCHEME)


def parse(store_fname: str) -> Location:
    """
    :raises ValueError: when it is no name that :func:`locate` gives
    """
    match = _NAME.fullmatch(store_fname)
    if not match or ".." in store_fname:
        raise ValueError(f"{store_fname!r} names no object in S3")
    return Location(*match.groups())


def locate(content: bytes, bucket: str, prefix: str) -> Location:
    """Where this content belongs."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Location(bucket, f"{prefix}/{sha256[:2]}/{sha256}", sha256)


def prefix_of(template: str, db: str, uuid: str) -> str:
    """The setting ``s3_prefix`` for one database."""
    return template.format(db=db, uuid=uuid)
