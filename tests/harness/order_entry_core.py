"""An exchange in this process for tests of order entry: real engine, archive in memory, no disk.

Session n trades for account n, which has money and stock enough for everything and may short.

``Core`` plays matcher and journaler in one thread: it takes commands from the ingress ring, applies
them with the real engine, appends the events to an array and releases them. ``GatewayProcess`` runs
the real OrderEntryAgent in another thread with its real idle strategy.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from exchange.codes import CommandKind, Parameter
from exchange.core import counters as counter_registry
from exchange.core import pipeline
from exchange.core.capacity import EngineCapacity
from exchange.core.counters import Counter
from exchange.engine.matcher import apply_commands
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import NEXT_EVENT
from exchange.engine.state.pointers import Rings, make_links
from exchange.gateway.order_entry import OrderEntryAgent, OrderEntryParameters
from exchange.gateway.passwords import hash_password
from exchange.gateway.session import (
    CONNECTION_SESSION,
    CONNECTION_STATE,
    SESSION_NUMBER,
    STATE_FREE,
)
from exchange.records import COMMAND, EVENT, INSTRUMENT_CONTINUATION
from ringbuffer.agent import AgentRunner
from ringbuffer.counters import COUNTER_STRIDE
from ringbuffer.idle import wake
from tests.harness.funding import funded, opened, parameter

DAY = 20260105
MIDNIGHT_NS = 1_767_571_200_000_000_000
SYMBOL = "ACME"
# of each account: 300 of them stay below the bounds of a currency and of a stock
MONEY = 1 << 52
STOCK = 1 << 22
PASSWORD = "secret"
UNREACHABLE_MS = 1_000_000_000  # a time-out that no test waits for
LONG_AGO_S = 2_000_000  # longer than that
NEARLY_LATE_S = 900_000
PASSWORD_HASH = hash_password(PASSWORD, n=16, salt=bytes(16))


def text_word(text: str) -> int:
    return int.from_bytes(text.encode("ascii").ljust(8), "little")


def username(session: int) -> str:
    return f"U{session:05d}"


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
    """Wait until ``condition()``; fail with ``what`` after ``timeout_s``."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what}"
        threading.Event().wait(0.002)


class MemoryArchive:
    """What order entry needs of the archive, over one array."""

    def __init__(self, capacity: int) -> None:
        self.events = np.zeros(capacity, EVENT)
        self.count = 0
        self.first = 0  # events below have been removed
        self.views = 0

    def append(self, events: np.ndarray) -> None:
        self.events[self.count : self.count + len(events)] = events
        self.count += len(events)

    def view(self, first: int, count: int) -> np.ndarray:
        self.views += 1
        assert first >= self.first
        return self.events[first : min(first + count, self.count)]

    def oldest(self) -> int:
        return self.first


