"""What a node's keeper knows, for all processes of the node: a board in shared memory.

Each pool of a database has a place by the hash of its name. Two that share one overwrite each
other: whoever reads the other's finds nothing and asks the keeper. A checksum tells a record that
was read while it was written. Times are seconds of CLOCK_MONOTONIC, one for all processes.

It is made before the fork. Pure.
"""

import hashlib
import mmap
import struct
import zlib
from dataclasses import dataclass

_PLACES = 8192
_RECORD = struct.Struct("=16sddqBI")
_FLAGS = struct.Struct("=B")
_ABSENT, _YIELDS = 1, 2
_HEAD = struct.Struct("=II")
_FACTS = _FLAGS.size + _PLACES * _RECORD.size
_FACTS_SIZE = 1 << 16


@dataclass(frozen=True)
class Note:
    """What the keeper says of one pool of one database.

    :param token: the grant; 0 where this node leads nothing
    :param runs_until: until when jobs may be started
    :param good_until: until when this note is to be believed; a keeper that ended can't renew it
    :param absent: the database has no leases, every node runs jobs
    :param yields: the pool shall be handed over: jobs under way had better end soon
    """

    token: int
    runs_until: float
    good_until: float
    absent: bool = False
    yields: bool = False


class Board:
    """Written by one process of the node, read by all."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _FACTS + _HEAD.size + _FACTS_SIZE)

    def close(self) -> None:
        """For tests; a server keeps it to its end."""
        self._memory.close()

    @property
    def leaving(self) -> bool:
        """Is the node about to end? Then it takes no lease any more."""
        return self._memory[0] != 0

    def leave(self) -> None:
        """The node is about to end."""
        self._memory[0] = 1

    def put(self, database: str, pool: str, note: Note) -> None:
        """Show ``note``."""
        digest, offset = _place(database, pool)
        flags = _ABSENT * note.absent | _YIELDS * note.yields
        values = (digest, note.runs_until, note.good_until, note.token, flags)
        checksum = zlib.crc32(_RECORD.pack(*values, 0))
        _RECORD.pack_into(self._memory, offset, *values, checksum)

    def get(self, database: str, pool: str, now: float) -> Note | None:
        """The note, if it is there, whole and good."""
        digest, offset = _place(database, pool)
        found = _RECORD.unpack_from(self._memory, offset)
        if found[0] != digest or zlib.crc32(_RECORD.pack(*found[:-1], 0)) != found[-1]:
            return None
        _, runs_until, good_until, token, flags, _ = found
        if now >= good_until:
            return None
        return Note(token, runs_until, good_until, bool(flags & _ABSENT), bool(flags & _YIELDS))

    def put_facts(self, text: bytes) -> None:
        """Show what else the keeper knows; what is too long is not shown."""
        if len(text) <= _FACTS_SIZE:
            start = _FACTS + _HEAD.size
            self._memory[start : start + len(text)] = text
            _HEAD.pack_into(self._memory, _FACTS, len(text), zlib.crc32(text))

    def facts(self) -> bytes:
        """What the keeper showed last; empty when nothing, or while it is written."""
        length, checksum = _HEAD.unpack_from(self._memory, _FACTS)
        start = _FACTS + _HEAD.size
        text = self._memory[start : start + min(length, _FACTS_SIZE)]
        return text if zlib.crc32(text) == checksum else b""


def _place(database: str, pool: str) -> tuple[bytes, int]:
    digest = hashlib.blake2b(f"{pool}\0{database}".encode(), digest_size=16).digest()
    number = int.from_bytes(digest[:4], "little") % _PLACES
    return digest, _FLAGS.size + number * _RECORD.size
