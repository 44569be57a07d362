"""Order flow as bytes, and the jitted clients that send it: what the TCP benchmarks share.

The messages are built here from the tables of SoupBinTCP 3.00 and OUCH 4.2, not with the product's
encoder, so that the benchmark is a second witness of the wire format. What the exchange must answer
is worked out beforehand by running the same orders through the matcher in process: the clients
below know, for every message they send, how many messages must have come back after it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ringbuffer.jit import jit
from ringbuffer.system_calls import CLOCK_MONOTONIC, clock_ns, errno, poll, recv, send

ENTER_WIRE = np.dtype(
    [
        ("length", ">u2"), ("packet", "S1"), ("type", "S1"), ("token", "u1", (14,)), ("side", "S1"),
        ("shares", ">u4"), ("stock", "S8"), ("price", ">u4"), ("time_in_force", ">u4"),
        ("firm", "S4"), ("display", "S1"), ("capacity", "S1"), ("sweep", "S1"),
        ("minimum_quantity", ">u4"), ("cross_type", "S1"), ("customer_type", "S1"),
    ]
)  # fmt: skip
CANCEL_WIRE = np.dtype(
    [
        ("length", ">u2"), ("packet", "S1"), ("type", "S1"), ("token", "u1", (14,)),
        ("shares", ">u4"),
    ]
)  # fmt: skip
assert ENTER_WIRE.itemsize == 2 + 1 + 49
assert CANCEL_WIRE.itemsize == 2 + 1 + 19

DAY_SECONDS_CODE = 99_999
MSG_DONTWAIT = 0x40
MSG_NOSIGNAL = 0x4000
EAGAIN = 11
POLLIN = 1
POLLOUT = 4

RECEIVE_BUFFER_BYTES = 1 << 20


class OrderFlow(NamedTuple):
    """A sequence of orders: arrays of one length, one element a message."""

    is_cancel: np.ndarray  # bool
    side: np.ndarray  # int64, 0 buy, 1 sell
    ticks: np.ndarray  # int64, price in ticks
    quantity: np.ndarray  # int64
    token: np.ndarray  # int64, number of the token; a cancel names the token of its order


@jit
def _generate(
    draws: np.ndarray,
    add_share: float,
    cancel_share: float,
    mid_ticks: int,
    flow: OrderFlow,
    live: np.ndarray,
) -> int:
    """Fill ``flow`` from uniform ``draws`` (float64 (n, 4)); a cancel takes an order believed live.

    ``live``: room for the tokens of these (int64[n]). Returns how many tokens were used.
    """
    is_cancel, side, ticks, quantity, token = flow
    count = draws.shape[0]
    live_count = 0
    tokens = 0
    for i in range(count):
        what = draws[i, 0]
        if what < cancel_share and live_count > 0:
            k = int(draws[i, 1] * live_count)
            is_cancel[i] = True
            token[i] = live[k]
            live_count -= 1
            live[k] = live[live_count]
            continue
        side[i] = 0 if draws[i, 1] < 0.5 else 1
        quantity[i] = 1 + int(draws[i, 2] * 100)
        token[i] = tokens
        tokens += 1
        if what < cancel_share + add_share:
            distance = 1 + int(-20.0 * np.log(1.0 - draws[i, 3] * 0.999))
            live[live_count] = token[i]
            live_count += 1
        else:
            distance = -3  # marketable: three ticks through the middle
        ticks[i] = mid_ticks - distance if side[i] == 0 else mid_ticks + distance
    return tokens


def generate(count: int, seed: int, add: float = 0.47, cancel: float = 0.45) -> OrderFlow:
    """``count`` messages: ``add`` passive orders, ``cancel`` cancels, the rest marketable."""
    draws = np.random.default_rng(seed).random((count, 4))
    flow = OrderFlow(
        np.zeros(count, np.bool_),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
    )
    _generate(draws, add, cancel, 10_000, flow, np.zeros(count, np.int64))
    return flow


def token_digits(numbers: np.ndarray, prefix: int) -> np.ndarray:
    """Tokens as 14 ASCII digits: uint8 (n, 14). The first two digits are ``prefix`` (0..99)."""
    digits = np.zeros((numbers.size, 14), np.uint8)
    rest = numbers.astype(np.int64) + prefix * 10**12
    for column in range(13, -1, -1):
        digits[:, column] = rest % 10 + ord("0")
        rest //= 10
    return digits


def to_wire(
    flow: OrderFlow, symbol: bytes, wire_price_per_tick: int, token_prefix: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The messages as one byte string (uint8) and the offset where each ends (int64)."""
    count = flow.token.size
    sizes = np.where(flow.is_cancel, CANCEL_WIRE.itemsize, ENTER_WIRE.itemsize)
    ends = np.cumsum(sizes)
    raw = np.zeros(int(ends[-1]), np.uint8)
    tokens = token_digits(flow.token, token_prefix)
    enters = np.nonzero(~flow.is_cancel)[0]
    messages = np.zeros(enters.size, ENTER_WIRE)
    messages["length"] = ENTER_WIRE.itemsize - 2
    messages["packet"] = b"U"
    messages["type"] = b"O"
    messages["token"] = tokens[enters]
    messages["side"] = np.where(flow.side[enters] == 0, b"B", b"S")
    messages["shares"] = flow.quantity[enters]
    messages["stock"] = symbol.ljust(8)
    messages["price"] = flow.ticks[enters] * wire_price_per_tick
    messages["time_in_force"] = DAY_SECONDS_CODE
    messages["firm"] = b"FIRM"
    messages["display"] = b"Y"
    messages["capacity"] = b"P"
    messages["sweep"] = b"N"
    messages["cross_type"] = b"N"
    messages["customer_type"] = b"N"
    _scatter(raw, messages, ends[enters] - ENTER_WIRE.itemsize)
    cancels = np.nonzero(flow.is_cancel)[0]
    if cancels.size:
        messages = np.zeros(cancels.size, CANCEL_WIRE)
        messages["length"] = CANCEL_WIRE.itemsize - 2
        messages["packet"] = b"U"
        messages["type"] = b"X"
        messages["token"] = tokens[cancels]
        _scatter(raw, messages, ends[cancels] - CANCEL_WIRE.itemsize)
    assert count == sizes.size
    return raw, ends


