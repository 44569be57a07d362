"""Connections that read from the past: what they missed, from the ring or the archive.

Who calls it: OrderEntryAgent, once a pass while a connection is in the state CATCH_UP: after a
login that resumes, or when a client did not read fast enough and its buffer was full.
"""

from __future__ import annotations

import logging
from typing import NoReturn, Protocol

import numpy as np

from exchange.core.counters import Counter
from exchange.gateway import soupbintcp
from exchange.gateway.arrays import EVENT_NEXT
from exchange.gateway.connections import Connections
from exchange.gateway.delivery import copy_events
from exchange.gateway.encoder import FULL, MISMATCH, encode_session
from exchange.gateway.session import (
    CONNECTION_CAUGHT_UP,
    CONNECTION_END_EVENT,
    CONNECTION_EVENT,
    CONNECTION_HEAD,
    CONNECTION_MIDNIGHT_NS,
    CONNECTION_NUMBER,
    CONNECTION_SESSION,
    CONNECTION_STATE,
    CONNECTION_TAIL,
    SESSION_NUMBER,
    STATE_CATCH_UP,
    STATE_LIVE,
    mark_dirty,
)
from exchange.records import EVENT

_CONNECTIONS_PER_PASS = 4


def copy_bytes(source: np.ndarray, target: np.ndarray) -> None:
    """Copy EVENT records to the beginning of ``target``."""
    # as bytes: numpy would copy record by record and field by field
    target[: len(source)].view(np.uint8)[:] = source.view(np.uint8)


class EventArchive(Protocol):
    """What order entry needs of the archive: journal.archive.ArchiveReader has it."""

    def view(self, first: int, count: int) -> np.ndarray:
        """EVENT records from sequence ``first`` on: at most ``count``, perhaps fewer."""

    def oldest(self) -> int:
        """The first event sequence that is kept."""


def mismatch(sequence: int) -> NoReturn:
    """Event ``sequence`` misnumbers a session's stream: a bug upstream, so the process dies."""
    raise AssertionError(f"event {sequence}: session sequence is not the session's next number")


class CatchUp:
    """Serves them in turn, a bounded slice each."""

    def __init__(self, connections: Connections, archive: EventArchive) -> None:
        self._connections = connections
        self._archive = archive
        self._duty = connections.duty
        self._rows = connections.rows
        self._sessions = connections.duty.sessions
        self._output_bytes = connections.parameters.output_bytes
        self.batch = np.zeros(connections.parameters.batch_events, EVENT)
        self._result = np.zeros(2, np.int64)

    def compile(self) -> None:
        """Compile before the first client comes: this finds nothing to do."""
        duty = self._duty
        encode_session(self.batch, 0, self._rows, 0, duty.queue, 0, duty.symbols, self._result)

    def read(self, first: int, count: int, target: np.ndarray) -> int:
        """Copy up to ``count`` released events into ``target``, from the ring or the archive."""
        if copy_events(self._duty, first, count, target):
            return count
        view = self._archive.view(first, count)
        assert len(view) > 0, f"event {first} is released and not in the archive"
        copy_bytes(view, target)
        return len(view)

    def end_session(self, slot: int) -> None:
        """Say that the stream has ended, and close."""
        self._connections.log_connection(logging.INFO, "end of session", slot)
        self._connections.finish(slot, soupbintcp.packet(soupbintcp.END_OF_SESSION))

    def find(self) -> None:
        """The encoder has taken connections off live: they did not read fast enough."""
        self._duty.queue.dirty_count[1] = 0
        behind = np.nonzero(self._rows[:, CONNECTION_STATE] == STATE_CATCH_UP)[0]
        for slot in behind.tolist():
            if slot not in self._connections.catching_up:
                self._connections.catching_up.append(slot)

    def work(self) -> int:
        """A bounded slice for a few of the connections that read from the past, in turn.

        Only of those with half their buffer free: to the others, which read slowly, we come back
        when that much is sent. They must not hide anyone who can go on.
        """
        slots = self._connections.catching_up
        waiting = self._rows[slots, CONNECTION_TAIL] - self._rows[slots, CONNECTION_HEAD]
        ready = [
            slot
            for slot, size in zip(slots, waiting.tolist(), strict=True)
            if size <= self._output_bytes // 2
        ][:_CONNECTIONS_PER_PASS]
        work = 0
        for slot in ready:
            slots.remove(slot)
            slots.append(slot)
            work += self._one(slot)
        return work

    def _one(self, slot: int) -> int:
        row = self._rows[slot]
        self._result[:] = 0  # ENCODED, no message
        first = int(row[CONNECTION_EVENT])
        end = int(row[CONNECTION_END_EVENT]) or int(self._duty.words[EVENT_NEXT])
        done = 0
        if first < end:
            count = self.read(first, min(end - first, len(self.batch)), self.batch)
            done = int(
                encode_session(
                    self.batch,
                    count,
                    self._rows,
                    slot,
                    self._duty.queue,
                    int(row[CONNECTION_MIDNIGHT_NS]),
                    self._duty.symbols,
                    self._result,
                )
            )
            if self._result[0] == MISMATCH:
                mismatch(first + done)
            self._connections.count(Counter.MESSAGES_SENT, int(self._result[1]))
            row[CONNECTION_EVENT] = first + done
            if row[CONNECTION_TAIL] > row[CONNECTION_HEAD]:
                queue = self._duty.queue
                mark_dirty(self._rows, slot, queue.dirty, queue.dirty_count)
        if self._result[0] != FULL and row[CONNECTION_EVENT] >= end:
            if row[CONNECTION_END_EVENT]:
                self.end_session(slot)
            else:
                number = int(self._sessions[int(row[CONNECTION_SESSION]), SESSION_NUMBER])
                assert row[CONNECTION_NUMBER] == number, "caught up with a gap"
                row[CONNECTION_STATE] = STATE_LIVE
                row[CONNECTION_CAUGHT_UP] = 1
                self._connections.catching_up.remove(slot)
            done += 1
        return done + int(self._result[1])
