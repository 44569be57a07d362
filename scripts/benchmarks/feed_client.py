"""Thousands of WebSocket clients in one thread, cheap enough to share the cores with the feed.

The handshakes are made here with plain sockets; then a jitted loop waits in epoll, takes what has
come and goes through the frames. Of every connection the trades are counted; of a sample of them
each trade's sequence is read and the time is taken right after the bytes were received. Frames
are parsed from RFC 6455, not with the product's code.
"""

from __future__ import annotations

import base64
import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import orjson

from ringbuffer.jit import jit
from ringbuffer.system_calls import (
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    EAGAIN,
    EINTR,
    EPOLL_EVENT_SIZE_BYTES,
    MSG_DONTWAIT,
    clock_ns,
    epoll_wait,
    errno,
    recv,
    usleep,
)
from scripts.benchmarks.result import check

CONNECTIONS_AT_ONCE = 100  # handshakes that are under way at a time
RECEIVE_BYTES = 1 << 20
CARRY_BYTES = 1 << 12  # of an unfinished frame; larger frames are not expected
ENTRIES = 1024  # events taken from epoll at a time
SLICE_NS = 50_000_000  # the jitted loop returns so often
# A client that sleeps in epoll is woken by the next byte to any of its sockets, and the sender pays
# for that: on one machine a thousand clients in one thread would cost it what no real ones do.
PAUSE_US = 300
TIMEOUT_S = 300.0
# A client that says nothing for 20 s is pinged and for 60 s closed. The loop does not answer pings:
# each connection sends a pong now and then, which needs no ping before it (RFC 6455, 5.5.3).
SIGN_OF_LIFE_S = 15.0
PONG = b"\x8a\x80" + bytes(4)  # masked, with nothing in it

# totals
FRAMES = 0
TRADES = 1
BYTES = 2
ACKNOWLEDGED = 3
OTHERS = 4  # heartbeats and the like
ERRORS = 5  # error messages, frames that are neither text nor ping
CLOSED = 6
SAMPLES = 7
RECEIVES = 8
TOTALS = 9


@jit
def _sequence(buffer: np.ndarray, at: int, end: int) -> int:
    """The number after ``"sequence":`` in ``buffer[at:end]``; -1 where there is none."""
    i = at
    while i < end - 11:
        if (
            buffer[i] == 0x22
            and buffer[i + 1] == 0x73
            and buffer[i + 2] == 0x65
            and buffer[i + 3] == 0x71
            and buffer[i + 9] == 0x22
        ):
            i += 11
            value = 0
            while i < end and 0x30 <= buffer[i] <= 0x39:
                value = value * 10 + np.int64(buffer[i]) - 0x30
                i += 1
            return value
        i += 1
    return -1


@jit
def _take_frames(
    connection: int,
    buffer: np.ndarray,
    end: int,
    now_ns: int,
    trades: np.ndarray,
    samples: np.ndarray,
    totals: np.ndarray,
) -> int:
    """Go through the whole frames in ``buffer[:end]``. Returns where the unfinished one begins.

    ``now_ns``: 0 where no sample is taken.
    """
    at = 0
    while end - at >= 2:
        size = np.int64(buffer[at + 1])
        header = 2
        if size == 126:
            header = 4
            if end - at < header:
                break
            size = np.int64(buffer[at + 2]) << 8 | np.int64(buffer[at + 3])
        elif size == 127:
            header = 10
            if end - at < header:
                break
            size = 0
            for i in range(2, 10):
                size = size << 8 | np.int64(buffer[at + i])
        if end - at < header + size:
            break
        payload = at + header
        totals[FRAMES] += 1
        # {"type":"trade", ticker, subscribed, error ...: the tenth and eleventh characters
        kind = buffer[payload + 9] if size > 11 else 0
        if buffer[at] != 0x81:
            if buffer[at] != 0x89:  # a ping
                totals[ERRORS] += 1
        elif kind == 0x74 and buffer[payload + 10] == 0x72:
            totals[TRADES] += 1
            trades[connection] += 1
            if now_ns and totals[SAMPLES] < samples.shape[0]:
                row = totals[SAMPLES]
                samples[row, 0] = connection
                samples[row, 1] = _sequence(buffer, payload, payload + size)
                samples[row, 2] = now_ns
                totals[SAMPLES] = row + 1
        elif kind == 0x73:
            totals[ACKNOWLEDGED] += 1
        elif kind == 0x65:
            totals[ERRORS] += 1
        else:
            totals[OTHERS] += 1
        at = payload + size
    return at


