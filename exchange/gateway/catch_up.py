"""Sends connections that are behind the messages that they missed, from the ring or the archive.

Who calls it: OrderEntryAgent, once a duty cycle while a connection is in the state CATCH_UP: after
a login that resumes, or when a client did not read fast enough and its buffer was full.
"""

from __future__ import annotations

import logging
from typing import NoReturn

import numpy as np

from exchange.core.counters import Counter
from exchange.core.event_archive import EventArchive
from exchange.gateway.arrays import EVENT_NEXT
from exchange.gateway.connections import Connections
from exchange.gateway.delivery import copy_events
from exchange.gateway.encoder import (
    ENCODED_MESSAGES,
    ENCODED_STATUS,
    ENCODED_WORDS,
    STATUS_DONE,
    STATUS_FULL,
    STATUS_MISMATCH,
    Streams,
    encode_session,
)
from exchange.gateway.output_buffers import mark_dirty
from exchange.gateway.protocol import soupbintcp
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
)
from exchange.records import EVENT
from ringbuffer.jit import compile_for

_CONNECTIONS_PER_PASS = 4


def copy_bytes(source: np.ndarray, target: np.ndarray) -> None:
    """Copy EVENT records to the beginning of ``target``."""
    # as bytes: numpy would copy record by record and field by field
    target[: len(source)].view(np.uint8)[:] = source.view(np.uint8)


def mismatch(sequence: int) -> NoReturn:
    """Event ``sequence`` misnumbers a session's stream: a bug upstream, so the process dies."""
    raise AssertionError(f"event {sequence}: session sequence is not the session's next number")


class CatchUp:
    """Serves the connections that are behind in turn, a bounded slice each."""

    def __init__(self, connections: Connections, archive: EventArchive) -> None:
        self._connections = connections
        self._archive = archive
        self._duty = connections.duty
        self._rows = connections.rows
        self._sessions = connections.duty.sessions
        self._output_bytes = connections.parameters.output_bytes
        self.batch = np.zeros(connections.parameters.batch_events, EVENT)
        self._result = np.zeros(ENCODED_WORDS, np.int64)
        duty = self._duty
        self._encoding = Streams(
            duty.sessions, duty.connections, duty.queue, duty.symbols, self._result
        )

    def compile(self) -> None:
        """Compile, or read back, what serving a client that is behind calls; nothing runs."""
        compile_for(encode_session, self.batch, 0, 0, self._encoding, 0)
        compile_for(copy_events, self._duty, 0, 0, self.batch)

    def read(self, first: int, count: int, target: np.ndarray) -> int:
        """Copy up to ``count`` released events into ``target``, from the ring or the archive."""
        if copy_events(self._duty, first, count, target):
            return count
        view = self._archive.view(first, count)
        assert len(view) > 0, f"event {first} is released and not in the archive"
        copy_bytes(view, target)
        return len(view)

    def end_session(self, connection: int) -> None:
        """Send end of session, and close."""
        self._connections.log_connection(logging.INFO, "end of session", connection)
        self._connections.finish(connection, soupbintcp.packet(soupbintcp.END_OF_SESSION))

    def find(self) -> None:
        """Find connections that the encoder has put into CATCH_UP: they read too slowly."""
        self._duty.queue.dirty_count[1] = 0
        behind = np.nonzero(self._rows[:, CONNECTION_STATE] == STATE_CATCH_UP)[0]
        for connection in behind.tolist():
            if connection not in self._connections.catching_up:
                self._connections.catching_up.append(connection)

    def ready(self) -> list[int]:
        """Connections that are behind and have half of their buffer free, whose turn is next first.

        The others are passed over until they have read more: slow readers delay nobody.
        """
        behind = self._connections.catching_up
        waiting = self._rows[behind, CONNECTION_TAIL] - self._rows[behind, CONNECTION_HEAD]
        return [
            connection
            for connection, size in zip(behind, waiting.tolist(), strict=True)
            if size <= self._output_bytes // 2
        ]

    def work(self) -> int:
        """Encode a bounded slice for a few of those that are ready, in turn."""
        behind = self._connections.catching_up
        work = 0
        for connection in self.ready()[:_CONNECTIONS_PER_PASS]:
            behind.remove(connection)
            behind.append(connection)
            work += self._one(connection)
        return work

    def _one(self, connection: int) -> int:
        row = self._rows[connection]
        self._result[ENCODED_STATUS] = STATUS_DONE
        self._result[ENCODED_MESSAGES] = 0
        first = int(row[CONNECTION_EVENT])
        end = int(row[CONNECTION_END_EVENT]) or int(self._duty.words[EVENT_NEXT])
        done = 0
        if first < end:
            count = self.read(first, min(end - first, len(self.batch)), self.batch)
            midnight_ns = int(row[CONNECTION_MIDNIGHT_NS])
            done = int(encode_session(self.batch, count, connection, self._encoding, midnight_ns))
            if self._result[ENCODED_STATUS] == STATUS_MISMATCH:
                mismatch(first + done)
            self._connections.count(Counter.MESSAGES_SENT, int(self._result[ENCODED_MESSAGES]))
            row[CONNECTION_EVENT] = first + done
            if row[CONNECTION_TAIL] > row[CONNECTION_HEAD]:
                mark_dirty(self._rows, connection, self._duty.queue)
        if self._result[ENCODED_STATUS] != STATUS_FULL and row[CONNECTION_EVENT] >= end:
            if row[CONNECTION_END_EVENT]:
                self.end_session(connection)
            else:
                number = int(self._sessions[int(row[CONNECTION_SESSION]), SESSION_NUMBER])
                assert row[CONNECTION_NUMBER] == number, "caught up with a gap"
                row[CONNECTION_STATE] = STATE_LIVE
                row[CONNECTION_CAUGHT_UP] = 1
                self._connections.catching_up.remove(connection)
            done += 1
        return done + int(self._result[ENCODED_MESSAGES])
