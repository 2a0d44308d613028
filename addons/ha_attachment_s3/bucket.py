"""Objects in S3, one of these a process: whole and verified, or an error; never no content."""

import io
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from odoo.addons.ha_base.settings import current
from odoo.tools import config

from .cache import Cache
from .download import CHUNK, Download, Source, whole
from .errors import StorageUnavailable
from .location import Location
from .settings import Settings
from .store import Store, client_of, status_of
from .upload import LARGE, Upload

_logger = logging.getLogger(__name__)

#: Up to this size a content is read before the first byte is sent: its errors have a status.
WHOLE = 4 << 20

T = TypeVar("T")

_lock = threading.Lock()
_bucket: "Bucket | None" = None


def bucket() -> "Bucket":
    """This process's bucket. A fork gets its own: sockets must not be shared."""
    global _bucket
    settings = current(Settings)
    with _lock:  # making a boto3 client isn't thread-safe, using it is
        if _bucket is None or _bucket.settings is not settings or _bucket.pid != os.getpid():
            if _bucket and _bucket.pid == os.getpid():
                _bucket.end_threads()
            _bucket = Bucket(settings)
        return _bucket


def connect(settings: Settings, endpoint_url: str | None) -> Any:
    """A boto3 client of the first service, by another address."""
    service = replace(settings.service, endpoint_url=endpoint_url)
    return client_of(service, settings, settings.s3_attempts)


