"""Logins: from the first bytes of a connection to its place in its session's stream.

Who calls it: OrderEntryAgent, when bytes of a connection that has not logged in arrive and when the
verdict about its password is there. Invariant: a session never has two connections.

Decision GTW-3.
"""

from __future__ import annotations

import logging
import time

import numpy as np

from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway.arrays import MIDNIGHT_NS, MILLISECOND_NS
from exchange.gateway.connections import Connections
from exchange.gateway.notices import push_ready
from exchange.gateway.password_checks import PasswordChecks
from exchange.gateway.protocol import soupbintcp
from exchange.gateway.protocol.soupbintcp import LoginRequest, session_name
from exchange.gateway.session import (
    CONNECTION_CAUGHT_UP,
    CONNECTION_DEADLINE_NS,
    CONNECTION_END_EVENT,
    CONNECTION_EVENT,
    CONNECTION_GENERATION,
    CONNECTION_MIDNIGHT_NS,
    CONNECTION_NUMBER,
    CONNECTION_PROGRESS_NS,
    CONNECTION_READABLE,
    CONNECTION_RECEIVED_NS,
    CONNECTION_SENT_NS,
    CONNECTION_SESSION,
    CONNECTION_STATE,
    SESSION_CONNECTION,
    SESSION_NUMBER,
    STATE_CATCH_UP,
    STATE_LIVE,
    STATE_VERIFYING,
)
from exchange.gateway.session_index import SessionStreams
from ringbuffer.atomics import load_acquire

_HEARTBEATS_BEFORE_LOGIN = 8
_NEVER_NS = (1 << 63) - 1


