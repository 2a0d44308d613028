"""Contents on their way out of S3: verified, from whichever service has them intact."""

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, IncompleteReadError

from .cache import Cache
from .errors import ObjectDamaged, StorageUnavailable
from .location import Location
from .store import SILENT, Store, is_missing

_logger = logging.getLogger(__name__)

#: Bytes that are read at once.
CHUNK = 256 << 10

_CUT = (*SILENT, IncompleteReadError)


class _Missing(ObjectDamaged):
    """There is no such object."""


@dataclass(frozen=True)
class Source:
    """A service, and the bucket where it keeps the object."""

    store: Store
    bucket: str


def whole(sources: Sequence[Source], location: Location) -> bytes:
    """The verified content, from the first source that has it.

    :raises StorageUnavailable: when one that may have it does not answer, or not completely
    :raises ObjectDamaged: when each of them answered and none has it intact
    """
    unavailable: StorageUnavailable | None = None
    for source in sources:
        for _look in range(2):  # the transfer may have damaged it; a second look tells
            try:
                with Download([source], location) as download:
                    content = io.BytesIO()
                    for piece in download:
                        content.write(piece)
                    return content.getvalue()
            except StorageUnavailable as error:
                unavailable = error
                break
            except _Missing:
                break
            except ObjectDamaged as error:
                _logger.info("%s came damaged: %s", location.store_fname, error)
    raise unavailable or ObjectDamaged()


class Download:
    """The content, or a part of it, in pieces. It is asked for here, so errors come early.

    A transfer that is cut goes on where it was, from the same source or from the next one. The
    last piece of a whole content comes when all of it was verified.

    :param size: of the whole content, where it is known
    :param stop: where a part ends; None: the whole content is wanted
    :param cache: takes a copy of a whole content, where it fits
    """

    def __init__(
        self,
        sources: Sequence[Source],
        location: Location,
        size: int | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._sources = list(sources)
        self._location = location
        self._size = size
        self._at = start
        self._stop = stop
        self._stuck = 0
        self._body: Any = None
        self._held = b""
        self._verified = False
        self._digest = hashlib.sha256()
        self._unavailable: StorageUnavailable | None = None
        self._open()
        self._copy = cache.begin(location.sha256, size) if cache and size else None

    def __enter__(self) -> "Download":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; what was not read to its end is kept nowhere."""
        if self._body is not None:
            self._body.close()
            self._body = None
        if self._copy:
            self._copy.discard()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._stop is not None:
            return self._next_of_part()
        while True:
            piece = self._read()
            held, self._held = self._held, piece
            if piece:
                self._digest.update(piece)
                if self._copy:
                    self._copy.write(piece)
            elif not self._verified:
                self._verify()
            if held:
                return held
            if not piece:
                raise StopIteration

    def _next_of_part(self) -> bytes:
        piece = self._read()
        if piece:
            return piece
        if self._at != self._stop:
            _logger.error("S3 sent too little of %s", self._location.store_fname)
            raise StorageUnavailable
        raise StopIteration

    def _verify(self) -> None:
        if self._digest.hexdigest() != self._location.sha256:
            _logger.error(
                "The object %s in S3 is damaged: its SHA-256 isn't the one in its name",
                self._location.store_fname,
            )
            raise ObjectDamaged
        self._verified = True
        if self._copy:
            self._copy.keep()

    def _read(self) -> bytes:
        """The next bytes; none at the end.

        :raises StorageUnavailable: when no source goes on
        """
        while True:
            try:
                piece: bytes = self._body.read(CHUNK)
            except _CUT as error:
                store = self._sources[0].store
                self._stuck += 1
                _logger.info("Reading %s again: %s", self._location.store_fname, error)
                if self._stuck >= store.attempts:
                    _logger.error("S3 can't read %s: %s", self._location.store_fname, error)
                    self._unavailable = StorageUnavailable()
                    self._sources.pop(0)
                    self._stuck = 0
                self._open()
                continue
            if piece:
                self._stuck = 0
                self._at += len(piece)
            return piece

    def _open(self) -> None:
        """Ask the first source that has it for what is still to be read."""
        if self._body is not None:
            self._body.close()
            self._body = None
        while self._sources:
            try:
                self._body = self._ask(self._sources[0])
                return
            except StorageUnavailable as error:
                self._unavailable = error
            except ObjectDamaged as error:
                if len(self._sources) == 1 and self._unavailable is None:
                    raise error
            self._sources.pop(0)
        raise self._unavailable or _Missing()

    def _ask(self, source: Source) -> Any:
        request = {"Bucket": source.bucket, "Key": self._location.key}
        if self._at or self._stop is not None:
            last = "" if self._stop is None else self._stop - 1
            request["Range"] = f"bytes={self._at}-{last}"
        name = self._location.store_fname
        try:
            answer = source.store.call(
                "read", self._location, lambda: source.store.client.get_object(**request)
            )
        except ClientError as error:
            if is_missing(error):
                _logger.error("The object %s is missing in S3", name)
                raise _Missing from error
            raise source.store.refused("read", self._location, error) from error
        whole_size = answer["ContentLength"]
        if "Range" in request:
            whole_size = int(answer.get("ContentRange", "/-1").rpartition("/")[2])
        if self._size is not None and whole_size != self._size:
            answer["Body"].close()
            _logger.error(
                "The object %s in S3 is damaged: it has %d bytes and not %d",
                name,
                whole_size,
                self._size,
            )
            raise ObjectDamaged
        return answer["Body"]