def _scatter(raw: np.ndarray, messages: np.ndarray, offsets: np.ndarray) -> None:
    """Write each message at its offset of ``raw``."""
    rows = messages.view(np.uint8).reshape(messages.size, messages.itemsize)
    for column in range(rows.shape[1]):
        raw[offsets + column] = rows[:, column]


class Client(NamedTuple):
    """A connection to the exchange, and what came back over it."""

    socket: int  # its descriptor
    buffer: np.ndarray  # uint8[RECEIVE_BUFFER_BYTES]
    by_type: np.ndarray  # int64[256]: messages by the ASCII code of their OUCH type
    counts: np.ndarray  # int64[8]: see the indices below


class Messages(NamedTuple):
    """Messages to send, as bytes, and the answers to them."""

    raw: np.ndarray  # uint8
    ends: np.ndarray  # int64[n]: where each message ends
    expected_after: np.ndarray  # int64[n]: answers that must have come once message i is answered


TALLY_MESSAGES = 0  # sequenced messages received
TALLY_BYTES = 1
TALLY_SENT = 2  # messages sent
TALLY_BAD = 3  # packets that were neither S nor H
TALLY_ERRNO = 4
TALLY_SENT_BYTES = 5
TALLY_HELD = 6  # bytes of an unfinished packet at the start of the receive buffer


def new_client(descriptor: int) -> Client:
    """A client on a connected socket; nothing has come back."""
    return Client(
        descriptor,
        np.zeros(RECEIVE_BUFFER_BYTES, np.uint8),
        np.zeros(256, np.int64),
        np.zeros(8, np.int64),
    )


@jit
def _take_packets(client: Client, held: int) -> int:
    """Count whole packets in ``buffer[:held]``, move the unfinished rest to the front."""
    buffer, counts = client.buffer, client.counts
    at = 0
    while held - at >= 3:
        size = (np.int64(buffer[at]) << 8 | np.int64(buffer[at + 1])) + 2
        if held - at < size:
            break
        packet = buffer[at + 2]
        if packet == 0x53:  # 'S', sequenced data
            counts[TALLY_MESSAGES] += 1
            client.by_type[buffer[at + 3]] += 1
        elif packet != 0x48:  # 'H', heartbeat
            counts[TALLY_BAD] += 1
        at += size
    rest = held - at
    for i in range(rest):
        buffer[i] = buffer[at + i]
    return rest