class Logins:
    """Reads login requests and decides about them."""

    def __init__(
        self,
        connections: Connections,
        streams: SessionStreams,
        password_checks: PasswordChecks,
        cursors: np.ndarray,
    ) -> None:
        self._connections = connections
        self._streams = streams
        self._password_checks = password_checks
        self._cursors = cursors
        self._parameters = connections.parameters
        self._duty = connections.duty
        self._rows = connections.rows
        self._sessions = connections.duty.sessions

    def read(self, connection: int) -> None:
        """Read exactly the login request: what follows it stays in the kernel until then."""
        client = self._connections.sockets[connection]
        buffer = self._connections.login_bytes[connection]
        while True:
            header_known = len(buffer) >= soupbintcp.HEADER_SIZE_BYTES
            if header_known:
                length = (buffer[0] << 8) | buffer[1]
                if buffer[2] == soupbintcp.CLIENT_HEARTBEAT and length == 1:
                    del buffer[:3]
                    seen = self._connections.heartbeats_before_login.get(connection, 0) + 1
                    self._connections.heartbeats_before_login[connection] = seen
                    if seen <= _HEARTBEATS_BEFORE_LOGIN:
                        continue
                    self._connections.malformed(
                        connection, "heartbeats only; a login request 'L' must come first"
                    )
                    return
                if buffer[2] == soupbintcp.LOGOUT_REQUEST and length == 1:
                    self._connections.finish(connection, b"")
                    return
                if buffer[2] != soupbintcp.LOGIN_REQUEST or length != 47:
                    self._connections.malformed(
                        connection,
                        f"first packet has type {chr(buffer[2])!a} and length {length}; "
                        "a login request (type 'L', length 47) must come first",
                    )
                    return
                if len(buffer) == soupbintcp.LOGIN_REQUEST_SIZE_BYTES:
                    break
                wanted = soupbintcp.LOGIN_REQUEST_SIZE_BYTES - len(buffer)
            else:
                wanted = soupbintcp.HEADER_SIZE_BYTES - len(buffer)
            try:
                data = client.recv(wanted)
            except (BlockingIOError, InterruptedError):
                self._rows[connection, CONNECTION_READABLE] = 0
                return
            except OSError:
                data = b""
            if not data:
                self._connections.close(connection)
                return
            buffer += data
        try:
            request = soupbintcp.parse_login_request(bytes(buffer))
        except soupbintcp.MalformedPacket as error:
            self._connections.malformed(connection, str(error))
            return
        row = self._rows[connection]
        row[CONNECTION_STATE] = STATE_VERIFYING
        # From here on it waits for us: many logins at once are queued, and none of them is late.
        row[CONNECTION_DEADLINE_NS] = _NEVER_NS
        self._password_checks.submit(connection, int(row[CONNECTION_GENERATION]), request)

    def gone(self, connection: int) -> None:
        """The client has closed during the check of its password: drop the check."""
        self._password_checks.cancel(connection, int(self._rows[connection, CONNECTION_GENERATION]))
        self._connections.close(connection)

    def make_room(self) -> None:
        """Close the connection of a stranger when there are too many.

        First of those who have their answer and do not go, then of one who has waited long.
        """
        connections = self._connections
        strangers = len(connections.login_bytes) + len(connections.closing_strangers)
        if connections.free_connections and strangers < self._parameters.unauthenticated_capacity:
            return
        answered = next(iter(connections.closing_strangers), None)
        if answered is not None:
            connections.close(answered)
            return
        stranger = connections.stranger_to_close()
        if stranger is not None:
            connections.log_connection(logging.WARNING, "replaced by a newer connection", stranger)
            self.gone(stranger)

    def decide(self, connection: int, generation: int, request: LoginRequest, right: bool) -> None:
        """Accept or reject a login whose password has been checked."""
        row = self._rows[connection]
        if row[CONNECTION_GENERATION] != generation or row[CONNECTION_STATE] != STATE_VERIFYING:
            return  # that connection is gone
        session = self._streams.session_of_username.get(request.username)
        if not right or session is None:
            self._reject_login(
                connection, soupbintcp.REJECTED_NOT_AUTHORIZED, request, "not authorized"
            )
            return
        name = session_name(self._streams.day_number, session)
        refusal = ""
        if self._streams.day_number == 0:
            refusal = "no day has been started"
        elif load_acquire(self._cursors, pipeline.STOP_INTAKE) != 0:
            refusal = "the exchange is stopping"
        elif request.session not in ("", name):
            refusal = f"session {request.session!a} is not the current one"
        elif not self._take_over(session):
            refusal = "the session has a live connection"
        if refusal:
            self._reject_login(
                connection, soupbintcp.REJECTED_SESSION_NOT_AVAILABLE, request, refusal
            )
            return
        self._log_in(connection, session, request)

    def _reject_login(self, connection: int, reason: str, request: LoginRequest, why: str) -> None:
        self._connections.count(Counter.LOGINS_REJECTED)
        self._connections.log(
            logging.WARNING, "login rejected", username=request.username, reason=why
        )
        self._connections.finish(connection, soupbintcp.login_rejected(reason))

    def _take_over(self, session: int) -> bool:
        """Whether ``session`` is free, or its connection is dead; a dead one is closed."""
        connection = int(self._sessions[session, SESSION_CONNECTION]) - 1
        if connection < 0:
            return True
        row = self._rows[connection]
        silent_ns = time.monotonic_ns() - int(row[CONNECTION_RECEIVED_NS])
        # unread bytes are not silence
        if row[CONNECTION_READABLE] or silent_ns <= self._parameters.takeover_ms * MILLISECOND_NS:
            return False
        self._connections.log_connection(logging.WARNING, "replaced by a new login", connection)
        self._connections.finish(connection, soupbintcp.debug("replaced by a new login"))
        return True

    def _log_in(self, connection: int, session: int, request: LoginRequest) -> None:
        row = self._rows[connection]
        last = int(self._sessions[session, SESSION_NUMBER])
        first = last + 1 if request.sequence == 0 else min(request.sequence, last + 1)
        name = session_name(self._streams.day_number, session)
        accepted = soupbintcp.login_accepted(soupbintcp.LoginAccepted(name, first))
        try:
            # alone, and before anything else: it must end its own TCP segment
            sent = self._connections.sockets[connection].send(accepted)
        except OSError:
            sent = 0
        if sent != len(accepted):
            self._connections.close(connection)
            return
        now_ns = time.monotonic_ns()
        self._connections.login_done(connection)
        row[CONNECTION_SESSION] = session
        row[CONNECTION_NUMBER] = first - 1
        row[CONNECTION_MIDNIGHT_NS] = self._duty.words[MIDNIGHT_NS]
        row[CONNECTION_RECEIVED_NS] = row[CONNECTION_SENT_NS] = now_ns
        row[CONNECTION_PROGRESS_NS] = now_ns
        self._sessions[session, SESSION_CONNECTION] = connection + 1
        if self._streams.day_open and first == last + 1:
            row[CONNECTION_STATE] = STATE_LIVE
            row[CONNECTION_CAUGHT_UP] = 1
        else:
            row[CONNECTION_STATE] = STATE_CATCH_UP
            row[CONNECTION_EVENT] = self._streams.index.find(session, first)
            row[CONNECTION_END_EVENT] = 0 if self._streams.day_open else self._streams.day_end_event
            self._connections.catching_up.append(connection)
        if row[CONNECTION_READABLE]:
            push_ready(self._duty, connection)
        self._connections.count(Counter.LOGINS)
        self._connections.gauge_sessions()
        self._connections.log_connection(
            logging.INFO, "logged in", connection, stream=name, next_number=first
        )
