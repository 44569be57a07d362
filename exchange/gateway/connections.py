"""The connections of order entry: slots, orderly closing, counters and logs.

Who writes: the gateway's one thread, once per connection. The rows themselves are in session.py;
the duty cycle works on them for every message.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from typing import Any

import numpy as np

from exchange.core.counters import Counter
from exchange.gateway import soupbintcp
from exchange.gateway.arrays import HIGH_SLOT, Duty, queue_disconnect
from exchange.gateway.parameters import OrderEntryParameters
from exchange.gateway.session import (
    CONNECTION_BASE,
    CONNECTION_DEADLINE_NS,
    CONNECTION_DIRTY,
    CONNECTION_FD,
    CONNECTION_GENERATION,
    CONNECTION_NOTICED,
    CONNECTION_READY,
    CONNECTION_RECEIVED_NS,
    CONNECTION_SENT_NS,
    CONNECTION_SESSION,
    CONNECTION_STATE,
    CONNECTION_WRITABLE,
    SESSION_CONNECTION,
    STATE_CONNECTED,
    STATE_FLUSHING,
    STATE_LINGERING,
    append_bytes,
    mark_dirty,
)
from ringbuffer.counters import COUNTER_STRIDE

LOG = logging.getLogger("order_entry")
MILLISECOND_NS = 1_000_000
_DRAIN_BYTES = 65_536


def address_text(name: Any) -> str:
    """``host:port`` of a socket name."""
    return f"{name[0]}:{name[1]}"


class Connections:
    """Sockets by slot. ``rows`` is the table of session.py; ``counters`` the shared section."""

    def __init__(self, parameters: OrderEntryParameters, duty: Duty, counters: np.ndarray) -> None:
        self.parameters = parameters
        self.duty = duty
        self.rows = duty.connections
        self._sessions = duty.sessions
        self._counters = counters
        self.sockets: dict[int, socket.socket] = {}
        self.login_bytes: dict[int, bytearray] = {}  # of those that have not logged in
        self.heartbeats_before_login: dict[int, int] = {}
        self.free_slots = list(range(parameters.connection_capacity - 1, -1, -1))
        self.catching_up: list[int] = []  # slots that read from the past, next one first
        self.leaving = False  # all sessions have been told to be disconnected, in one command

    def add(self, client: socket.socket) -> int:
        """Give an accepted socket a slot; there must be a free one. Returns the slot."""
        now_ns = time.monotonic_ns()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        slot = self.free_slots.pop()
        row = self.rows[slot]
        row[CONNECTION_FD] = client.fileno()
        row[CONNECTION_STATE] = STATE_CONNECTED
        row[CONNECTION_WRITABLE] = 1
        row[CONNECTION_DEADLINE_NS] = now_ns + self.parameters.login_timeout_ms * MILLISECOND_NS
        row[CONNECTION_RECEIVED_NS] = row[CONNECTION_SENT_NS] = now_ns
        self.duty.slot_of_fd[client.fileno()] = slot + 1
        self.sockets[slot] = client
        self.login_bytes[slot] = bytearray()
        self.duty.words[HIGH_SLOT] = max(int(self.duty.words[HIGH_SLOT]), slot + 1)
        self.gauge(Counter.CONNECTIONS, len(self.sockets))
        return slot

    def malformed(self, slot: int, explanation: str) -> None:
        """Count, log, tell the client, close."""
        self.count(Counter.MALFORMED_FRAMES)
        self.log_connection(logging.WARNING, "malformed input", slot, reason=explanation)
        self.finish(slot, soupbintcp.debug(explanation))

    def login_done(self, slot: int) -> None:
        """Forget what was kept for the login."""
        self.login_bytes.pop(slot, None)
        self.heartbeats_before_login.pop(slot, None)

    def unbind(self, slot: int) -> None:
        """Take the connection away from its session; the matcher is told so."""
        self.login_done(slot)
        session = int(self.rows[slot, CONNECTION_SESSION])
        if session and self._sessions[session, SESSION_CONNECTION] == slot + 1:
            self._sessions[session, SESSION_CONNECTION] = 0
            if not self.leaving:
                queue_disconnect(self.duty, session)
        if slot in self.catching_up:
            self.catching_up.remove(slot)

    def finish(self, slot: int, data: bytes) -> None:
        """Send what is buffered and ``data``, then close: in bounded time, without a reset."""
        row = self.rows[slot]
        self.unbind(slot)
        row[CONNECTION_STATE] = STATE_FLUSHING
        row[CONNECTION_NOTICED] = 0
        row[CONNECTION_DEADLINE_NS] = (
            time.monotonic_ns() + self.parameters.linger_ms * MILLISECOND_NS
        )
        if data:
            append_bytes(self.rows, slot, self.duty.queue, data)
        # also without bytes: the sender says when it is flushed
        mark_dirty(self.rows, slot, self.duty.queue.dirty, self.duty.queue.dirty_count)
        self.gauge_sessions()

    def flushed(self, slot: int) -> None:
        """Everything is sent: say so to the client, and wait for it to close."""
        row = self.rows[slot]
        with contextlib.suppress(OSError):
            self.sockets[slot].shutdown(socket.SHUT_WR)
        row[CONNECTION_STATE] = STATE_LINGERING
        row[CONNECTION_NOTICED] = 0
        row[CONNECTION_DEADLINE_NS] = (
            time.monotonic_ns() + self.parameters.linger_ms * MILLISECOND_NS
        )
        self.drain(slot)

    def drain(self, slot: int) -> None:
        """Throw away what a closing client still sends: unread bytes would reset the connection."""
        if self.rows[slot, CONNECTION_STATE] != STATE_LINGERING:
            return
        for _ in range(16):
            try:
                if not self.sockets[slot].recv(_DRAIN_BYTES):
                    self.close(slot)
                    return
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.close(slot)
                return
        self.close(slot)  # it floods: a reset is what it gets

    def close(self, slot: int) -> None:
        """Close at once and free the slot."""
        row = self.rows[slot]
        self.unbind(slot)
        client = self.sockets.pop(slot)
        self.duty.slot_of_fd[client.fileno()] = 0
        client.close()
        kept = {
            word: int(row[word])
            for word in (CONNECTION_BASE, CONNECTION_DIRTY, CONNECTION_READY, CONNECTION_GENERATION)
        }
        row[:] = 0
        for word, value in kept.items():
            row[word] = value  # its entries in the queues are passed over when they come up
        row[CONNECTION_FD] = -1
        row[CONNECTION_GENERATION] += 1
        self.free_slots.append(slot)
        self.gauge(Counter.CONNECTIONS, len(self.sockets))
        self.gauge_sessions()

    # --- counters and logs ----------------------------------------------------------------------

    def count(self, counter: Counter, amount: int = 1) -> None:
        """Add to a counter."""
        self._counters[counter * COUNTER_STRIDE] += amount

    def gauge(self, counter: Counter, value: int) -> None:
        """Set a gauge."""
        self._counters[counter * COUNTER_STRIDE] = value

    def gauge_sessions(self) -> None:
        """Set the gauge of logged-in sessions."""
        logged_in = int(np.count_nonzero(self._sessions[:, SESSION_CONNECTION]))
        self.gauge(Counter.SESSIONS_LOGGED_IN, logged_in)

    def log(self, level: int, message: str, **fields: object) -> None:
        """One line of the log."""
        LOG.log(level, message, extra={"fields": fields})

    def log_connection(self, level: int, message: str, slot: int, **fields: object) -> None:
        """One line about a connection."""
        session = int(self.rows[slot, CONNECTION_SESSION])
        peer = "?"
        with contextlib.suppress(OSError):
            peer = address_text(self.sockets[slot].getpeername())
        self.log(level, message, session=session, peer=peer, **fields)