@jit
def receive(
    epoll: int,
    entries: np.ndarray,
    descriptors: np.ndarray,
    buffer: np.ndarray,
    carry: np.ndarray,
    held: np.ndarray,
    trades: np.ndarray,
    samples: np.ndarray,
    sample_every: int,
    totals: np.ndarray,
    slice_ns: int,
    pause_us: int,
) -> int:
    """Receive for ``slice_ns``. 0; or -1 a connection was closed, -2 a frame that is too large.

    ``pause_us``: after each look at all that was there.
    """
    scratch = np.zeros(2, np.int64)
    until_ns = clock_ns(CLOCK_MONOTONIC, scratch) + slice_ns
    while clock_ns(CLOCK_MONOTONIC, scratch) < until_ns:
        ready = epoll_wait(np.int32(epoll), entries.ctypes.data, np.int32(ENTRIES), np.int32(10))
        if ready < 0 and errno() != EINTR:
            return -1
        for k in range(ready):
            place = k * EPOLL_EVENT_SIZE_BYTES + EPOLL_EVENT_SIZE_BYTES - 8
            connection = (
                np.int64(entries[place])
                | np.int64(entries[place + 1]) << 8
                | np.int64(entries[place + 2]) << 16
            )
            begin = held[connection]
            for i in range(begin):
                buffer[i] = carry[connection, i]
            got = recv(
                np.int32(descriptors[connection]),
                buffer[begin:].ctypes.data,
                np.uint64(buffer.shape[0] - begin),
                np.int32(MSG_DONTWAIT),
            )
            if got <= 0:
                if got < 0 and errno() == EAGAIN:
                    continue
                totals[CLOSED] += 1
                return -1
            now_ns = 0
            if connection % sample_every == 0:
                now_ns = clock_ns(CLOCK_REALTIME, scratch)
            end = begin + got
            totals[BYTES] += got
            totals[RECEIVES] += 1
            at = _take_frames(connection, buffer, end, now_ns, trades, samples, totals)
            rest = end - at
            if rest > carry.shape[1]:
                return -2
            for i in range(rest):
                carry[connection, i] = buffer[at + i]
            held[connection] = rest
        if 0 < ready < ENTRIES and pause_us > 0:
            usleep(np.uint32(pause_us))
    return 0


