"""libc from jitted code: resolved by name, so the compiled code can be cached.

All take file descriptors and raw addresses (``array.ctypes.data``); all return what libc returns
(−1 on error, then ``errno()`` says which). With the JIT disabled they are the same functions
through ctypes.
"""

from __future__ import annotations

import ctypes
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from ringbuffer.jit import JIT_DISABLED, jit, jit_inline

_X: Any = types.ExternalFunction
if JIT_DISABLED:
    _libc = ctypes.CDLL(None, use_errno=True)

    def _through_ctypes(name: str, signature: Any) -> Callable[..., int]:
        function = getattr(_libc, name)
        # every argument and result is an integer of at most 64 bits in a register of its own
        function.restype = (
            ctypes.c_int if signature.return_type == types.int32 else ctypes.c_ssize_t
        )
        return lambda *arguments: int(function(*(ctypes.c_ssize_t(int(a)) for a in arguments)))

    _X = _through_ctypes
_errno_location = types.ExternalFunction("__errno_location", types.CPointer(types.int32)())
_clock_gettime = _X("clock_gettime", types.int32(types.int32, types.uintp))

read = _X("read", types.intp(types.int32, types.uintp, types.uintp))
pwritev = _X("pwritev", types.intp(types.int32, types.uintp, types.int32, types.intp))
fdatasync = _X("fdatasync", types.int32(types.int32))
recv = _X("recv", types.intp(types.int32, types.uintp, types.uintp, types.int32))
send = _X("send", types.intp(types.int32, types.uintp, types.uintp, types.int32))
epoll_wait = _X("epoll_wait", types.int32(types.int32, types.uintp, types.int32, types.int32))
poll = _X("poll", types.int32(types.uintp, types.uintp, types.int32))
usleep = _X("usleep", types.int32(types.uint32))

CLOCK_REALTIME = 0
CLOCK_MONOTONIC = 1
EINTR = 4
EAGAIN = 11
MSG_DONTWAIT = 0x40
MSG_NOSIGNAL = 0x4000
# struct epoll_event is packed on x86-64 only: u32 events, u64 data.
EPOLL_EVENT_SIZE_BYTES = 12 if platform.machine() in ("x86_64", "AMD64") else 16


@jit_inline
def errno() -> int:
    """The calling thread's errno."""
    return _errno_location()[0]


@jit
def clock_ns(clock: int, scratch: np.ndarray) -> int:
    """Nanoseconds of ``clock``. ``scratch`` is an int64 array of at least 2 words (a timespec)."""
    _clock_gettime(np.int32(clock), scratch.ctypes.data)
    return scratch[0] * 1_000_000_000 + scratch[1]


if JIT_DISABLED:

    def _errno_in_python() -> int:
        return ctypes.get_errno()

    def _clock_ns_in_python(clock: int, scratch: np.ndarray) -> int:
        return time.clock_gettime_ns(int(clock))

    errno, clock_ns = _errno_in_python, _clock_ns_in_python