class Core:
    """Matcher and journaler in one; ``pump`` does what is there to do."""

    def __init__(
        self,
        *,
        sessions: int = 8,
        decimals: tuple[int, ...] = (4, 4),
        ring_capacity: int = 4096,
        event_capacity: int = 8192,
        archive_capacity: int = 1 << 20,
        open_day: bool = True,
        cancel_on_disconnect: bool = False,
    ) -> None:
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.counters = np.zeros(counter_registry.COUNTER_WORDS, np.int64)
        self.ingress = np.zeros(ring_capacity, COMMAND)
        self.event_ring = np.zeros(event_capacity, EVENT)
        self.archive = MemoryArchive(archive_capacity)
        self.session_capacity = max(64, sessions + 2)
        self.state = create_state(
            EngineCapacity(
                instruments=64,
                sessions=self.session_capacity,
                orders=1 << 14,
                leaves=1 << 10,
                nodes=1 << 10,
                tokens=1 << 19,
                accounts=sessions + 2,
                positions=(sessions + 2) * 64,
            ),
            1,
        )
        self.commands = np.zeros(1 << 14, COMMAND)
        self.sequence = 0
        self.gateway_eventfd = os.eventfd(0, os.EFD_NONBLOCK)
        self.own_eventfd = os.eventfd(0, os.EFD_NONBLOCK)
        self.consume = True
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: BaseException | None = None
        accounts = range(1, sessions + 1)
        # a currency of its own for each number of decimals: values count in prices then
        currencies = {1 + places: places for places in decimals}
        self.apply(parameter(Parameter.SHORT_SALES, 1))
        self.apply(parameter(Parameter.CANCEL_ON_DISCONNECT, int(cancel_on_disconnect)))
        self.apply(opened(accounts, currencies))
        for number, places in enumerate(decimals, 1):
            self.instrument(number, SYMBOL if number == 1 else f"S{number}", places)
        for session in range(1, sessions + 1):
            self.command(
                kind=CommandKind.SESSION,
                session=session,
                quantity=session,  # its account
                token_0=text_word(username(session)),
            )
        instruments = range(1, len(decimals) + 1)
        self.apply(funded(accounts, currencies, instruments, money=MONEY, stock=STOCK))
        if open_day:
            self.start_day(DAY)

    # --- commands of the daemon -------------------------------------------------------------------

    def command(self, **fields: int) -> None:
        record = np.zeros(1, COMMAND)
        for name, value in fields.items():
            record[name] = int(value)
        self.apply(record)

    def instrument(self, number: int, symbol: str, decimals: int) -> None:
        record = np.zeros(2, COMMAND)
        record[0]["kind"] = int(CommandKind.INSTRUMENT)
        record[0]["flags"] = 1
        record[0]["instrument"] = number
        record[0]["token_0"] = text_word(symbol)
        record[0]["price"] = 1
        record[0]["quantity"] = 1
        record[0]["display"] = decimals
        rest = record[1:].view(INSTRUMENT_CONTINUATION)
        rest["minimum_price"] = 1
        rest["maximum_price"] = 1 << 29
        rest["maximum_quantity"] = 1_000_000
        rest["currency"] = 1 + decimals
        self.apply(record)

    def start_day(self, day: int) -> None:
        self.command(kind=CommandKind.START_OF_DAY, quantity=MIDNIGHT_NS, price=day)

    def end_day(self) -> None:
        self.command(kind=CommandKind.END_OF_DAY)

    def timer(self, second: int) -> None:
        record = np.zeros(1, COMMAND)
        record["kind"] = int(CommandKind.TIMER)
        self.apply(record, MIDNIGHT_NS + second * 1_000_000_000)

    # --- the pipeline -----------------------------------------------------------------------------

    def apply(self, records: np.ndarray, timestamp_ns: int = MIDNIGHT_NS + 5) -> None:
        """Sequence, apply, archive and release ``records``."""
        with self._lock:
            count = len(records)
            mask = len(self.commands) - 1
            stamped = records.copy()
            long_tail = np.zeros(count, bool)
            long_tail[1:] = (records["flags"][:-1] & 1) == 1
            stamped["timestamp_ns"][~long_tail] = timestamp_ns
            at = (self.sequence + np.arange(count)) & mask
            self.commands[at] = stamped
            base = int(self.state.scalars[NEXT_EVENT])
            private = np.zeros_like(self.cursors)
            private[pipeline.EVENT_RELEASED] = 1 << 62
            events = np.zeros(1 << 16, EVENT)
            nobody = np.full(16, -1, np.int64)
            rings = Rings(self.commands, events, base, private, nobody, make_links())
            emitted = apply_commands(self.state, rings, self.sequence, self.sequence + count)
            self.sequence += count
            self.cursors[pipeline.COMMAND_PUBLISHED] = self.sequence
            self.cursors[pipeline.COMMAND_APPLIED] = self.sequence
            self.cursors[pipeline.COMMAND_DURABLE] = self.sequence
            self.release(events[:emitted])

    def release(self, events: np.ndarray) -> None:
        """Put events into archive and ring, in batches as the ring allows, and wake the gateway."""
        first = self.archive.count
        self.archive.append(events)
        mask = len(self.event_ring) - 1
        for start in range(0, len(events), len(self.event_ring) // 4):
            part = events[start : start + len(self.event_ring) // 4]
            where = (first + start + np.arange(len(part))) & mask
            self.event_ring[where] = part
            self.cursors[pipeline.EVENT_PUBLISHED] = first + start + len(part)
        self.cursors[pipeline.EVENT_RELEASED] = first + len(events)
        wake(self.cursors, pipeline.sleeping(pipeline.AGENT_ORDER_ENTRY), self.gateway_eventfd)

    def pump(self) -> int:
        """Take what order entry has put into its ring; returns the slots taken."""
        published = int(self.cursors[pipeline.ingress_published(1)])
        consumed = int(self.cursors[pipeline.ingress_consumed(1)])
        count = min(published - consumed, 1024)
        if count == 0 or not self.consume:
            return 0
        at = (consumed + np.arange(count)) & (len(self.ingress) - 1)
        records = self.ingress[at]
        kinds = records["flags"] & 1
        if kinds[-1] and records["kind"][-1]:
            count -= 1
            records = records[:count]
            if count == 0:
                return 0
        self.apply(records, time.time_ns())
        self.cursors[pipeline.ingress_consumed(1)] = consumed + count
        return count

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not self.pump():
                    self._stop.wait(0.0005)
        except BaseException as error:
            self.error = error

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="core")
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        os.close(self.gateway_eventfd)
        os.close(self.own_eventfd)
        assert self.error is None, self.error

    def counter(self, counter: Counter) -> int:
        return int(self.counters[counter * COUNTER_STRIDE])


class GatewayProcess:
    """The real agent with its real idle strategy, run by a thread."""

    def __init__(self, core: Core, **parameters: Any) -> None:
        self.core = core
        passwords = parameters.pop("password_hashes", None)
        if passwords is None:
            passwords = {
                username(session): PASSWORD_HASH for session in range(1, core.session_capacity)
            }
        known = {
            name: parameters.pop(name)
            for name in ("known_instruments", "known_sessions")
            if name in parameters
        }
        self.agent = OrderEntryAgent(
            OrderEntryParameters(
                session_capacity=core.session_capacity, instrument_capacity=64
            )._replace(**parameters),
            cursors=core.cursors,
            counters=core.counters,
            ingress=core.ingress,
            event_ring=core.event_ring,
            archive=core.archive,
            password_hashes=passwords,
            eventfd=core.gateway_eventfd,
            matcher_eventfd=-1,
            **known,
        )
        self.status: int | None = None
        self._ready = threading.Event()
        self._end = False
        idle = self.agent.idle_strategy(100)
        self.runner = AgentRunner(
            self.agent, idle, limit=4096, should_stop=lambda: self.agent.finished
        )
        start = self.agent.on_start

        def started() -> None:
            start()
            self._ready.set()

        self.agent.on_start = started  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._run, name="gateway")

    def _run(self) -> None:
        self.status = self.runner.run()
        self._ready.set()

    def start(self) -> GatewayProcess:
        self._thread.start()
        assert self._ready.wait(120)
        assert self._thread.is_alive(), "the gateway did not start"
        self.port = self.agent.port
        return self

    # --- what a test knows better than a clock ----------------------------------------------------

    def connection(self, session: int) -> np.ndarray:
        """The row of a session's connection (CONNECTION_... words); 0: of one not logged in."""
        rows = self.agent.duty.connections
        own = (rows[:, CONNECTION_STATE] != STATE_FREE) & (rows[:, CONNECTION_SESSION] == session)
        found: np.ndarray = rows[np.flatnonzero(own)[0]]
        return found

    def let_time_pass(self, session: int, word: int, seconds: int = LONG_AGO_S) -> None:
        """Let the moment in ``word`` of the session's connection be so many seconds ago.

        With limits that no machine reaches, tests of time-outs make late only whom they mean.
        """
        self.connection(session)[word] = time.monotonic_ns() - seconds * 1_000_000_000

    def sent_messages(self, session: int) -> int:
        """How many messages the session's stream has by now, taken by a client or not."""
        return int(self.agent.duty.sessions[session, SESSION_NUMBER])

    def stop(self) -> int | None:
        """End at once, as a crash would, but for closed sockets."""
        self.runner.stop()
        self._thread.join(120)
        assert not self._thread.is_alive()
        return self.status

    def join(self, timeout_s: float = 120.0) -> int | None:
        """Wait for a graceful stop."""
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "the gateway did not end"
        return self.status
