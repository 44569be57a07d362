"""Many order entry sessions driven by one thread, that know what must come back and when it stops.

Every session trades an instrument of its own, so what it is told depends on nobody else: the number
of answers is worked out beforehand (scripts/benchmarks/oracle.py). Its messages are cut at random
places, its socket is read in random pieces, and it stops reading for a while now and then. All
chance is seeded; what the scheduler does is not.
"""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import signal
import socket
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from exchange_process import PASSWORD, RunningExchange

from exchange.core import pipeline
from exchange.core.region import region_name
from exchange.gateway.protocol import soupbintcp
from ringbuffer.region import Region
from scripts.benchmarks import load, oracle

STAGES = ("matcher", "journaler", "order_entry")
SILENCE_S = 180.0  # nothing came for so long and something is missing: a hang
PRICE_PER_TICK = 100  # wire units
CURSORS = ("COMMAND_PUBLISHED", "COMMAND_APPLIED", "COMMAND_DURABLE", "EVENT_PUBLISHED",
           "EVENT_RELEASED")  # fmt: skip


def symbol(number: int) -> str:
    """The instrument of session ``number``."""
    return f"I{number}"


def write_instruments(path: Path, count: int) -> None:
    """Write instruments I1 .. I<count>, priced in 1/10000."""
    path.write_text(
        "".join(
            f'[[instrument]]\nid = {i}\nsymbol = "{symbol(i)}"\ncurrency = "USD"\n'
            "price_decimals = 4\n"
            "tick = 0.0001\nlot = 1\nminimum_price = 0.0001\nmaximum_price = 50000.0\n"
            "maximum_quantity = 1000000\n"
            for i in range(1, count + 1)
        )
    )


def describe(exchange: RunningExchange) -> str:
    """Cursors, flags and what every stage is doing: for the report of a hang."""
    lines = []
    region = Region.attach_read_only(region_name(exchange.data_directory.resolve()))
    try:
        cursors = region.arrays["cursors"]
        for name in CURSORS:
            lines.append(f"{name} {int(cursors[getattr(pipeline, name)])}")
        for ring in (pipeline.IngressRing.CONTROL, pipeline.IngressRing.ORDER_ENTRY):
            published = int(cursors[pipeline.ingress_published(ring)])
            consumed = int(cursors[pipeline.ingress_consumed(ring)])
            lines.append(f"ingress {ring}: published {published}, consumed {consumed}")
        consumed = int(cursors[pipeline.consumed(pipeline.AGENT_ORDER_ENTRY)])
        lines.append(f"events consumed by order entry {consumed}")
        for agent, name in enumerate(STAGES):
            asleep = int(cursors[pipeline.sleeping(agent)])
            lines.append(f"{name}: sleeping flag {asleep}, {_process(exchange.pid(name))}")
    finally:
        region.close()
    return "\n".join([*lines, exchange.log_tail(15)])


def _process(pid: int) -> str:
    found = [f"pid {pid}"]
    for what in ("wchan", "syscall", "stat"):
        with contextlib.suppress(OSError):
            found.append(f"{what} {Path(f'/proc/{pid}/{what}').read_text().strip()[:80]}")
    return ", ".join(found)


def holdings(number: int) -> dict[str, int]:
    """What the account of session ``number`` holds: of its own instrument, below its bound."""
    return {symbol(number): 1_000_000_000}


class Hang(AssertionError):
    """Answers are missing and nothing comes any more."""


