"""The address space that threads cost.

Odoo counts a worker's address space, not its memory: a worker beyond ``limit_memory_soft`` ends after
its request, and nothing is allocated beyond ``limit_memory_hard``. The C library reserves 64 MB of it for
nearly each new thread (up to eight times the machine's cores), so that a worker with the few threads of
the suite would look like one that leaks.
"""

import ctypes
import os

#: glibc's ``M_ARENA_MAX`` (malloc.h), and how many are enough where one thread at a time runs Python.
_M_ARENA_MAX, _ARENAS = -8, 2


def share_arenas() -> None:
    """Have the threads of this process, and of those it forks, share what they allocate from.

    Leaves alone what ``MALLOC_ARENA_MAX`` says, and another C library than glibc.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
