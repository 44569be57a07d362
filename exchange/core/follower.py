"""Reads released events without gating the ring: from the event ring, or from the archive.

Who uses it: the daemon, which wants the few events that are not about orders, and the stages that
follow all of them (runtime/service.py). It reads kinds in place, copies only the events that are
wanted, and asks afterwards whether it was lapped meanwhile. Events that the ring no longer has come
from the archive. Every call is bounded.

Decisions CTL-2, RNG-4 and RNG-5.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from exchange.codes import EventKind
from exchange.core import pipeline
from exchange.core.event_archive import EventArchive
from exchange.records import EVENT
from ringbuffer.atomics import load_acquire
from ringbuffer.ring import lapped

Record = np.ndarray[Any, Any]


class EventFollower:
    """Hands out the released events of ``kinds`` (None: all) from ``next_sequence`` on, each once.

    They come in order. ``ring_first``: the first event that was ever written to this ring, where
    the core's recovery ended; what is older is in the archive only. ``lapped_count``: how often the
    ring was too fast and the archive was read instead.
    """

    def __init__(
        self,
        event_ring: Record,
        cursors: Record,
        archive: EventArchive,
        next_sequence: int,
        kinds: Collection[EventKind] | None,
        *,
        ring_first: int = 0,
    ) -> None:
        self._ring = event_ring
        self._cursors = cursors
        self._archive = archive
        self._wanted: Record | None = None
        if kinds is not None:
            self.only(kinds)
        self._ring_first = ring_first
        self.next_sequence = next_sequence
        self.lapped_count = 0

    def only(self, kinds: Collection[EventKind]) -> None:
        """Hand out events of ``kinds`` from now on, and no others."""
        self._wanted = np.zeros(256, np.bool_)
        self._wanted[sorted(kinds)] = True

    def want(self, kind: EventKind, wanted: bool) -> None:
        """Hand out events of ``kind`` from now on, or no more. Only where ``kinds`` was given."""
        assert self._wanted is not None
        self._wanted[kind] = wanted

    def behind(self) -> int:
        """How many released events have not been looked at."""
        # acquire: the events below the cursor are written before we read them
        return load_acquire(self._cursors, pipeline.EVENT_RELEASED) - self.next_sequence

    def read(self, limit: int) -> Record:
        """Look at up to ``limit`` events; a copy of those that are wanted (EVENT, maybe empty)."""
        count = min(self.behind(), limit)
        if count <= 0:
            return np.zeros(0, EVENT)
        if self.next_sequence < self._ring_first:
            return self._from_archive(min(count, self._ring_first - self.next_sequence))
        found = self._from_ring(count)
        if found is not None:
            return found
        self.lapped_count += 1
        return self._from_archive(count)

    def _lapped(self) -> bool:
        capacity = self._ring.shape[0]
        return lapped(self._cursors, pipeline.EVENT_PUBLISHED, self.next_sequence, capacity)

    def _from_ring(self, count: int) -> Record | None:
        if self._lapped():
            return None
        capacity = self._ring.shape[0]
        start = self.next_sequence & (capacity - 1)
        count = min(count, capacity - start)
        found = self._select(self._ring[start : start + count])
        if self._lapped():
            return None  # what was copied may have been overwritten meanwhile
        self.next_sequence += count
        return found

    def _from_archive(self, count: int) -> Record:
        view = self._archive.view(self.next_sequence, count)
        assert len(view) > 0, f"event {self.next_sequence} is released and not in the archive"
        found = self._select(view)
        self.next_sequence += len(view)
        return found

    def _select(self, events: Record) -> Record:
        if self._wanted is None:
            return events.copy()
        at = np.flatnonzero(self._wanted[events["kind"]])
        # as bytes: numpy would copy record by record and field by field
        octets = events.view(np.uint8).reshape(-1, EVENT.itemsize)[at]
        return np.ascontiguousarray(octets).reshape(-1).view(EVENT)
