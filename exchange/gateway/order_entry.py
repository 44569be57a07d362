"""The order entry gateway: an agent that serves SoupBinTCP / OUCH clients.

One process, one epoll. Messages go through the jitted duty cycle (duty_cycle.py); this file does
the rarer work: accept, errors, end of session (with login.py, connections.py and catch_up.py). It
produces into the ingress ring of order entry and reads released events without gating the ring;
events that the ring does not have any more it reads from the archive.

Invariants: one live connection per session; the messages of a session are a function of the event
stream only, so a resumed stream repeats them byte for byte; a client that does not read costs the
other clients nothing, because its messages then wait in the archive and not here.

Decisions GTW-3, GTW-7 and RNG-1.
"""

from __future__ import annotations

import logging
import select
import socket
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from exchange.codes import EventKind
from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.core.event_archive import EventArchive
from exchange.gateway.arrays import (
    DISCONNECT_COUNT,
    EVENT_NEXT,
    FD_EPOLL,
    FD_LISTENER,
    FD_MATCHER,
    FD_OWN,
    FILE_DESCRIPTOR_MAXIMUM,
    HANDOVER,
    MIDNIGHT_NS,
    MILLISECOND_NS,
    NEXT_SEQUENCE,
    NOTICES,
    READABLE_END,
    VERDICT,
    Handover,
    Notice,
    create_duty_state,
    queue_disconnect,
    set_limits,
)
from exchange.gateway.catch_up import CatchUp, copy_bytes, mismatch
from exchange.gateway.connections import (
    Connections,
    Waiting,
    WaitingNotices,
    address_text,
    listen,
)
from exchange.gateway.decoder_stop import explain_stop
from exchange.gateway.delivery import batch_room, encode_batch
from exchange.gateway.duty_cycle import duty_cycle, serve
from exchange.gateway.idle import OrderEntryIdle
from exchange.gateway.login import Logins
from exchange.gateway.parameters import OrderEntryParameters
from exchange.gateway.password_checks import PasswordChecks
from exchange.gateway.protocol import soupbintcp
from exchange.gateway.session import (
    CONNECTION_END_EVENT,
    CONNECTION_MESSAGES_IN,
    CONNECTION_READABLE,
    CONNECTION_STATE,
    SESSION_NUMBER,
    STATE_CATCH_UP,
    STATE_CONNECTED,
    STATE_FREE,
    STATE_LIVE,
    STATE_VERIFYING,
    MessageRates,
)
from exchange.gateway.session_index import INDEX_INTERVAL_EVENTS, SessionStreams, first_event
from exchange.gateway.symbols import add_instrument
from exchange.records import word_text
from ringbuffer.atomics import load_acquire
from ringbuffer.jit import compile_for

__all__ = ["OrderEntryAgent", "OrderEntryIdle", "OrderEntryParameters"]

_STRANGERS_NS = 200_000  # of each pass; those who are logged in are served between two passes
_ACCEPT_RETRY_NS = 100 * MILLISECOND_NS
CYCLES = 64  # without a return to the interpreter: some milliseconds when each is full


