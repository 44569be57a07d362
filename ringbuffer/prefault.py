"""Take page faults before they hurt: populate memory that will be written soon.

A page that nobody has touched costs its first writer a fault and the kernel's clearing of the page;
in the matcher's tables that is 2 MiB at a time, in the middle of a command. ``madvise`` with
``MADV_POPULATE_WRITE`` (Linux 5.14) takes the faults without changing a byte, so it may run beside
the thread that uses the memory. Where the kernel does not know it, nothing happens.

Decision RNG-3.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections.abc import Iterable

import numpy as np

_MADV_POPULATE_WRITE = 23
# The kernel holds the address space's lock for one step; the others' faults wait for it.
STEP_BYTES = 4 << 20

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def prefault(array: np.ndarray, limit_bytes: int | None = None) -> int:
    """Populate the whole pages of ``array`` (contiguous, writable), at most ``limit_bytes``.

    Returns the bytes populated: 0 where the kernel refuses.
    """
    size = array.nbytes if limit_bytes is None else min(array.nbytes, limit_bytes)
    start = -(-array.ctypes.data // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (array.ctypes.data + size) // mmap.PAGESIZE * mmap.PAGESIZE
    done = 0
    while start < end:
        step = min(STEP_BYTES, end - start)
        if _libc.madvise(start, step, _MADV_POPULATE_WRITE) != 0:
            break
        start += step
        done += step
    return done


def prefault_in_background(arrays: Iterable[np.ndarray], limit_bytes: int) -> threading.Thread:
    """Populate ``arrays`` in order until ``limit_bytes`` are done, in a daemon thread."""

    def populate() -> None:
        left = limit_bytes
        for array in arrays:
            if left <= 0:
                return
            left -= prefault(array, left)

    thread = threading.Thread(target=populate, name="prefault", daemon=True)
    thread.start()
    return thread