class Clients:
    """``count`` connections. ``sample_every``: of each so-many-th connection trades are sampled."""

    def __init__(self, count: int, sample_every: int, samples: int) -> None:
        self.sockets: list[socket.socket] = []
        self.totals = np.zeros(TOTALS, np.int64)
        self.trades = np.zeros(count, np.int64)  # by connection
        self.samples = np.zeros((max(1, samples), 3), np.int64)  # connection, sequence, received
        self._sample_every = sample_every
        self._carry = np.zeros((count, CARRY_BYTES), np.uint8)
        self._held = np.zeros(count, np.int64)
        self._descriptors = np.zeros(count, np.int64)
        self._buffer = np.zeros(RECEIVE_BYTES, np.uint8)
        self._entries = np.zeros(ENTRIES * EPOLL_EVENT_SIZE_BYTES, np.uint8)
        self._epoll = select.epoll()
        self._stop = threading.Event()
        self._outcome = 0

    def add(self, connected: socket.socket, received: bytes = b"") -> None:
        """Take a connection; ``received``: what has come after the handshake already."""
        number = len(self.sockets)
        # every segment would be acknowledged at once, on loopback at the sender's cost
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        self.sockets.append(connected)
        self._descriptors[number] = connected.fileno()
        self._held[number] = len(received)
        self._carry[number, : len(received)] = np.frombuffer(received, np.uint8)
        event = select.EPOLLIN
        # select.epoll reports descriptors; the jitted loop wants the connection's number
        _register(self._epoll.fileno(), connected.fileno(), event, number)

    def connect(self, port: int, count: int, path: str = "/ws") -> None:
        """Open ``count`` WebSockets to 127.0.0.1."""
        for first in range(0, count, CONNECTIONS_AT_ONCE):
            batch = []
            for _ in range(first, min(count, first + CONNECTIONS_AT_ONCE)):
                connected = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
                key = base64.b64encode(os.urandom(16)).decode()
                connected.sendall(
                    f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                    "Sec-WebSocket-Version: 13\r\n\r\n".encode()
                )
                batch.append(connected)
            for connected in batch:
                self.add(connected, _answer(connected))

    def say(self, number: int, message: dict[str, object]) -> None:
        """Send a message on connection ``number``."""
        self.sockets[number].sendall(masked(orjson.dumps(message)))

    def subscribe(self, channels: Callable[[int], Sequence[str]]) -> None:
        """Subscribe connection i to ``channels(i)`` and wait for all acknowledgements."""
        before, wanted = int(self.totals[ACKNOWLEDGED]), 0
        for number in range(len(self.sockets)):
            names = list(channels(number))
            wanted += len(names)
            self.say(number, {"action": "subscribe", "channels": names})
        self.wait_for(lambda: int(self.totals[ACKNOWLEDGED]) - before >= wanted, "acknowledgements")

    def wait_for(
        self, condition: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Wait while the receiving thread works. Raises BenchmarkFailed when it takes too long."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            check(self._outcome == 0, f"a connection was lost ({self._outcome})")
            check(time.monotonic() < deadline_s, f"waited {timeout_s:g} s for {what}")
            time.sleep(0.005)

    @contextlib.contextmanager
    def receiving(self) -> Iterator[None]:
        """Receive in a thread of its own, without the interpreter."""
        thread = threading.Thread(target=self._receive)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
        check(self._outcome == 0, f"a connection was lost ({self._outcome})")

    def _receive(self) -> None:
        due_s = time.monotonic() + SIGN_OF_LIFE_S
        while self._outcome == 0 and not self._stop.is_set():
            if time.monotonic() >= due_s:
                self._show_life()
                due_s = time.monotonic() + SIGN_OF_LIFE_S
            self._outcome = receive(
                self._epoll.fileno(), self._entries, self._descriptors, self._buffer, self._carry,
                self._held, self.trades, self.samples, self._sample_every, self.totals, SLICE_NS,
                PAUSE_US,
            )  # fmt: skip

    def _show_life(self) -> None:
        for connected in self.sockets:
            with contextlib.suppress(OSError):  # the loop says that a connection is lost
                connected.send(PONG, socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Close every connection."""
        for connected in self.sockets:
            connected.close()
        self._epoll.close()


def masked(payload: bytes) -> bytes:
    """A text frame as a client sends it; the mask is zero, which is allowed and changes nothing."""
    size = len(payload)
    assert size < 1 << 16
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + payload


def _answer(connected: socket.socket) -> bytes:
    """Read the answer to the handshake. Returns what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connected.recv(4096)
        check(bool(part), f"the handshake was not answered: {data!r}")
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    check(head.startswith(b"HTTP/1.1 101"), f"the handshake was refused: {head!r}")
    connected.setblocking(True)
    return rest


def _register(epoll: int, descriptor: int, events: int, number: int) -> None:
    """epoll_ctl(ADD) with ``number`` as the user data, which select.epoll does not offer."""
    import ctypes

    entry = np.zeros(EPOLL_EVENT_SIZE_BYTES, np.uint8)
    entry[:4] = np.frombuffer(events.to_bytes(4, "little"), np.uint8)
    entry[EPOLL_EVENT_SIZE_BYTES - 8 :] = np.frombuffer(number.to_bytes(8, "little"), np.uint8)
    result = ctypes.CDLL(None, use_errno=True).epoll_ctl(
        epoll, 1, descriptor, ctypes.c_void_p(entry.ctypes.data)
    )
    check(result == 0, f"epoll_ctl: {os.strerror(ctypes.get_errno())}")
