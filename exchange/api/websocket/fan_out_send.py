"""Sends the same bytes to many sockets without the interpreter: jitted, for fan_out.py.

Decision API-3.
"""

from __future__ import annotations

import numpy as np

from ringbuffer.jit import jit_borrowed
from ringbuffer.system_calls import MSG_DONTWAIT, MSG_NOSIGNAL, send


@jit_borrowed
def send_to_each(descriptors: np.ndarray, address: int, size: int, sent: np.ndarray) -> None:
    """send(2) ``size`` bytes at ``address`` to each of ``descriptors`` without waiting.

    ``descriptors``: int64[n], file descriptors; a negative one is left out. ``sent``: int64[n or
    more], bytes that each took, -1 on an error, 0 where the descriptor is negative. The caller
    keeps the bytes alive.
    """
    for i in range(len(descriptors)):
        sent[i] = 0
        if descriptors[i] >= 0:
            sent[i] = send(
                np.int32(descriptors[i]),
                np.uint64(address),
                np.uint64(size),
                np.int32(MSG_DONTWAIT | MSG_NOSIGNAL),
            )
