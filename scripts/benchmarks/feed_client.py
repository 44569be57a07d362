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
from typing import NamedTuple

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


# WebSocket frames (RFC 6455): the two bytes in front of the payload and what lengthens them
TEXT = 0x81
PING = 0x89
HEADER_BYTES = 2
SHORT_SIZE = 126  # the size is in the next two bytes
SHORT_HEADER_BYTES = 4
LONG_SIZE = 127  # the size is in the next eight bytes
LONG_HEADER_BYTES = 10
BYTE_BITS = 8
# What is looked for in the messages: their type begins behind ``{"type":"``
TYPE_AT = 9
SEQUENCE_KEY = np.frombuffer(b'"sequence":', np.uint8).copy()
LETTER_E, LETTER_R, LETTER_S, LETTER_T = ord("e"), ord("r"), ord("s"), ord("t")
DIGIT_0, DIGIT_9 = ord("0"), ord("9")
EPOLL_TIMEOUT_MS = 10
DATA_AT = EPOLL_EVENT_SIZE_BYTES - 8  # of epoll's entry: the user data, a connection's number
DATA_BYTES = 3  # of the user data that are looked at
CONNECTION_CLOSED = -1
FRAME_TOO_LARGE = -2


class Reception(NamedTuple):
    """The arrays that the receiving loop works on; ``connection`` numbers rows.

    ``entries``: uint8, of epoll; ``descriptors``: int64 by connection; ``buffer``: uint8, what was
    received; ``carry``: uint8[connections, CARRY_BYTES], unfinished frames, of which ``held``
    (int64) bytes count; ``trades``: int64 by connection; ``samples``: int64[n, 3], connection,
    sequence, when it was received (UTC ns); ``totals``: int64[TOTALS].
    """

    entries: np.ndarray
    descriptors: np.ndarray
    buffer: np.ndarray
    carry: np.ndarray
    held: np.ndarray
    trades: np.ndarray
    samples: np.ndarray
    totals: np.ndarray


@jit
def _is_key(buffer: np.ndarray, at: int) -> bool:
    """Whether ``buffer`` (uint8) has SEQUENCE_KEY at ``at``."""
    same = 0
    while same < len(SEQUENCE_KEY) and buffer[at + same] == SEQUENCE_KEY[same]:
        same += 1
    return same == len(SEQUENCE_KEY)


@jit
def _sequence(buffer: np.ndarray, at: int, end: int) -> int:
    """The number after SEQUENCE_KEY in ``buffer[at:end]`` (uint8); -1 where there is none."""
    while at < end - len(SEQUENCE_KEY):
        if _is_key(buffer, at):
            at += len(SEQUENCE_KEY)
            value = 0
            while at < end and DIGIT_0 <= buffer[at] <= DIGIT_9:
                value = value * 10 + np.int64(buffer[at]) - DIGIT_0
                at += 1
            return value
        at += 1
    return -1


@jit
def _big_endian(buffer: np.ndarray, first: int, end: int) -> int:
    """The bytes ``buffer[first:end]`` (uint8) as a number."""
    value = 0
    for i in range(first, end):
        value = value << BYTE_BITS | np.int64(buffer[i])
    return value


@jit
def _count_message(
    reception: Reception, connection: int, payload: int, size: int, now_ns: int
) -> None:
    """Count the message of ``size`` bytes at ``payload`` of the buffer by its type.

    ``now_ns`` (UTC): a trade becomes a sample; 0: it does not.
    """
    buffer, samples, totals = reception.buffer, reception.samples, reception.totals
    # ticker, subscribed, error ...: the first two letters tell trades from tickers
    letter = np.int64(buffer[payload + TYPE_AT]) if size > TYPE_AT + 2 else 0
    if letter == LETTER_T and buffer[payload + TYPE_AT + 1] == LETTER_R:
        totals[TRADES] += 1
        reception.trades[connection] += 1
        if now_ns and totals[SAMPLES] < samples.shape[0]:
            row = totals[SAMPLES]
            samples[row, 0] = connection
            samples[row, 1] = _sequence(buffer, payload, payload + size)
            samples[row, 2] = now_ns
            totals[SAMPLES] = row + 1
    elif letter == LETTER_S:
        totals[ACKNOWLEDGED] += 1
    elif letter == LETTER_E:
        totals[ERRORS] += 1
    else:
        totals[OTHERS] += 1


