"""Marks that tell the commands of one process from those of another, long after they were sent.

Who uses it: the order gateway, where two processes (api and connect_grpc) send commands through the
same sessions. An event names the command that has caused it by its sequence, and the command ring
still has that command for a while. So each cancel, amendment and mass cancel carries a mark in its
first slot's token, which the matcher does not read in these kinds: what a process has not marked is
not its own. An ENTER needs none: its token is that of its order, whichever process has sent it.

Invariant: a mark is read whole or not at all; a slot that may have been written again is unknown.

Decision CON-42.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from exchange.codes import CommandKind
from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.records import COMMAND_SIZE_BYTES, TOKEN_BYTES
from ringbuffer.atomics import load_acquire

Array = np.ndarray[Any, Any]
MARKED = frozenset(
    {CommandKind.CANCEL_BY_ORDER_ID, CommandKind.REPLACE_BY_ORDER_ID, CommandKind.MASS_CANCEL}
)
_TOKEN_AT = 24
_TOKEN_END = _TOKEN_AT + TOKEN_BYTES
_PROCESS_BYTES = 6


class CommandMarks:
    """``ring``: COMMAND[capacity] of the core; ``cycle``: slots that the matcher may be writing.

    ``cycle`` is what one duty cycle takes at most: of each ingress ring ``matcher.batch``.
    """

    def __init__(self, ring: Array, cursors: Array, cycle: int) -> None:
        self._capacity = int(ring.shape[0])
        self._slots = memoryview(ring.view(np.uint8).reshape(-1))  # type: ignore[arg-type]
        self._cursors = cursors
        self._cycle = cycle
        self._process = os.urandom(_PROCESS_BYTES)  # a process after this one is another one
        self._count = 0

    def mark(self, record: bytes) -> tuple[bytes, bytes]:
        """``record`` with a new mark in it, and the mark."""
        self._count += 1
        mark = self._process + self._count.to_bytes(TOKEN_BYTES - _PROCESS_BYTES, "little")
        return record[:_TOKEN_AT] + mark + record[_TOKEN_END:], mark

    def of(self, sequence: int) -> bytes | None:
        """The mark of the command ``sequence``, whose event is released; None: not known any more.

        A command without a mark has other bytes there, or zeros.
        """
        at = (sequence & (self._capacity - 1)) * COMMAND_SIZE_BYTES
        mark = bytes(self._slots[at + _TOKEN_AT : at + _TOKEN_END])
        # acquire: read after the slot; the matcher writes no slot beyond both of these
        published = load_acquire(self._cursors, pipeline.COMMAND_PUBLISHED)
        durable = load_acquire(self._cursors, pipeline.COMMAND_DURABLE)
        written = min(published + self._cycle, durable + self._capacity)
        return mark if sequence + self._capacity >= written else None


class Entrance:
    """The way of a process's commands into the core.

    ``ring``: its ingress ring. ``commands``: the counter of the commands that it has written.
    ``marks``: None where no other process sends commands through the same sessions.
    """

    def __init__(
        self,
        ring: pipeline.IngressRing = pipeline.IngressRing.API,
        commands: Counter = Counter.API_COMMANDS,
        marks: CommandMarks | None = None,
    ) -> None:
        self.ring = ring
        self.commands = commands
        self.marks = marks