@jit
def _send(client: Client, raw: np.ndarray, first: int, end: int) -> int:
    """Send bytes ``first`` .. ``end`` of ``raw`` as far as there is room: bytes sent, −1 = lost."""
    sent = send(
        np.int32(client.socket),
        raw[first:].ctypes.data,
        np.uint64(end - first),
        np.int32(MSG_DONTWAIT | MSG_NOSIGNAL),
    )
    if sent > 0:
        return sent
    if errno() == EAGAIN:
        return 0
    client.counts[TALLY_ERRNO] = errno()
    return -1


@jit
def _receive(client: Client) -> int:
    """Take what has come, and count it: bytes received, −1 = connection lost."""
    held = client.counts[TALLY_HELD]
    received = recv(
        np.int32(client.socket),
        client.buffer[held:].ctypes.data,
        np.uint64(client.buffer.shape[0] - held),
        np.int32(MSG_DONTWAIT),
    )
    if received > 0:
        client.counts[TALLY_BYTES] += received
        client.counts[TALLY_HELD] = _take_packets(client, held + received)
        return received
    if received < 0 and errno() == EAGAIN:
        return 0
    client.counts[TALLY_ERRNO] = 0 if received == 0 else errno()
    return -1


@jit
def _wait(client: Client, wanted: int, timeout_ms: int, entry: np.ndarray) -> None:
    """Wait for ``wanted`` (POLLIN, POLLOUT) on the socket; ``entry``: scratch, int64[1]."""
    entry[0] = np.int64(client.socket) | (np.int64(wanted) << 32)
    poll(entry.ctypes.data, np.uint64(1), np.int32(timeout_ms))


@jit
def run_windowed(
    client: Client, messages: Messages, window: int, chunk_bytes: int, deadline_ns: int
) -> int:
    """Send all ``messages``; keep at most ``window`` answers outstanding; take every answer.

    Returns the nanoseconds from the first send to the last answer, or −1: connection lost,
    −2: deadline passed. The outcome's details are in ``client.counts`` (see TALLY_*).
    """
    scratch = np.zeros(2, np.int64)
    poll_entry = np.zeros(1, np.int64)
    counts, ends, expected_after = client.counts, messages.ends, messages.expected_after
    total = ends.shape[0]
    expected = expected_after[total - 1]
    sent_bytes = 0
    sent = 0
    allowed = 0  # messages that the window allows to be sent
    base = counts[TALLY_MESSAGES]
    counts[TALLY_HELD] = 0
    started = clock_ns(CLOCK_MONOTONIC, scratch)
    while counts[TALLY_MESSAGES] - base < expected or sent < total:
        answered = counts[TALLY_MESSAGES] - base
        while allowed < total and expected_after[allowed] - answered <= window:
            allowed += 1
        out = 0
        if sent < allowed:
            limit = min(ends[allowed - 1], sent_bytes + chunk_bytes)
            out = _send(client, messages.raw, sent_bytes, limit)
            if out < 0:
                return -1
            sent_bytes += out
            while sent < total and ends[sent] <= sent_bytes:
                sent += 1
        received = _receive(client)
        if received < 0:
            return -1
        if out == 0 and received == 0:
            _wait(client, POLLIN | (POLLOUT if sent < allowed else 0), 100, poll_entry)
            if clock_ns(CLOCK_MONOTONIC, scratch) > deadline_ns:
                counts[TALLY_SENT] += sent
                return -2
    counts[TALLY_SENT] += sent
    counts[TALLY_SENT_BYTES] += sent_bytes
    return clock_ns(CLOCK_MONOTONIC, scratch) - started