class Session:
    """One session's flow, connection, and everything that it was told (message bytes, in order)."""

    def __init__(self, number: int, flow: load.OrderFlow, seed: int, chunk_bytes: int) -> None:
        self.number = number
        self.chance = random.Random(f"{seed}-{number}")
        prefix = number % 100
        raw, ends = load.to_wire(flow, symbol(number).encode(), PRICE_PER_TICK, prefix)
        self.data = memoryview(raw.tobytes())
        self.ends = ends
        expectation = oracle.expect(flow, prefix)
        self.by_type = expectation.by_type
        self.expected = int(sum(expectation.by_type.values()))
        self.limit = len(self.data)  # bytes that may be sent in this phase
        self.messages: list[bytes] = []
        self.sent = 0
        self.chunk_bytes = chunk_bytes
        self.first = 0  # messages before the load (start of day)
        self.paused_until_s = 0.0
        self.logged_in = False
        self.leave_at = -1  # bytes: it ends its connection once so many are sent; -1: it stays
        self.socket: socket.socket | None = None
        self._held = bytearray()
        self._port = 0

    @property
    def done(self) -> bool:
        return (
            self.logged_in
            and self.sent == len(self.data)
            and len(self.messages) - self.first >= self.expected
        )

    def connect(self, port: int, sequence: int) -> None:
        """Connect and send the login; the answer comes in ``receive``."""
        self.logged_in = False
        self.leave_at = -1
        self._port = port
        self._held.clear()
        self.socket = socket.create_connection(("127.0.0.1", port), 120.0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        user = f"S{self.number}".ljust(6) + PASSWORD.ljust(10) + " " * 10 + str(sequence).rjust(20)
        self.socket.sendall((1 + len(user)).to_bytes(2, "big") + b"L" + user.encode())
        self.socket.setblocking(False)

    def disconnect(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def boundary(self, position: int) -> int:
        """The end of the first message that ends at or behind byte ``position``."""
        return int(self.ends[int(np.searchsorted(self.ends, position))]) if position > 0 else 0

    def leave(self) -> None:
        """End the connection behind the message that is being sent; log in again at once.

        Only our side is shut down: everything that was sent arrives. What the exchange has not
        sent by then comes with the next login, from the number that we expect next.
        """
        if self.leave_at < 0 and self.logged_in:
            self.leave_at = self.boundary(self.sent)
            self._leave_if_due()

    def _leave_if_due(self) -> None:
        assert self.socket is not None
        if self.sent == self.leave_at:
            self.socket.shutdown(socket.SHUT_WR)

    @property
    def wants_to_send(self) -> bool:
        return self.logged_in and self.sent < self._end()

    def _end(self) -> int:
        return self.limit if self.leave_at < 0 else self.leave_at

    def send(self) -> bool:
        """Send one piece that ends wherever chance wants it. Whether anything went out."""
        assert self.socket is not None
        size = self.chance.randint(1, self.chunk_bytes)
        with contextlib.suppress(BlockingIOError):
            count = self.socket.send(self.data[self.sent : min(self.sent + size, self._end())])
            self.sent += count
            self._leave_if_due()
            return count > 0
        return False

    def receive(self, size: int) -> int:
        """Receive up to ``size`` bytes; how many sequenced messages were completed."""
        assert self.socket is not None
        with contextlib.suppress(BlockingIOError):
            try:
                data = self.socket.recv(size)
            except ConnectionResetError:
                data = b""
            if not data:
                assert self.sent == self.leave_at, f"the exchange closed session {self.number}"
                self.disconnect()
                self.connect(self._port, len(self.messages) + 1)
                return 0
            self._held += data
        held, at, before = bytes(self._held), 0, len(self.messages)
        while at + 2 <= len(held):
            end = at + 2 + int.from_bytes(held[at : at + 2], "big")
            if end > len(held):
                break
            kind = held[at + 2 : at + 3]
            if kind == b"S":
                self.messages.append(held[at + 3 : end])
            elif kind == b"A":
                accepted = int(held[at + 13 : end])
                assert accepted == len(self.messages) + 1, (self.number, accepted)
                self.logged_in = True
            else:
                assert kind == soupbintcp.SERVER_HEARTBEAT.to_bytes(1, "big"), held[at:end]
            at = end
        del self._held[:at]
        return len(self.messages) - before

    def check(self) -> None:
        """The answers are those of the matcher, every order is answered in the order sent."""
        answers = self.messages[self.first :]
        letters = Counter(message[:1].decode() for message in answers)
        wanted = {letter: count for letter, count in self.by_type.items() if count}
        assert dict(letters) == wanted, (self.number, letters, wanted)
        tokens = [m[9:23] for m in answers if m[:1] in (b"A", b"J")]
        assert tokens == sorted(set(tokens)), f"session {self.number}: orders answered out of order"


class Driver:
    """Drives ``sessions`` until every answer is there; raises ``Hang`` when nothing comes."""

    def __init__(self, exchange: RunningExchange, sessions: Sequence[Session], seed: int) -> None:
        self.exchange = exchange
        self.sessions = list(sessions)
        self.chance = random.Random(f"driver-{seed}")
        self.port = exchange.port
        self.stops = 0
        self.pauses = 0
        self.resumes = 0
        self._stopped_pid = 0
        self._continue_at_s = 0.0
        self._pids = {role: exchange.pid(role) for role in STAGES}

    def log_in(self) -> None:
        """Connect all at once, then wait for every login."""
        for session in self.sessions:
            session.connect(self.port, len(session.messages) + 1)
        self._until(lambda session: session.logged_in, send=False)

    def settle_start(self) -> None:
        """Take the messages that come before any order (the start of the day)."""
        self._until(lambda session: len(session.messages) == 1, send=False)
        for session in self.sessions:
            session.first = len(session.messages)

    def run(
        self,
        *,
        stop_share: float = 0.0,
        pause_share: float = 0.0,
        resume_share: float = 0.0,
        bursts: int = 1,
    ) -> None:
        """Send everything in ``bursts`` parts, each answered before the next; chances a round."""
        for burst in range(1, bursts + 1):
            for session in self.sessions:
                session.limit = session.boundary(len(session.data) * burst // bursts)
            if burst == bursts:
                self._until(lambda session: session.done, True, stop_share, pause_share,
                            resume_share)  # fmt: skip
            else:
                self._until(lambda session: session.sent == session.limit, True, stop_share,
                            pause_share, resume_share)  # fmt: skip
                self._quiet()

    def close(self) -> None:
        self._go_on()
        for session in self.sessions:
            session.disconnect()

    def _quiet(self) -> None:
        """Take answers until none came for a moment: every stage is asleep then."""
        quiet_since_s = time.monotonic()
        while time.monotonic() - quiet_since_s < 0.02:
            self._go_on()
            if sum(session.receive(1 << 16) for session in self.sessions):
                quiet_since_s = time.monotonic()
            time.sleep(0.001)

    def _go_on(self) -> None:
        if self._stopped_pid:
            os.kill(self._stopped_pid, signal.SIGCONT)
            self._stopped_pid = 0

    def _until(
        self,
        complete: object,
        send: bool,
        stop_share: float = 0.0,
        pause_share: float = 0.0,
        resume_share: float = 0.0,
    ) -> None:
        assert callable(complete)
        heard_s = time.monotonic()
        selector = selectors.DefaultSelector()
        open_sessions = [s for s in self.sessions if not complete(s)]
        wanted: dict[int, int] = {}
        try:
            while open_sessions or self._stopped_pid:
                now_s = time.monotonic()
                if self._stopped_pid and now_s >= self._continue_at_s:
                    self._go_on()
                    heard_s = now_s
                elif not self._stopped_pid and self.chance.random() < stop_share:
                    self._stopped_pid = self._pids[self.chance.choice(STAGES)]
                    os.kill(self._stopped_pid, signal.SIGSTOP)
                    self._continue_at_s = now_s + self.chance.choice((0.0, 0.002, 0.03, 0.1))
                    self.stops += 1
                wanted = {}
                for session in open_sessions:
                    if self.chance.random() < resume_share:
                        session.leave()
                        self.resumes += 1
                    if self.chance.random() < pause_share:
                        session.paused_until_s = now_s + self.chance.choice((0.005, 0.05, 0.3))
                        self.pauses += 1
                    mask = 0
                    if session.paused_until_s <= now_s:
                        mask |= selectors.EVENT_READ
                    if send and session.wants_to_send:
                        mask |= selectors.EVENT_WRITE
                    if mask:
                        assert session.socket is not None
                        wanted[session.socket.fileno()] = mask
                        selector.register(session.socket, mask, session)
                for key, ready in selector.select(0.002 if stop_share or pause_share else 0.05):
                    session = key.data
                    if ready & selectors.EVENT_WRITE and session.send():
                        heard_s = time.monotonic()
                    if ready & selectors.EVENT_READ:
                        size = session.chance.choice((7, 300, 1 << 12, 1 << 16))
                        session.receive(size)
                        heard_s = time.monotonic()
                for session in open_sessions:
                    with contextlib.suppress(KeyError, ValueError):
                        assert session.socket is not None
                        selector.unregister(session.socket)
                open_sessions = [s for s in open_sessions if not complete(s)]
                if time.monotonic() - heard_s > SILENCE_S:
                    missing = {
                        s.number: (s.sent, len(s.data), len(s.messages) - s.first, s.expected)
                        for s in open_sessions
                    }
                    raise Hang(
                        f"nothing for {SILENCE_S:g} s; session: (sent, bytes, answers, expected) "
                        f"{missing}\n{describe(self.exchange)}"
                    )
        finally:
            selector.close()
            self._go_on()

    def verify(self) -> None:
        """Counts and order are right, nothing comes beyond, and the streams repeat to the byte."""
        for session in self.sessions:
            session.check()
        told = {session.number: session.messages for session in self.sessions}
        for session in self.sessions:
            session.leave()
            session.messages = []  # it logs in again at the first one
        self._until(lambda s: s.logged_in and len(s.messages) >= len(told[s.number]), send=False)
        for session in self.sessions:
            again = session.messages
            assert again == told[session.number], f"session {session.number}: another stream"


def flows(count: int, messages: int, seed: int, chunk_bytes: int) -> list[Session]:
    """Sessions 1 .. count, each with orders and cancels of its own."""
    return [
        Session(number, load.generate(messages, seed * 1000 + number), seed, chunk_bytes)
        for number in range(1, count + 1)
    ]


def sweeps(depth: int, times: int) -> load.OrderFlow:
    """``times`` times: ``depth`` sell orders of one share, then a buy order that takes them all."""
    size = (depth + 1) * times
    buys = np.arange(size) % (depth + 1) == depth
    return load.OrderFlow(
        np.zeros(size, np.bool_),
        np.where(buys, 0, 1),
        np.where(buys, 20_000, 10_000 + np.arange(size) % 7),
        np.where(buys, depth, 1),
        np.arange(size),
    )