@jit
def _take_frames(reception: Reception, connection: int, end: int, now_ns: int) -> int:
    """Go through the whole frames in the buffer's first ``end`` bytes.

    Returns where the unfinished one begins. ``now_ns`` (UTC): 0 where no sample is taken.
    """
    buffer, totals = reception.buffer, reception.totals
    at = 0
    while end - at >= HEADER_BYTES:
        size = np.int64(buffer[at + 1])
        header = HEADER_BYTES
        if size == SHORT_SIZE:
            header = SHORT_HEADER_BYTES
        elif size == LONG_SIZE:
            header = LONG_HEADER_BYTES
        if end - at < header:
            break
        if header != HEADER_BYTES:
            size = _big_endian(buffer, at + HEADER_BYTES, at + header)
        if end - at < header + size:
            break
        totals[FRAMES] += 1
        if buffer[at] == TEXT:
            _count_message(reception, connection, at + header, size, now_ns)
        elif buffer[at] != PING:
            totals[ERRORS] += 1
        at += header + size
    return at


@jit
def _receive_from(
    reception: Reception, connection: int, is_sampled: bool, scratch: np.ndarray
) -> int:
    """Receive once from a connection that is ready. 0, CONNECTION_CLOSED or FRAME_TOO_LARGE.

    ``scratch``: int64[2], of the clock.
    """
    buffer, carry, totals = reception.buffer, reception.carry, reception.totals
    begin = reception.held[connection]
    for i in range(begin):
        buffer[i] = carry[connection, i]
    got = recv(
        np.int32(reception.descriptors[connection]),
        buffer[begin:].ctypes.data,
        np.uint64(buffer.shape[0] - begin),
        np.int32(MSG_DONTWAIT),
    )
    if got <= 0:
        if got < 0 and errno() == EAGAIN:
            return 0
        totals[CLOSED] += 1
        return CONNECTION_CLOSED
    now_ns = clock_ns(CLOCK_REALTIME, scratch) if is_sampled else 0
    totals[BYTES] += got
    totals[RECEIVES] += 1
    at = _take_frames(reception, connection, begin + got, now_ns)
    rest = begin + got - at
    if rest > carry.shape[1]:
        return FRAME_TOO_LARGE
    for i in range(rest):
        carry[connection, i] = buffer[at + i]
    reception.held[connection] = rest
    return 0


@jit
def receive(
    epoll: int, reception: Reception, sample_every: int, slice_ns: int, pause_us: int
) -> int:
    """Receive for ``slice_ns``. 0, CONNECTION_CLOSED or FRAME_TOO_LARGE.

    ``epoll``: its descriptor; ``pause_us``: after each look at all that was there.
    """
    entries = reception.entries
    scratch = np.zeros(2, np.int64)
    until_ns = clock_ns(CLOCK_MONOTONIC, scratch) + slice_ns
    while clock_ns(CLOCK_MONOTONIC, scratch) < until_ns:
        ready = epoll_wait(
            np.int32(epoll), entries.ctypes.data, np.int32(ENTRIES), np.int32(EPOLL_TIMEOUT_MS)
        )
        if ready < 0 and errno() != EINTR:
            return CONNECTION_CLOSED
        for number in range(ready):
            place = number * EPOLL_EVENT_SIZE_BYTES + DATA_AT
            connection = 0
            for i in range(DATA_BYTES):
                connection |= np.int64(entries[place + i]) << (BYTE_BITS * i)
            is_sampled = connection % sample_every == 0
            outcome = _receive_from(reception, connection, is_sampled, scratch)
            if outcome != 0:
                return outcome
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
        self._reception = Reception(
            entries=np.zeros(ENTRIES * EPOLL_EVENT_SIZE_BYTES, np.uint8),
            descriptors=np.zeros(count, np.int64),
            buffer=np.zeros(RECEIVE_BYTES, np.uint8),
            carry=np.zeros((count, CARRY_BYTES), np.uint8),
            held=np.zeros(count, np.int64),
            trades=self.trades,
            samples=self.samples,
            totals=self.totals,
        )
        self._epoll = select.epoll()
        self._stop = threading.Event()
        self._outcome = 0

    def add(self, connected: socket.socket, received: bytes = b"") -> None:
        """Take a connection; ``received``: what has come after the handshake already."""
        number = len(self.sockets)
        # every segment would be acknowledged at once, on loopback at the sender's cost
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        self.sockets.append(connected)
        self._reception.descriptors[number] = connected.fileno()
        self._reception.held[number] = len(received)
        self._reception.carry[number, : len(received)] = np.frombuffer(received, np.uint8)
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
                self._epoll.fileno(), self._reception, self._sample_every, SLICE_NS, PAUSE_US
            )

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
    entry[DATA_AT:] = np.frombuffer(number.to_bytes(8, "little"), np.uint8)
    result = ctypes.CDLL(None, use_errno=True).epoll_ctl(
        epoll, 1, descriptor, ctypes.c_void_p(entry.ctypes.data)
    )
    check(result == 0, f"epoll_ctl: {os.strerror(ctypes.get_errno())}")
