"""Whose turn it is, of a node's processes: the kernel frees it with the process that has it."""

import fcntl
import os
import threading

from .shared import own_way_to


class Turn:
    """For any thread of any process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._forget_parent()

    def _forget_parent(self) -> None:
        self._pid, self._lock, self._mine = os.getpid(), threading.Lock(), -1

    def is_mine(self) -> bool:
        """Has this process it?"""
        return self._pid == os.getpid() and self._mine >= 0

    def take(self) -> bool:
        """Take it, unless it is taken already, be it by this process."""
        if self._pid != os.getpid():
            self._forget_parent()
        with self._lock:
            if self._mine >= 0:
                return False
            mine = os.open(own_way_to(self._descriptor), os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(mine)
                return False
            self._mine = mine
            return True