@jit
def run_open_loop(client: Client, messages: Messages, rate_per_s: float, deadline_ns: int) -> int:
    """Send message i at ``start + i / rate_per_s`` whatever comes back (open loop).

    Sleeps in ``poll`` at most one millisecond, so messages that fall due meanwhile go out
    together. Returns nanoseconds from start to the last answer, −1 connection lost, −2 deadline.
    """
    scratch = np.zeros(2, np.int64)
    poll_entry = np.zeros(1, np.int64)
    counts, ends = client.counts, messages.ends
    total = ends.shape[0]
    expected = messages.expected_after[total - 1]
    sent_bytes = 0
    sent = 0
    base = counts[TALLY_MESSAGES]
    counts[TALLY_HELD] = 0
    started = clock_ns(CLOCK_MONOTONIC, scratch)
    while counts[TALLY_MESSAGES] - base < expected or sent < total:
        now = clock_ns(CLOCK_MONOTONIC, scratch)
        if now > deadline_ns:
            counts[TALLY_SENT] += sent
            return -2
        due = min(int((now - started) * rate_per_s / 1e9) + 1, total)
        if sent < due and sent_bytes < ends[due - 1]:
            out = _send(client, messages.raw, sent_bytes, ends[due - 1])
            if out < 0:
                return -1
            sent_bytes += out
            while sent < total and ends[sent] <= sent_bytes:
                sent += 1
        received = _receive(client)
        if received < 0:
            return -1
        if received == 0:
            _wait(client, POLLIN, 1 if sent < total else 100, poll_entry)
    counts[TALLY_SENT] += sent
    counts[TALLY_SENT_BYTES] += sent_bytes
    return clock_ns(CLOCK_MONOTONIC, scratch) - started


@jit
def run_round_trips(
    client: Client, raw: np.ndarray, ends: np.ndarray, latencies_ns: np.ndarray
) -> int:
    """One message in flight: send, block until its answer is whole. 0, or −1 connection lost."""
    scratch = np.zeros(2, np.int64)
    socket, buffer, counts = client.socket, client.buffer, client.counts
    start = 0
    for i in range(ends.shape[0]):
        before = clock_ns(CLOCK_MONOTONIC, scratch)
        size = ends[i] - start
        if send(
            np.int32(socket), raw[start:].ctypes.data, np.uint64(size), np.int32(MSG_NOSIGNAL)
        ) != np.int64(size):
            return -1
        start = ends[i]
        held = 0
        wanted = counts[TALLY_MESSAGES] + 1
        while counts[TALLY_MESSAGES] < wanted:
            n = recv(
                np.int32(socket),
                buffer[held:].ctypes.data,
                np.uint64(buffer.shape[0] - held),
                np.int32(0),
            )
            if n <= 0:
                return -1
            counts[TALLY_BYTES] += n
            held = _take_packets(client, held + n)
        latencies_ns[i] = clock_ns(CLOCK_MONOTONIC, scratch) - before
        counts[TALLY_SENT] += 1
    return 0


@jit
def serve_bytes(
    socket: int, expect_bytes: int, answer: np.ndarray, chunk_bytes: int, buffer: np.ndarray
) -> int:
    """The limit: take ``expect_bytes``, send ``answer`` back in proportion, decode nothing."""
    taken = 0
    given = 0
    total = answer.shape[0]
    poll_entry = np.zeros(1, np.int64)
    while taken < expect_bytes or given < total:
        progressed = False
        if taken < expect_bytes:
            n = recv(
                np.int32(socket),
                buffer.ctypes.data,
                np.uint64(buffer.shape[0]),
                np.int32(MSG_DONTWAIT),
            )
            if n > 0:
                taken += n
                progressed = True
            elif n == 0 or errno() != EAGAIN:
                return -1
        due = total if taken == expect_bytes else int(total * (taken / expect_bytes))
        if given < due:
            limit = due if due - given < chunk_bytes else given + chunk_bytes
            n = send(
                np.int32(socket),
                answer[given:].ctypes.data,
                np.uint64(limit - given),
                np.int32(MSG_DONTWAIT | MSG_NOSIGNAL),
            )
            if n > 0:
                given += n
                progressed = True
            elif errno() != EAGAIN:
                return -1
        if not progressed:
            wanted = POLLIN | (POLLOUT if given < due else 0)
            poll_entry[0] = np.int64(socket) | (np.int64(wanted) << 32)
            poll(poll_entry.ctypes.data, np.uint64(1), np.int32(100))
    return 0


@jit
def echo(socket: int, size: int, count: int, buffer: np.ndarray) -> int:
    """Send every ``size`` bytes back as they came, ``count`` times."""
    for _ in range(count):
        held = 0
        while held < size:
            n = recv(
                np.int32(socket), buffer[held:].ctypes.data, np.uint64(size - held), np.int32(0)
            )
            if n <= 0:
                return -1
            held += n
        send(np.int32(socket), buffer.ctypes.data, np.uint64(size), np.int32(MSG_NOSIGNAL))
    return 0
