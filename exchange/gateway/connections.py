"""The connections of order entry: listening, opening, orderly closing, notices, counters, logs.

Who calls it: the gateway's one thread, a few times per connection. A connection is named by its
number, the index of its row in the table of session.py, on which the duty cycle works.

Decisions GTW-6 and GTW-7.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from exchange.core.counters import Counter
from exchange.errors import PortInUse
from exchange.gateway.arrays import (
    CONNECTIONS_USED,
    MILLISECOND_NS,
    NOTICES,
    DutyState,
    Notice,
    queue_disconnect,
)
from exchange.gateway.output_buffers import mark_dirty, reserve
from exchange.gateway.parameters import OrderEntryParameters
from exchange.gateway.protocol import soupbintcp
from exchange.gateway.session import (
    CONNECTION_BASE,
    CONNECTION_DEADLINE_NS,
    CONNECTION_DIRTY,
    CONNECTION_FD,
    CONNECTION_GENERATION,
    CONNECTION_NOTICED,
    CONNECTION_NUMBER,
    CONNECTION_READY,
    CONNECTION_RECEIVED_NS,
    CONNECTION_SENT_NS,
    CONNECTION_SESSION,
    CONNECTION_STATE,
    CONNECTION_TAIL,
    CONNECTION_WRITABLE,
    SESSION_CONNECTION,
    STATE_CONNECTED,
    STATE_FLUSHING,
    STATE_LINGERING,
)
from ringbuffer.counters import COUNTER_STRIDE

LOG = logging.getLogger("order_entry")
_DRAIN_BYTES = 65_536


def address_text(name: Any) -> str:
    """``host:port`` of a socket name."""
    return f"{name[0]}:{name[1]}"


def listen(parameters: OrderEntryParameters) -> socket.socket:
    """A listening socket on the address of ``parameters``; raises PortInUse."""
    address = (parameters.host, parameters.port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(parameters.listen_backlog)
    except OSError as error:
        listener.close()
        raise PortInUse(f"cannot listen on {address[0]}:{address[1]}: {error}") from None
    return listener


class Waiting(NamedTuple):
    """One notice; ``generation``: of the connection when it was left. See arrays.py."""

    kind: int
    connection: int
    generation: int
    detail_0: int
    detail_1: int


class WaitingNotices:
    """Notices of the duty cycle that wait for the interpreter, which has a bounded time in a pass.

    A flood of connections leaves hundreds of notices in one cycle; what they ask for takes up to a
    tenth of a millisecond each. Handled all at once they would hold up everybody who is logged in,
    so each pass handles some, and the duty cycle runs in between. What ends a connection comes
    before what a stranger has sent. A notice is handled only while its connection is still the one
    that it was left about.

    ``duty``: where the duty cycle leaves them.
    """

    def __init__(self, duty: DutyState) -> None:
        self._duty = duty
        self._endings: deque[Waiting] = deque()
        self._strangers: dict[tuple[int, int], Waiting] = {}  # by connection and generation

    def __len__(self) -> int:
        return len(self._endings) + len(self._strangers)

    def take(self) -> bool:
        """Take over what the duty cycle has left. Returns whether connections can be accepted."""
        words, rows = self._duty.words, self._duty.connections
        count = int(words[NOTICES])
        found = self._duty.notices[:count].tolist()
        words[NOTICES] = 0
        accept = False
        for kind, connection, detail_0, detail_1 in found:
            if kind == Notice.ACCEPT:
                accept = True
                continue
            generation = int(rows[connection, CONNECTION_GENERATION])
            notice = Waiting(kind, connection, generation, detail_0, detail_1)
            if kind == Notice.UNAUTHENTICATED:
                # the bytes are in the socket: one look at it is as good as many
                self._strangers[connection, generation] = notice
            else:
                self._endings.append(notice)
        return accept

    def next(self) -> Waiting | None:
        """The next to be handled; None: none waits."""
        while self._endings or self._strangers:
            if self._endings:
                notice = self._endings.popleft()
            else:
                notice = self._strangers.pop(next(iter(self._strangers)))
            now = self._duty.connections[notice.connection, CONNECTION_GENERATION]
            if now == notice.generation:
                return notice
        return None

    def handle(self, each: Callable[[Waiting], None], end_ns: int) -> int:
        """Call ``each`` with one at least and with others until ``end_ns``; returns how many."""
        handled = 0
        while (notice := self.next()) is not None:
            each(notice)
            handled += 1
            if time.monotonic_ns() >= end_ns:
                break
        return handled


class Connections:
    """``rows``: the table of session.py; ``counters``: int64[COUNTER_WORDS], shared."""

    def __init__(
        self, parameters: OrderEntryParameters, duty: DutyState, counters: np.ndarray
    ) -> None:
        self.parameters = parameters
        self.duty = duty
        self.rows = duty.connections
        self._sessions = duty.sessions
        self._counters = counters
        self.sockets: dict[int, socket.socket] = {}
        self.login_bytes: dict[
            int, bytearray
        ] = {}  # of those that have not logged in, oldest first
        self.addresses: dict[int, str] = {}  # of the same
        self.heartbeats_before_login: dict[int, int] = {}
        # strangers who have been answered and have not closed, oldest first
        self.closing_strangers: dict[int, None] = {}
        self.free_connections = list(range(parameters.connection_capacity - 1, -1, -1))
        self.catching_up: list[int] = []  # connections that read from the past, next first
        self.leaving = False  # one DISCONNECT for all sessions has been queued

    def add(self, client: socket.socket, address: str) -> int:
        """Give an accepted socket a free connection number, and return it."""
        assert self.free_connections, "the caller refuses connections when none is free"
        now_ns = time.monotonic_ns()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self.free_connections.pop()
        row = self.rows[connection]
        row[CONNECTION_FD] = client.fileno()
        row[CONNECTION_STATE] = STATE_CONNECTED
        row[CONNECTION_WRITABLE] = 1
        row[CONNECTION_DEADLINE_NS] = now_ns + self.parameters.login_timeout_ms * MILLISECOND_NS
        row[CONNECTION_RECEIVED_NS] = row[CONNECTION_SENT_NS] = now_ns
        self.duty.connection_of_fd[client.fileno()] = connection + 1
        self.sockets[connection] = client
        self.login_bytes[connection] = bytearray()
        self.addresses[connection] = address
        self.duty.words[CONNECTIONS_USED] = max(
            int(self.duty.words[CONNECTIONS_USED]), connection + 1
        )
        self.gauge(Counter.CONNECTIONS, len(self.sockets))
        return connection

    def stranger_to_close(self) -> int | None:
        """Whom a newer connection replaces when there are too many that have not logged in.

        The oldest of the address that has most of them; None: all have logged in.
        """
        if not self.addresses:
            return None
        of_address: dict[str, int] = {}
        for address in self.addresses.values():
            of_address[address] = of_address.get(address, 0) + 1
        most = max(of_address, key=of_address.__getitem__)
        return next(number for number, address in self.addresses.items() if address == most)

    def malformed(self, connection: int, explanation: str) -> None:
        """Count, log, tell the client, close."""
        self.count(Counter.MALFORMED_FRAMES)
        self.log_connection(logging.WARNING, "malformed input", connection, reason=explanation)
        self.finish(connection, soupbintcp.debug(explanation))

    def cut_off(self, connection: int, explanation: str) -> None:
        """Count, log, tell the client, which may log in again, close."""
        self.count(Counter.CLIENTS_CUT_OFF)
        number = int(self.rows[connection, CONNECTION_NUMBER])
        self.log_connection(logging.WARNING, explanation, connection, last_number=number)
        text = f"{explanation}; log in again with the next number expected"
        self.finish(connection, soupbintcp.debug(text))

    def login_done(self, connection: int) -> None:
        """Forget what was kept for the login."""
        self.login_bytes.pop(connection, None)
        self.addresses.pop(connection, None)
        self.heartbeats_before_login.pop(connection, None)

    def unbind(self, connection: int) -> None:
        """Separate the connection from its session, and queue a DISCONNECT of the session."""
        self.login_done(connection)
        session = int(self.rows[connection, CONNECTION_SESSION])
        if session and self._sessions[session, SESSION_CONNECTION] == connection + 1:
            self._sessions[session, SESSION_CONNECTION] = 0
            if not self.leaving:
                queue_disconnect(self.duty, session)
        if connection in self.catching_up:
            self.catching_up.remove(connection)

    def finish(self, connection: int, data: bytes) -> None:
        """Send what is buffered and ``data``, then close: in bounded time, without a reset."""
        row = self.rows[connection]
        self.unbind(connection)
        if row[CONNECTION_SESSION] == 0:
            self.closing_strangers[connection] = None
        row[CONNECTION_STATE] = STATE_FLUSHING
        row[CONNECTION_NOTICED] = 0
        row[CONNECTION_DEADLINE_NS] = (
            time.monotonic_ns() + self.parameters.linger_ms * MILLISECOND_NS
        )
        if data:
            self._append(connection, data)
        # also without bytes: send_waiting then leaves the notice FLUSHED
        mark_dirty(self.rows, connection, self.duty.queue)
        self.gauge_sessions()

    def _append(self, connection: int, data: bytes) -> None:
        """Put whole frames into the output buffer, unless they do not fit."""
        queue = self.duty.queue
        if not reserve(self.rows, connection, queue, len(data)):
            return
        row = self.rows[connection]
        at = int(row[CONNECTION_BASE] + row[CONNECTION_TAIL])
        queue.output[at : at + len(data)] = np.frombuffer(data, np.uint8)
        row[CONNECTION_TAIL] += len(data)

    def flushed(self, connection: int) -> None:
        """Everything is sent: shut down our side, and wait for the client to close."""
        row = self.rows[connection]
        with contextlib.suppress(OSError):
            self.sockets[connection].shutdown(socket.SHUT_WR)
        row[CONNECTION_STATE] = STATE_LINGERING
        row[CONNECTION_NOTICED] = 0
        row[CONNECTION_DEADLINE_NS] = (
            time.monotonic_ns() + self.parameters.linger_ms * MILLISECOND_NS
        )
        self.drain(connection)

    def drain(self, connection: int) -> None:
        """Throw away what a closing client still sends: unread bytes would reset the connection."""
        if self.rows[connection, CONNECTION_STATE] != STATE_LINGERING:
            return
        for _ in range(16):
            try:
                if not self.sockets[connection].recv(_DRAIN_BYTES):
                    self.close(connection)
                    return
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.close(connection)
                return
        self.close(connection)  # it sends without end: it gets a reset

    def close(self, connection: int) -> None:
        """Close the socket at once and free the connection number."""
        row = self.rows[connection]
        self.unbind(connection)
        self.closing_strangers.pop(connection, None)
        client = self.sockets.pop(connection)
        self.duty.connection_of_fd[client.fileno()] = 0
        client.close()
        kept = {
            word: int(row[word])
            for word in (CONNECTION_BASE, CONNECTION_DIRTY, CONNECTION_READY, CONNECTION_GENERATION)
        }
        row[:] = 0
        for word, value in kept.items():
            row[word] = (
                value  # entries in the queues stay, and are passed over when it is their turn
            )
        row[CONNECTION_FD] = -1
        row[CONNECTION_GENERATION] += 1
        self.free_connections.append(connection)
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

    def log_connection(self, level: int, message: str, connection: int, **fields: object) -> None:
        """One line about a connection."""
        session = int(self.rows[connection, CONNECTION_SESSION])
        peer = "?"
        with contextlib.suppress(OSError):
            peer = address_text(self.sockets[connection].getpeername())
        self.log(level, message, session=session, peer=peer, **fields)
