"""What an agent does when it has no work, and how others wake it: no wake-up is ever lost.

Who uses it: the agent itself (announce, look again, block, cancel) and everyone who publishes
something for it (``wake`` after the publish). Shared state: one word per agent in the cursor array,
the *sleeping flag*, and one eventfd.

The two sides are the store-buffer pattern (Dekker)::

    agent                                   waker
      flag = 1        (announce_sleep)        cursor = n      (publish)
      full fence                              full fence      (in wake)
      look at the cursor again                look at the flag
      nothing new? block on the eventfd       1? flag = 0, write the eventfd

Each side stores, then loads what the other side stored. Without a full fence a processor may keep
its store in its store buffer while the load after it is already done, both sides may then read the
old value, and the agent blocks although there is work: a lost wake-up. Acquire and release do not
forbid this (they order neither a store before a *later load*); a sequentially consistent fence on
*both* sides does: at least one of the two sees the other's store.

Only the eventfd's write costs a system call (1 to 5 µs on a virtual machine); while the agent is
busy the flag is 0 and ``wake`` is a fence and a load. The waker stores 0 *before* it writes: the
other order could erase a flag that the agent, woken by that write, has set anew. A spurious wake-up
is possible (a waker was slow between its load and its write) and harmless.

A timeout bounds every block. It is no part of the protocol: tests count how often it was needed.

Decision ARC-3.
"""

from __future__ import annotations

import contextlib
import os
import select
from typing import Any, Protocol

import numpy as np
from numba import types

from ringbuffer.atomics import fence, load_acquire, store_release
from ringbuffer.jit import JIT_DISABLED, jit_borrowed, jit_borrowed_inline
from ringbuffer.system_calls import poll, read

_eventfd_write: Any = types.ExternalFunction(
    "eventfd_write", types.int32(types.int32, types.uint64)
)
if JIT_DISABLED:

    def _eventfd_write_in_python(eventfd: int, value: int) -> None:
        os.eventfd_write(int(eventfd), int(value))

    _eventfd_write = _eventfd_write_in_python

AWAKE = 0
ASLEEP = 1

POLLIN = 1
WAIT_SCRATCH_WORDS = 2  # int64 words that block needs: a pollfd and an eventfd's counter


@jit_borrowed_inline
def wake(cursors: np.ndarray, flag_index: int, eventfd: int) -> None:
    """Wake the agent whose sleeping flag is ``cursors[flag_index]``, if it sleeps.

    Call it after the publish. ``eventfd`` < 0: nothing to wake. Returns nothing; a full eventfd
    counter (the agent has 2**64 - 2 wake-ups pending) cannot happen, other errors mean that the
    agent's process is gone, and then nobody waits.
    """
    if eventfd < 0:
        return
    # full fence: the publish before this call is visible before the flag is read (see above)
    fence()
    # acquire: we write 0 after the agent wrote 1, never before
    if load_acquire(cursors, flag_index) == ASLEEP:
        # release: the publish before this call is visible to whoever sees the flag down
        store_release(cursors, flag_index, AWAKE)
        _eventfd_write(np.int32(eventfd), np.uint64(1))


@jit_borrowed
def announce_sleep(cursors: np.ndarray, flag_index: int) -> None:
    """Say that this agent is about to block. It must look for work once more after this call."""
    # release: what the agent has consumed is visible to the waker that sees the flag
    store_release(cursors, flag_index, ASLEEP)
    # full fence: the flag is visible before the agent looks at the cursors again (see above)
    fence()


@jit_borrowed
def cancel_sleep(cursors: np.ndarray, flag_index: int) -> None:
    """Say that this agent is awake: wakers need not write its eventfd."""
    # release: orders nothing that anybody relies on; a waker that still sees 1 wakes in vain
    store_release(cursors, flag_index, AWAKE)


@jit_borrowed
def block(eventfd: int, timeout_ms: int, scratch: np.ndarray) -> bool:
    """Wait until ``eventfd`` is written, and read it. False: a timeout, or a signal came.

    To be called between ``announce_sleep`` (and one more look) and ``cancel_sleep``. ``scratch``:
    int64 array of WAIT_SCRATCH_WORDS.
    """
    # struct pollfd { int fd; short events; short revents; }
    scratch[0] = np.int64(eventfd) | (np.int64(POLLIN) << 32)
    if poll(scratch.ctypes.data, np.uintp(1), np.int32(timeout_ms)) <= 0:
        return False
    read(np.int32(eventfd), scratch.ctypes.data + 8, np.uintp(8))
    return True


class IdleStrategy(Protocol):
    """How a runner passes the time. ``prepare`` → look for work once more → ``wait`` → ``resume``.

    A strategy that does not block needs no second look: its ``prepare`` and ``resume`` do nothing.
    """

    name: str
    blocks: bool

    def prepare(self) -> None:
        """Announce that the agent is about to wait."""

    def wait(self) -> None:
        """Pass the time, until woken or for a bounded time."""

    def resume(self) -> None:
        """The agent is awake again."""

    def interrupt(self) -> None:
        """End a ``wait`` that goes on in this process (from a signal handler)."""


class BusySpin:
    """Never leaves the processor: for a core of its own only."""

    name = "busy_spin"
    blocks = False

    def prepare(self) -> None:
        """Nothing: it never sleeps."""

    def wait(self) -> None:
        """Nothing: the caller looks again at once."""

    def resume(self) -> None:
        """Nothing: it never slept."""

    def interrupt(self) -> None:
        """Nothing: it never waits."""


class Yield:
    """Gives the processor to whoever is ready (sched_yield), then looks again."""

    name = "yield"
    blocks = False

    def prepare(self) -> None:
        """Nothing: it never sleeps."""

    def wait(self) -> None:
        os.sched_yield()

    def resume(self) -> None:
        """Nothing: it never slept."""

    def interrupt(self) -> None:
        """Nothing: a yield ends by itself."""


class Block:
    """Sleeps on the agent's eventfd: the only choice where cores are shared.

    ``flag_index``: word index of the agent's sleeping flag. ``timeout_ms`` bounds a sleep (timers,
    stop words); ``timeouts`` and ``wakeups`` count how the sleeps ended.
    """

    name = "block"
    blocks = True

    def __init__(
        self, cursors: np.ndarray, flag_index: int, eventfd: int, timeout_ms: int = 100
    ) -> None:
        self._cursors = cursors
        self._flag_index = flag_index
        self._eventfd = eventfd
        self._timeout_ms = timeout_ms
        os.set_blocking(eventfd, False)
        self._poll = select.poll()
        self._poll.register(eventfd, select.POLLIN)
        self.timeouts = 0
        self.wakeups = 0

    def prepare(self) -> None:
        announce_sleep(self._cursors, self._flag_index)

    def wait(self) -> None:
        if not self._poll.poll(self._timeout_ms):
            self.timeouts += 1
            return
        self.wakeups += 1
        # drained before the agent looks for work: a later wake-up sets it anew
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._eventfd)

    def resume(self) -> None:
        cancel_sleep(self._cursors, self._flag_index)

    def interrupt(self) -> None:
        # The interpreter restarts a poll that a signal interrupted: make it end.
        os.eventfd_write(self._eventfd, 1)
