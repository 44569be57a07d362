"""A sparse index of where the messages of each session lie in the event stream.

Who writes: OrderEntryAgent, while it consumes events. Who reads: a login that continues a stream in
the middle (login.py). Every INDEX_INTERVAL_EVENTS events the index keeps all sessions' counters (4
bytes a session); finding message N of a session is then a binary search, and at most one interval
of events without a message of interest is scanned before the first one.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import EventKind
from exchange.core.event_archive import EventArchive

INDEX_INTERVAL_EVENTS = 65_536


class SessionIndex:
    """Counters of every session at certain event sequences of the current day, ascending."""

    def __init__(self, session_capacity: int) -> None:
        self._capacity = session_capacity
        self._count = 0
        self._sequences = np.zeros(16, np.int64)
        self._numbers = np.zeros((16, session_capacity), np.uint32)

    def restart(self, event_sequence: int) -> None:
        """A day begins with event ``event_sequence``: all counters are 0."""
        self._count = 0
        self.add(event_sequence, np.zeros(self._capacity, np.int64))

    def add(self, event_sequence: int, numbers: np.ndarray) -> None:
        """Before event ``event_sequence`` the sessions had sent ``numbers`` messages (int[n])."""
        if self._count == len(self._sequences):
            # doubling: a day of a billion events keeps 15,000 rows
            self._sequences = np.concatenate([self._sequences, np.zeros_like(self._sequences)])
            self._numbers = np.concatenate([self._numbers, np.zeros_like(self._numbers)])
        self._sequences[self._count] = event_sequence
        self._numbers[self._count] = numbers
        self._count += 1

    def find(self, session: int, number: int) -> int:
        """An event sequence at or before the one that carries message ``number`` (from 1)."""
        assert self._count > 0 and number >= 1
        column = self._numbers[: self._count, session]
        # the last row whose counter is still below `number`
        row = int(np.searchsorted(column, number, side="left")) - 1
        return int(self._sequences[max(row, 0)])


class SessionStreams:
    """The current day's message streams: index, users, and the day itself."""

    def __init__(self, session_capacity: int) -> None:
        self.index = SessionIndex(session_capacity)
        self.session_of_username: dict[str, int] = {}
        self.day_number = 0  # YYYYMMDD; 0: no day has ever been started
        self.day_open = False
        self.day_end_event = 0  # sequence of the DAY_ENDED of the current, ended day


def first_event(archive: EventArchive, released: int) -> int:
    """Where to begin: event 0, or where old segments were removed the first start of a day."""
    sequence = min(archive.oldest(), released)
    while 0 < sequence < released:
        view = archive.view(sequence, released - sequence)
        assert len(view) > 0, f"event {sequence} is released and not in the archive"
        starts = np.nonzero(view["kind"] == EventKind.DAY_STARTED)[0]
        if len(starts):
            return sequence + int(starts[0])
        sequence += len(view)
    return sequence