class OrderEntryAgent:
    """The gateway as an agent; see ringbuffer/agent.py for who calls what.

    ``cursors``: int64[CURSOR_WORDS]; ``counters``: int64[COUNTER_WORDS]; ``ingress``: COMMAND of
    ingress ring 1; ``event_ring``: EVENT. ``password_hashes``: username -> scrypt string.
    ``eventfd``: our own, ``matcher_eventfd``: the matcher's (-1: nobody to wake). ``listener``: a
    bound, listening socket, otherwise host and port are bound in ``on_start`` (PortInUse).
    ``known_instruments``: id -> (symbol, price_decimals), ``known_sessions``: id -> username, and
    ``known_rates``: id -> orders a second and burst (0: of those defined later) are needed only
    where the archive no longer reaches back to their definitions.
    """

    name = "order_entry"

    def __init__(
        self,
        parameters: OrderEntryParameters,
        *,
        cursors: np.ndarray,
        counters: np.ndarray,
        ingress: np.ndarray,
        event_ring: np.ndarray,
        archive: EventArchive,
        password_hashes: dict[str, str],
        eventfd: int,
        matcher_eventfd: int,
        listener: socket.socket | None = None,
        known_instruments: Mapping[int, tuple[str, int]] | None = None,
        known_sessions: Mapping[int, str] | None = None,
        known_rates: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        self.parameters = parameters
        self._cursors = cursors
        self._archive = archive
        self._listener = listener
        self._epoll: select.epoll | None = None
        self._eventfd = eventfd
        self.duty = create_duty_state(
            cursors,
            counters,
            ingress,
            event_ring,
            connection_capacity=parameters.connection_capacity,
            session_capacity=parameters.session_capacity,
            instrument_capacity=parameters.instrument_capacity,
            receive_bytes=parameters.receive_bytes,
            output_bytes=parameters.output_bytes,
            batch_events=parameters.batch_events,
        )
        self._words = self.duty.words
        self._password_checks = PasswordChecks(
            password_hashes,
            eventfd,
            parameters.password_threads,
            self._words[VERDICT : VERDICT + 1],
        )
        self._rows = self.duty.connections
        self._sessions = self.duty.sessions
        self._rates = MessageRates(self._sessions, parameters.messages_per_order, known_rates)
        set_limits(self.duty, parameters, INDEX_INTERVAL_EVENTS)
        self.duty.descriptors[FD_OWN] = eventfd
        self.duty.descriptors[FD_MATCHER] = matcher_eventfd
        # where a process before this one has ended; what it had not published is lost
        published = pipeline.ingress_published(pipeline.IngressRing.ORDER_ENTRY)
        self._words[NEXT_SEQUENCE] = load_acquire(cursors, published)
        self._streams = SessionStreams(parameters.session_capacity)
        self._connections = Connections(parameters, self.duty, counters)
        self._catch_up = CatchUp(self._connections, archive)
        self._logins = Logins(self._connections, self._streams, self._password_checks, cursors)
        for instrument, (symbol, decimals) in (known_instruments or {}).items():
            word = np.frombuffer(symbol.encode("ascii").ljust(8), np.uint64)[0]
            add_instrument(self.duty.symbols, instrument, word, decimals)
        for session, username in (known_sessions or {}).items():
            self._know_session(session, username)
        self._notices = WaitingNotices(self.duty)
        self._accept_more = False
        self._accept_after_ns = 0
        self._stopping = False

    # --- start and end --------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """TCP port that is listened on."""
        assert self._listener is not None
        return int(self._listener.getsockname()[1])

    @property
    def finished(self) -> bool:
        """Whether a graceful stop is complete: no client is connected any more."""
        return self._stopping and not self._connections.sockets

    def on_start(self) -> None:
        """Read the current day from the archive, then listen."""
        started_ns = time.monotonic_ns()
        self._recover()
        if self._listener is None:
            self._listener = listen(self.parameters)
        self._listener.setblocking(False)
        self._epoll = select.epoll()
        self.duty.descriptors[FD_EPOLL] = self._epoll.fileno()
        self.duty.descriptors[FD_LISTENER] = self._listener.fileno()
        edge = select.EPOLLIN | select.EPOLLET
        self._epoll.register(self._listener.fileno(), edge)
        if self._eventfd >= 0:
            self._epoll.register(self._eventfd, edge)
        # Whoever was connected before us is not any more. Before anything that clients send: this
        # cycle puts it into the ring.
        queue_disconnect(self.duty, 0)
        duty_cycle(self.duty, 0, False, 0)
        self.compile()
        self._connections.log(
            logging.INFO,
            "listening",
            address=address_text(self._listener.getsockname()),
            events_read=int(self._words[EVENT_NEXT]),
            start_ms=(time.monotonic_ns() - started_ns) // MILLISECOND_NS,
        )

    def compile(self) -> None:
        """Compile, or read back, all that is called once clients come; nothing runs."""
        compile_for(duty_cycle, self.duty, 0, True, 0)
        compile_for(serve, self.duty, 0, 0, CYCLES)
        compile_for(encode_batch, self.duty, 0)
        compile_for(batch_room, self.duty, 0, 0)
        self._catch_up.compile()

    def set_passwords(self, password_hashes: dict[str, str]) -> None:
        """From now on logins are checked against these; who is logged in stays."""
        self._password_checks.replace(password_hashes)

    def on_close(self) -> None:
        """Close every socket."""
        self._password_checks.close()
        for connection in list(self._connections.sockets):
            self._connections.close(connection)
        if self._epoll is not None:
            self._epoll.close()
        if self._listener is not None:
            self._listener.close()

    def idle_strategy(self, timeout_ms: int = 1_000) -> OrderEntryIdle:
        """The blocking idle strategy for this agent: waits for sockets and for its eventfd."""
        return OrderEntryIdle(self._connections, self._cursors, self._eventfd, timeout_ms)

    # --- duty cycle -----------------------------------------------------------------------------

    def do_work(self, limit: int) -> int:
        """One duty cycle over sockets and events; at most ``limit`` events."""
        words = self._words
        work = 0
        for verdict in self._password_checks.verdicts():
            self._logins.decide(*verdict)
            work += 1
        intake = load_acquire(self._cursors, pipeline.STOP_INTAKE) == 0
        work += int(duty_cycle(self.duty, limit, intake, 0))
        if words[HANDOVER]:
            self._hand_over()
        if words[NOTICES]:
            self._accept_more |= self._notices.take()
        if self._notices or self._accept_more:
            work += self._serve_strangers()
        if self.duty.queue.dirty_count[1]:
            self._catch_up.find()
        if self._connections.catching_up:
            work += self._catch_up.work()
        if not intake:
            work += self._stop()
        return work

    def _serve_strangers(self) -> int:
        """Handle notices and new connections for a bounded time; returns how many."""
        now_ns = time.monotonic_ns()
        done = self._notices.handle(self._handle, now_ns + _STRANGERS_NS)
        if self._accept_more and now_ns >= self._accept_after_ns:
            done += self._accept(now_ns + _STRANGERS_NS)
        return done

    def serve(self, limit: int, timeout_ms: int) -> int:
        """Many duty cycles and sleeps without the interpreter; returns the work done, perhaps 0.

        See ringbuffer/agent.py. ``do_work`` comes before every call of it.
        """
        if self._accept_more or self._notices:
            return 0
        if self._connections.catching_up and self._catch_up.ready():
            return 0  # those who do not read keep nobody from the quick way
        if self._connections.sockets:
            timeout_ms = min(timeout_ms, self.parameters.timer_interval_ms)
        return int(serve(self.duty, limit, timeout_ms, CYCLES))

    def _hand_over(self) -> None:
        outcome = self._words[HANDOVER]
        sequence = int(self._words[EVENT_NEXT])
        if outcome == Handover.LAPPED:
            self._connections.count(Counter.ORDER_ENTRY_LAPPED)
            released = load_acquire(self._cursors, pipeline.EVENT_RELEASED)
            self._consume_archive(released, self.parameters.batch_events)
        elif outcome == Handover.CONTROL:
            batch = self._catch_up.batch
            count = self._catch_up.read(sequence, 1, batch)
            assert count == 1
            self._control_event(batch[0])
        elif outcome == Handover.BOUNDARY:
            self._streams.index.add(sequence, self._sessions[:, SESSION_NUMBER])
        else:
            mismatch(sequence)

    def _consume_archive(self, end: int, limit: int) -> int:
        """Consume events below ``end`` from the archive; returns how many."""
        count = int(batch_room(self.duty, end, limit))
        view = self._archive.view(int(self._words[EVENT_NEXT]), count)
        assert len(view) > 0, f"event {self._words[EVENT_NEXT]} is released and not in the archive"
        copy_bytes(view, self.duty.batch)
        self._words[HANDOVER] = Handover.NOTHING
        done = int(encode_batch(self.duty, len(view)))
        if self._words[HANDOVER]:
            self._hand_over()
        return done

    def _recover(self) -> None:
        """Consume every released event: instruments, sessions, the day, all counters."""
        released = load_acquire(self._cursors, pipeline.EVENT_RELEASED)
        self._words[EVENT_NEXT] = first_event(self._archive, released)
        while self._words[EVENT_NEXT] < released:
            self._consume_archive(released, self.parameters.batch_events)

    def _know_session(self, session: int, username: str) -> None:
        """A name keeps its first session: a journal of an older build may have it twice."""
        if self._streams.session_of_username.setdefault(username, session) != session:
            self._connections.log(logging.WARNING, "user name is defined twice", session=session)

    # --- events that are not messages -----------------------------------------------------------

    def _control_event(self, event: Any) -> None:
        kind = int(event["kind"])
        sequence = int(event["sequence"])
        if kind == EventKind.INSTRUMENT_DEFINED:
            instrument = int(event["instrument"])
            if not add_instrument(
                self.duty.symbols, instrument, event["token_0"], int(event["display"])
            ):
                self._connections.log(
                    logging.WARNING, "symbol is defined twice", instrument=instrument
                )
        elif kind == EventKind.SESSION_DEFINED:
            self._know_session(int(event["session"]), word_text(event["token_0"]))
            self._rates.defined(int(event["session"]))
        elif kind == EventKind.PARAMETER_SET:
            self._rates.learn(event)
        elif kind == EventKind.DAY_STARTED:
            self._streams.day_number = int(event["price"])
            self._streams.day_open = True
            self._words[MIDNIGHT_NS] = event["quantity"]
            self._sessions[:, SESSION_NUMBER] = 0
            self._streams.index.restart(sequence)
        elif kind == EventKind.DAY_ENDED:
            self._streams.day_open = False
            self._streams.day_end_event = sequence
            self._end_streams(sequence)
        self._words[EVENT_NEXT] = sequence + 1
        if (sequence + 1) % INDEX_INTERVAL_EVENTS == 0 and self._streams.day_number:
            self._streams.index.add(sequence + 1, self._sessions[:, SESSION_NUMBER])

    def _end_streams(self, end_event: int) -> None:
        """End the sessions that are up to date; the others first get the messages they miss."""
        for connection in list(self._connections.sockets):
            row = self._rows[connection]
            if row[CONNECTION_STATE] == STATE_LIVE:
                self._catch_up.end_session(connection)
            elif row[CONNECTION_STATE] == STATE_CATCH_UP and row[CONNECTION_END_EVENT] == 0:
                row[CONNECTION_END_EVENT] = end_event

    def _stop(self) -> int:
        """Graceful stop: disconnect all sessions; end them once all their events are released."""
        if self._stopping:
            return 0
        if not self._connections.leaving:
            # nothing is read any more, and no client can reconnect before the exchange is back:
            # orders that end with their connection end now, while their owners still get it
            self._connections.leaving = True
            queue_disconnect(self.duty, 0)
            return 1
        if not self._quiet():
            return 0
        self._stopping = True
        self._end_streams(int(self._words[EVENT_NEXT]))
        for connection in list(self._connections.sockets):
            if self._rows[connection, CONNECTION_STATE] in (STATE_CONNECTED, STATE_VERIFYING):
                self._connections.close(connection)
        return 1

    def _quiet(self) -> bool:
        """Whether everything that clients have sent is sequenced, durable, released and sent."""

        def at(word: int) -> int:
            # acquire, in the order of the flow: what left one stage is seen in the next
            return load_acquire(self._cursors, word)

        event = int(self._words[EVENT_NEXT])
        if at(pipeline.STOP) != 0:
            return event >= at(pipeline.EVENT_RELEASED)
        ring = pipeline.IngressRing.ORDER_ENTRY
        return (
            int(self._words[DISCONNECT_COUNT]) == 0
            and at(pipeline.ingress_consumed(ring)) == at(pipeline.ingress_published(ring))
            and at(pipeline.COMMAND_APPLIED) == at(pipeline.COMMAND_PUBLISHED)
            and at(pipeline.COMMAND_DURABLE) == at(pipeline.COMMAND_PUBLISHED)
            and at(pipeline.EVENT_RELEASED) == at(pipeline.EVENT_PUBLISHED)
            and event == at(pipeline.EVENT_RELEASED)
        )

    # --- notices --------------------------------------------------------------------------------

    def _handle(self, notice: Waiting) -> None:
        kind, connection = notice.kind, notice.connection
        state = self._rows[connection, CONNECTION_STATE]
        if state == STATE_FREE:
            return
        if kind == Notice.UNAUTHENTICATED:
            if state == STATE_CONNECTED:
                self._logins.read(connection)
            elif state == STATE_VERIFYING and (
                self._rows[connection, CONNECTION_READABLE] & READABLE_END
            ):
                self._logins.gone(connection)
        elif kind == Notice.STOPPED:
            self._stopped(connection, notice.detail_0, notice.detail_1)
        elif kind == Notice.DRAIN:
            self._connections.drain(connection)
        elif kind == Notice.FLUSHED:
            self._connections.flushed(connection)
        elif kind == Notice.PEER_CLOSED:
            self._connections.log_connection(
                logging.INFO, "client closed", connection, errno=notice.detail_0
            )
            self._connections.close(connection)
        elif kind == Notice.GIVE_UP:
            self._connections.close(connection)
        elif kind == Notice.LOGIN_TIMEOUT:
            self._connections.count(Counter.CLIENT_TIMEOUTS)
            self._connections.log_connection(logging.INFO, "no login in time", connection)
            what = f"no login request within {self.parameters.login_timeout_ms} ms"
            self._connections.finish(connection, soupbintcp.debug(what))
        elif kind == Notice.SILENT:
            self._connections.count(Counter.CLIENT_TIMEOUTS)
            self._connections.log_connection(logging.INFO, "client silent", connection)
            what = (
                f"nothing received for {self.parameters.client_timeout_ms} ms; "
                "send a heartbeat 'R' after 1 s of silence"
            )
            self._connections.finish(connection, soupbintcp.debug(what))
        elif kind == Notice.BACKLOG:
            self._connections.cut_off(connection, f"cut off: {notice.detail_0} messages behind")
        else:
            stalled_ms = self.parameters.stall_timeout_ms
            self._connections.cut_off(connection, f"cut off: no byte taken for {stalled_ms} ms")

    def _stopped(self, connection: int, detail: int, offset: int) -> None:
        explanation = explain_stop(
            detail & 0xFF,
            (detail >> 8) & 0xFF,
            detail >> 16,
            offset,
            int(self._rows[connection, CONNECTION_MESSAGES_IN]),
        )
        if explanation is None:
            self._connections.log_connection(logging.INFO, "logout", connection)
            self._connections.finish(connection, b"")
            return
        self._connections.malformed(connection, explanation)

    # --- connections ----------------------------------------------------------------------------

    def _accept(self, end_ns: int) -> int:
        """Accept one connection at least and others until ``end_ns``; returns how many came."""
        assert self._listener is not None and self._epoll is not None
        count = 0
        while count == 0 or time.monotonic_ns() < end_ns:
            try:
                client, address = self._listener.accept()
            except BlockingIOError:
                self._accept_more = False
                return count
            except OSError as error:
                # the client has disconnected, or no descriptor is left: other clients go on
                self._connections.log(logging.WARNING, "accept failed", error=str(error))
                self._accept_after_ns = time.monotonic_ns() + _ACCEPT_RETRY_NS
                return count
            count += 1
            self._connections.count(Counter.CONNECTIONS_ACCEPTED)
            self._logins.make_room()
            if (
                not self._connections.free_connections
                or client.fileno() >= FILE_DESCRIPTOR_MAXIMUM
                or load_acquire(self._cursors, pipeline.STOP_INTAKE) != 0
            ):
                self._connections.log(
                    logging.WARNING, "connection refused", open=len(self._connections.sockets)
                )
                client.close()
                continue
            self._connections.add(client, str(address[0]))
            self._epoll.register(
                client.fileno(),
                select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET,
            )
        return count
