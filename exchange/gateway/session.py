"""Connections and sessions of order entry, as arrays that the jitted duty cycle works on.

A *connection* is one TCP connection; its number is the index of its row in ``connections``. A
*session* is one client's numbered message stream of a day; it has one row of ``sessions``, by
session id. Everything here is private to the gateway process: one writer, one reader.

States of a connection::

    FREE -> CONNECTED -> VERIFYING -> LIVE <-> CATCH_UP -> FLUSHING -> LINGERING -> FREE
                 \\___________\\__________\\__________\\______/ (errors skip ahead)

CONNECTED waits for its login; VERIFYING waits for the password hash; LIVE is given events as they
are released; CATCH_UP reads what it missed from ring or archive; FLUSHING gets no more messages,
only its buffered bytes; LINGERING has been shut down for writing and waits for the client to close,
so that the last bytes are not lost to a reset.

Output: a connection owns ``output[base : base + size]``. ``[HEAD, TAIL)`` are bytes to be sent;
TAIL is always the end of a whole frame.

Decision GTW-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import Parameter

SECOND_NS = 1_000_000_000
STOPPED_RATE = 50  # messages a second of each session while orders are stopped

# Words of a connection's row (int64).
CONNECTION_STATE = 0
CONNECTION_FD = 1
CONNECTION_SESSION = 2  # session id once logged in
CONNECTION_NUMBER = 3  # last session sequence put into the output buffer
CONNECTION_EVENT = 4  # CATCH_UP: next event sequence to look at
CONNECTION_END_EVENT = 5  # CATCH_UP: the stream ends before this event; 0 = it goes on
CONNECTION_BASE = 6  # of its output buffer, bytes
CONNECTION_HEAD = 7
CONNECTION_TAIL = 8
CONNECTION_READABLE = 9  # the socket may have bytes (edge-triggered: cleared when it is dry)
CONNECTION_WRITABLE = 10
CONNECTION_DIRTY = 11  # 1: in the queue of connections with bytes to be sent
CONNECTION_READY = 12  # 1: in the queue of connections to be read
CONNECTION_CARRY = 13  # bytes of an incomplete frame kept in its carry row
CONNECTION_SKIP = 14  # bytes of a debug packet to be skipped
CONNECTION_BYTES_IN = 15  # consumed since the connection was made
CONNECTION_MESSAGES_IN = 16
CONNECTION_RECEIVED_NS = 17  # CLOCK_MONOTONIC of the last byte received
CONNECTION_SENT_NS = 18  # ... of the last byte sent
CONNECTION_PROGRESS_NS = 19  # ... since when the output has been waiting without any progress
CONNECTION_DEADLINE_NS = 20  # CONNECTED, VERIFYING, FLUSHING, LINGERING: give up then
CONNECTION_CAUGHT_UP = 21  # 1 once it has been LIVE: its backlog is bounded from then on
CONNECTION_GENERATION = 22  # counts the uses of the row
CONNECTION_MIDNIGHT_NS = 23  # of the day of its stream
CONNECTION_NOTICED = 24  # 1: the notice of this connection's end has been left
CONNECTION_WORDS = 32

STATE_FREE = 0
STATE_CONNECTED = 1
STATE_VERIFYING = 2
STATE_LIVE = 3
STATE_CATCH_UP = 4
STATE_FLUSHING = 5
STATE_LINGERING = 6

# Words of a session's row (int64).
SESSION_NUMBER = 0  # number of messages so far: last session sequence seen
SESSION_CONNECTION = 1  # number of its connection + 1, 0 = none
SESSION_DISCONNECT = 2  # 1 while it is in the queue of disconnects
SESSION_ARRIVAL_NS = 3  # CLOCK_MONOTONIC: when its messages so far were due at its rate
SESSION_INTERVAL_NS = 4  # between two messages at its rate, 0 = no limit
SESSION_SLACK_NS = 5  # what may be due later than now: (burst - 1) intervals
SESSION_WORDS = 6


class OutputQueue(NamedTuple):
    """Output buffers of all connections and the queue of those that have something to send."""

    output: np.ndarray  # uint8[connections * size]
    size: np.ndarray  # int64[1]: bytes of one connection's buffer
    dirty: np.ndarray  # int64[connections]: rows of connections, each at most once
    dirty_count: np.ndarray  # int64[2]: [0] entries of `dirty`, [1] fallbacks to CATCH_UP


def create_connections(capacity: int, output_size_bytes: int) -> np.ndarray:
    """int64[capacity, CONNECTION_WORDS]: free connections with their places in the output."""
    connections = np.zeros((capacity, CONNECTION_WORDS), np.int64)
    connections[:, CONNECTION_BASE] = np.arange(capacity) * output_size_bytes
    connections[:, CONNECTION_FD] = -1
    return connections


def create_sessions(capacity: int) -> np.ndarray:
    """int64[capacity, SESSION_WORDS]: sessions without messages and connections."""
    return np.zeros((capacity, SESSION_WORDS), np.int64)


def set_message_rate(sessions: np.ndarray, session: int, rate: int, burst: int) -> None:
    """Let ``session`` send ``rate`` messages a second, ``burst`` at once; rate 0: no limit."""
    interval_ns = SECOND_NS // rate if rate else 0
    sessions[session, SESSION_INTERVAL_NS] = interval_ns
    sessions[session, SESSION_SLACK_NS] = max(burst - 1, 0) * interval_ns
    sessions[session, SESSION_ARRIVAL_NS] = 0


def create_output_queue(capacity: int, output_size_bytes: int) -> OutputQueue:
    """Empty buffers of ``output_size_bytes`` for ``capacity`` connections."""
    return OutputQueue(
        np.zeros(capacity * output_size_bytes, np.uint8),
        np.array([output_size_bytes], np.int64),
        np.zeros(capacity, np.int64),
        np.zeros(2, np.int64),
    )


class MessageRates:
    """How many messages of every kind each session may send, as its rate of orders says.

    The rate of orders is the matcher's (Parameter SESSION_RATE), which refuses single orders; this
    one holds for cancels, changes and nonsense too, and makes the client wait instead (intake.py).

    ``sessions``: int64[sessions, SESSION_WORDS]. ``per_order``: messages for each order, 0: all.

    ``known``: session -> orders a second and burst, session 0 for those defined later.
    """

    def __init__(
        self,
        sessions: np.ndarray,
        per_order: int,
        known: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        self._sessions = sessions
        self._per_order = per_order
        self._default = (0, 0)
        self._rates: dict[int, tuple[int, int]] = {}  # orders a second and burst, by session
        self._stopped = False  # the disk is nearly full: what still comes is to take long
        for session, (rate, burst) in (known or {}).items():
            self._set(session, rate, burst)

    def defined(self, session: int) -> None:
        """A session has been defined: it begins with the default."""
        self._set(session, *self._default)

    def learn(self, event: Any) -> None:
        """Take a PARAMETER_SET event."""
        parameter, value = int(event["parameter"]), int(event["price"])
        if parameter == Parameter.SESSION_RATE:
            self._set(int(event["session"]), value, int(event["quantity"]))
        elif parameter == Parameter.ORDERS_STOPPED:
            self._stopped = value != 0
            for session, (rate, burst) in self._rates.items():
                self._set(session, rate, burst)

    def _set(self, session: int, rate: int, burst: int) -> None:
        if session == 0:
            self._default = (rate, burst)
            return
        self._rates[session] = (rate, burst)
        messages, at_once = self._per_order * rate, self._per_order * burst
        if self._stopped:
            messages = min(messages, STOPPED_RATE) if messages else STOPPED_RATE
            at_once = STOPPED_RATE
        set_message_rate(self._sessions, session, messages, at_once)