class Bucket:
    """Safe for threads. What is read comes from the cache of the node, else from S3, else from
    the replica; what is written goes to S3 alone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pid = os.getpid()
        directory = settings.s3_cache_directory or os.path.join(
            config["data_dir"], "ha_attachment_cache"
        )
        self._cache = Cache(Path(directory), settings.s3_cache_size)
        self._store = Store(settings, settings.service)
        replica = settings.replica
        self._replica = Store(settings, replica) if replica else None
        self._pool: ThreadPoolExecutor | None = None
        # By the address that browsers use; nginx is on Odoo's side.
        public = settings.s3_public_endpoint_url if settings.s3_serve == "redirect" else None
        self._signing = connect(settings, public) if public else self._store.client
        self._upload = Upload(self._store, settings, self._each)

    @property
    def client(self) -> Any:
        """The boto3 client of the first service, for what isn't done here."""
        return self._store.client

    def ask(self, verb: str, location: Any, request: Callable[[Any], T]) -> T:
        """One operation of another addon's, with the client; the errors are those of Store.call.

        :param location: for the log; what has a ``store_fname``
        """
        return self._store.call(verb, location, lambda: request(self.client))

    # -- writing

    def put(self, location: Location, content: bytes, *, keep: bool = True) -> None:
        """Store ``content``, unless it is there already; S3 verifies it on arrival.

        :param keep: have this node's cache keep it, too
        :raises StorageUnavailable: when it is not certain that it is stored
        """
        self._upload.put(location, content)
        if keep:
            self._cache.keep(location.sha256, content)

    def restore(self, location: Location, content: bytes) -> None:
        """Store ``content`` in place of an object that is missing or damaged.

        :raises StorageUnavailable: when it is not certain that it is stored
        """
        self.delete(location)
        self.put(location, content)

    def put_all(self, contents: Collection[tuple[Location, bytes]]) -> None:
        """Store them, several at once. All were tried when this ends.

        :raises StorageUnavailable: when it is not certain that all are stored
        """
        small = [pair for pair in contents if len(pair[1]) <= LARGE]
        if len(small) > 1:
            self._each([lambda pair=pair: self.put(*pair) for pair in small])
            small = []
        # The parts of a large one go several at once already, in the same threads.
        for location, content in [*small, *(pair for pair in contents if len(pair[1]) > LARGE)]:
            self.put(location, content)

    def begin(self, location: Location, content: bytes) -> "Future[None]":
        """:meth:`put` in a thread; its outcome, or the error it ended with."""
        return self._threads().submit(self.put, location, content)

    def _each(self, tasks: Collection[Any]) -> list[Any]:
        """Their outcomes, in order; the first error once all have ended."""
        futures = [self._threads().submit(task) for task in tasks]
        errors = [error for error in [future.exception() for future in futures] if error]
        if errors:
            raise errors[0]
        return [future.result() for future in futures]

    def _threads(self) -> ThreadPoolExecutor:
        with _lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    self.settings.s3_parallel, thread_name_prefix="ha_attachment_s3"
                )
        return self._pool

    def end_threads(self) -> None:
        """Let them end when they have done what they were told to; nobody is to give them more."""
        if self._pool:
            self._pool.shutdown(wait=False)

    def delete(self, location: Location) -> None:
        """Delete the object; that it isn't there is fine.

        :raises StorageUnavailable: when it is not certain that it is gone
        """
        request = {"Bucket": location.bucket, "Key": location.key}
        try:
            self._store.call("delete", location, lambda: self.client.delete_object(**request))
        except ClientError as error:
            raise self._store.refused("delete", location, error) from error
        self._cache.remove(location.sha256)

    # -- reading

    def has(self, location: Location, size: int) -> bool:
        """Whether an object of this size is stored there.

        :raises StorageUnavailable: when S3 does not answer
        """
        request = {"Bucket": location.bucket, "Key": location.key}
        try:
            answer = self._store.call("read", location, lambda: self.client.head_object(**request))
        except ClientError as error:
            if status_of(error) == 404:
                return False
            raise self._store.refused("read", location, error) from error
        return answer["ContentLength"] == size

    def get(self, location: Location) -> bytes:
        """The verified content.

        :raises StorageUnavailable: when S3 does not answer, or not completely
        :raises ObjectDamaged: when the object is missing or isn't what was stored
        """
        kept = self._cache.find(location.sha256)
        if kept is not None:
            return kept
        content = whole(self._sources(location), location)
        self._cache.keep(location.sha256, content)
        return content

    def open(self, location: Location, size: int, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop`` of an object of ``size`` bytes, in pieces.

        S3 is asked before this returns. The last piece of a whole content comes after the whole
        was verified: a damaged one raises before. So does a part of what fits into the cache,
        where it is brought in first; a part of what doesn't is as long as was asked for, and
        that is all that is known. To be closed; the errors are those of :meth:`get`.
        """
        kept = self._cache.open(location.sha256)
        if kept is None and size <= WHOLE:
            kept = io.BytesIO(self.get(location))
        if kept is None:
            if (start, stop) == (0, size):
                return Download(self._sources(location), location, size, cache=self._cache)
            if self._cache.fits(size):
                with Download(self._sources(location), location, size, cache=self._cache) as filled:
                    for _piece in filled:
                        pass
                kept = self._cache.open(location.sha256)
        if kept is None:
            return Download(self._sources(location), location, size, start=start, stop=stop)
        return _Part(kept, start, stop)

    def look(self, location: Location) -> bytes:
        """As :meth:`get`, but what lies in S3 itself: not in the cache, not in the replica."""
        return whole([Source(self._store, location.bucket)], location)

    def _sources(self, location: Location) -> list[Source]:

        sources = [Source(self._store, location.bucket)]
        if self._replica:
            bucket_name = self.settings.s3_replica_bucket or location.bucket
            sources.append(Source(self._replica, bucket_name))
        return sources

    # -- for others to read

    @property
    def away(self) -> bool:
        """Whether the first service was silent and hasn't answered since."""
        return self._store.away

    def presigned_url(self, location: Location, **response: str) -> str:
        """An address from which anybody can GET the object for ``s3_url_lifetime``.

        :param response: what S3 shall say: ``ResponseContentType``, ``…Disposition`` and others
        :raises StorageUnavailable: when there is nothing to sign with, or S3 is away
        """
        request = {"Bucket": location.bucket, "Key": location.key, **response}
        lifetime = int(self.settings.s3_url_lifetime)
        return self._store.call(
            "sign an address of",
            location,
            lambda: self._signing.generate_presigned_url(
                "get_object", Params=request, ExpiresIn=lifetime
            ),
        )


class _Part:
    """A part of a file that is open, in pieces."""

    def __init__(self, file: Any, start: int, stop: int) -> None:
        self._file = file
        self._left = stop - start
        file.seek(start)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(min(CHUNK, self._left))
        if not piece:
            if self._left:
                raise StorageUnavailable  # the file became shorter: never a complete answer
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()
