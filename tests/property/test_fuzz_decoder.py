"""The decoder under mutated input: more than a million buffers, and a Python reference beside it.

Invariants, checked by a jitted driver for every buffer: what lies outside ``[start, end)`` changes
nothing (so nothing outside is read); no slot beyond ``room`` and no byte outside the slots written
changes; it consumes or stops with a reason; an incomplete frame is never longer than the carry row.
For a sample of the buffers every record is compared with a decoder written in plain Python.
"""

from __future__ import annotations

import ctypes
import mmap
import random
import struct

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from exchange.codes import FLAG_MODIFY_ENDS, CommandKind, OrderType, Reject
from exchange.gateway import decoder
from exchange.gateway.decoder import CommandSlots, ReceivedBytes, decode
from exchange.gateway.decoder_stop import Stop
from exchange.gateway.protocol import ouch, soupbintcp
from exchange.gateway.symbols import SymbolTable, add_instrument, create_symbol_table
from exchange.records import COMMAND
from ringbuffer.jit import JIT_DISABLED, jit

SEED = 20_260_105
BUFFERS = 500 if JIT_DISABLED else 1_200_000
BUFFER_BYTES = 192
SLOTS = 16
# plain Python reads a record's fields as attributes only in this kind of array
ARRAY = np.recarray if JIT_DISABLED else np.ndarray
SYMBOLS = {b"ACME    ": (1, 4), b"CENTS   ": (2, 2), b"FINE    ": (3, 6)}


def make_symbols() -> SymbolTable:
    table = create_symbol_table(8)
    for symbol, (instrument, places) in SYMBOLS.items():
        assert add_instrument(table, instrument, np.frombuffer(symbol, np.uint64)[0], places)
    return table


def corpus(seed: int) -> np.ndarray:
    """Valid streams, uint8[n, BUFFER_BYTES], each filled up with whole frames and a cut one."""
    source = random.Random(seed)

    def field(letters: bytes, size: int = 1) -> bytes:
        return bytes(source.choice(letters) for _ in range(size))

    def frame() -> bytes:
        token = b"T%013d" % source.randrange(10**13)
        price = source.choice((0, 1, 100, 12_300, 1_000_001, 0x7FFFFFFF, 0xFFFFFFFF))
        kind = source.randrange(8)
        if kind < 3:
            message = struct.pack(
                ">c14scI8sII4s3sIc",
                b"O", token, field(b"BSTEX"), source.randrange(1 << 32),
                source.choice([*SYMBOLS, b"NONE    "]), price, source.choice((0, 99_999, 7)),
                b"FIRM", field(b"YNPAZ ", 3), source.randrange(9), b"N",
            )  # fmt: skip
            message += b"R" if kind else b""
        elif kind == 3:
            message = struct.pack(
                ">c14s14sIII2sI", b"U", token, token[::-1], 5, price, 99_999, b"YN", 0
            )
        elif kind == 4:
            message = struct.pack(">c14sI", b"X", token, source.randrange(1 << 32))
        elif kind == 5:
            message = struct.pack(">c14scI", b"M", token, field(b"BSTEX"), 9)
        elif kind == 6:
            return soupbintcp.packet(soupbintcp.CLIENT_HEARTBEAT)
        else:
            return soupbintcp.packet(soupbintcp.DEBUG, b"d" * source.randrange(90))
        return soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, message)

    rows = np.zeros((512, BUFFER_BYTES), np.uint8)
    for row in rows:
        data = b""
        while len(data) < BUFFER_BYTES:
            data += frame()
        row[:] = np.frombuffer(data[:BUFFER_BYTES], np.uint8)
    return rows


@jit
def next_random(state: np.ndarray) -> int:
    """xorshift64*, 31 bits of it."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.int64((x * np.uint64(2685821657736338717)) >> np.uint64(33))


@jit
def mutate(rows: np.ndarray, state: np.ndarray, buffer: np.ndarray) -> int:
    """Fill ``buffer[8:8 + n]`` with a mutated row; returns n."""
    row = next_random(state) % rows.shape[0]
    size = rows.shape[1]
    for i in range(size):
        buffer[8 + i] = rows[row, i]
    for _ in range(next_random(state) % 4):
        what = next_random(state) % 4
        at = 8 + next_random(state) % size
        if what == 0:
            buffer[at] = next_random(state) & 0xFF
        elif what == 1:
            buffer[at] ^= np.uint8(1 << (next_random(state) & 7))
        elif what == 2:  # drop a byte
            for i in range(at, 8 + size - 1):
                buffer[i] = buffer[i + 1]
        else:  # double a byte
            for i in range(8 + size - 1, at, -1):
                buffer[i] = buffer[i - 1]
    return next_random(state) % (size + 1)


@jit
def run(
    rows: np.ndarray,
    state: np.ndarray,
    count: int,
    symbols: SymbolTable,
    buffer: np.ndarray,
    commands: np.ndarray,
    command_bytes: np.ndarray,
    twin: np.ndarray,
    twin_bytes: np.ndarray,
    result: np.ndarray,
    other: np.ndarray,
    stops: np.ndarray,
) -> int:
    """Check ``count`` buffers; 0, or the number of the invariant that broke."""
    slots = commands.shape[0]
    for _ in range(count):
        size = mutate(rows, state, buffer)
        room = next_random(state) % (slots + 1)
        for i in range(command_bytes.shape[0]):
            command_bytes[i] = 0xA5
            twin_bytes[i] = 0xA5
        for i in range(buffer.shape[0]):
            if i < 8 or i >= 8 + size:
                buffer[i] = 0x55
        decode(
            ReceivedBytes(buffer, 8, 8 + size, 7, 11),
            CommandSlots(commands, 3, room),
            symbols,
            result,
        )
        for i in range(buffer.shape[0]):
            if i < 8 or i >= 8 + size:
                buffer[i] = 0
        decode(
            ReceivedBytes(buffer, 8, 8 + size, 7, 11), CommandSlots(twin, 3, room), symbols, other
        )
        for i in range(result.shape[0] - 1):
            if result[i] != other[i]:
                return 1
        for i in range(command_bytes.shape[0]):
            if command_bytes[i] != twin_bytes[i]:
                return 2
        position = result[decoder.DECODED_OFFSET]
        written = result[decoder.DECODED_SLOTS]
        stop = result[decoder.DECODED_STOP]
        if position < 8 or position > 8 + size:
            return 3
        if written < 0 or written > room or result[decoder.DECODED_MESSAGES] > written:
            return 4
        if stop < 0 or stop > Stop.LOGIN_TWICE:
            return 5
        left = 8 + size - position
        if stop == Stop.NEED_MORE and left >= decoder.FRAME_SIZE_MAXIMUM:
            return 6
        if result[decoder.DECODED_SKIP] > 0 and (left != 0 or stop != Stop.NEED_MORE):
            return 7
        if written * decoder.BYTES_PER_SLOT_MINIMUM > position - 8:
            return 8
        for slot in range(written, slots):
            base = ((3 + slot) % slots) * 64
            for i in range(64):
                if command_bytes[base + i] != 0xA5:
                    return 9
        stops[stop] += 1
    return 0


def test_more_than_a_million_mutated_buffers() -> None:
    print(f"seed {SEED}, {BUFFERS} buffers")
    commands = np.zeros(SLOTS, COMMAND).view(ARRAY)
    twin = np.zeros(SLOTS, COMMAND).view(ARRAY)
    stops = np.zeros(8, np.int64)
    with np.errstate(over="ignore"):
        broken = run(
            corpus(SEED),
            np.array([SEED], np.uint64),
            BUFFERS,
            make_symbols(),
            np.zeros(8 + BUFFER_BYTES + 8, np.uint8),
            commands,
            commands.view(np.uint8),
            twin,
            twin.view(np.uint8),
            np.zeros(decoder.DECODED_WORDS, np.int64),
            np.zeros(decoder.DECODED_WORDS, np.int64),
            stops,
        )
    assert broken == 0, f"invariant {broken}, seed {SEED}"
    assert int(stops.sum()) == BUFFERS
    if not JIT_DISABLED:
        assert all(stops > 0), f"a kind of stop was never reached: {stops}"


# --- the reference ------------------------------------------------------------------------------


def reference(data: bytes, room: int) -> tuple[list[dict[str, int]], int, Stop]:
    """Records, bytes consumed, stop: the decoder again, as plainly as possible."""
    sizes = {b"O": (48, 49), b"U": (47,), b"X": (19,), b"M": (20,)}
    records: list[dict[str, int]] = []
    at = 0
    while True:
        rest = data[at:]
        if len(rest) < 2:
            return records, at, Stop.NEED_MORE
        length = int.from_bytes(rest[:2], "big")
        if length == 0:
            return records, at, Stop.PACKET_LENGTH
        if len(rest) < 3:
            return records, at, Stop.NEED_MORE
        kind, body = rest[2:3], rest[3 : 2 + length]
        whole = len(rest) >= 2 + length
        if kind == b"+":
            if not whole:
                return records, len(data), Stop.NEED_MORE
        elif kind == b"R":
            if length != 1:
                return records, at, Stop.PACKET_LENGTH
        elif kind == b"O":
            return records, at, Stop.LOGOUT if length == 1 else Stop.PACKET_LENGTH
        elif kind == b"L":
            return records, at, Stop.LOGIN_TWICE
        elif kind != b"U":
            return records, at, Stop.UNKNOWN_PACKET
        else:
            if length == 1:
                return records, at, Stop.PACKET_LENGTH
            if not body:
                return records, at, Stop.NEED_MORE
            if body[:1] not in sizes:
                return records, at, Stop.UNKNOWN_MESSAGE
            if length - 1 not in sizes[body[:1]]:
                return records, at, Stop.MESSAGE_LENGTH
            if not whole:
                return records, at, Stop.NEED_MORE
            found = message_records(body)
            if len(records) + len(found) > room:
                return records, at, Stop.NO_ROOM
            records += found
        at += 2 + length


def message_records(body: bytes) -> list[dict[str, int]]:
    def number(offset: int) -> int:
        return int.from_bytes(body[offset : offset + 4], "big")

    def little(offset: int, size: int) -> int:
        return int.from_bytes(body[offset : offset + size], "little")

    def token(offset: int) -> dict[str, int]:
        return {
            "token_0": little(offset, 8),
            "token_1": little(offset + 8, 4),
            "token_2": little(offset + 12, 2),
        }

    def price(wire: int, places: int) -> dict[str, int]:
        if wire == 0x7FFFFFFF:
            return {"order_type": OrderType.MARKET}
        scaled = wire * 10**places
        if wire > 0x7FFFFFFF or scaled % 10_000:
            return {"reject": Reject.INVALID_PRICE}
        return {"price": scaled // 10_000}

    side = {b"B": 0, b"S": 1, b"T": 2, b"E": 3}
    record = {"timestamp_ns": 11, "session": 7, **token(1)}
    letter = body[:1]
    if letter == b"X":
        return [record | {"kind": CommandKind.CANCEL, "quantity": number(15)}]
    if letter == b"M":
        return [
            record
            | {
                "kind": CommandKind.MODIFY,
                "flags": FLAG_MODIFY_ENDS,
                "side": side.get(body[15:16], 255),
                "quantity": number(16),
            }
        ]
    if letter == b"U":
        first = record | {
            "kind": CommandKind.REPLACE,
            "quantity": number(29),
            "time_in_force": number(37),
            "display": body[41],
            "intermarket_sweep": body[42],
            "minimum_quantity": number(43),
            "flags": 3,
        }
        return [first | price(number(33), 4), token(15)]
    instrument, places = SYMBOLS.get(body[20:28], (0, 4))
    enter = record | {
        "kind": CommandKind.ENTER,
        "side": side.get(body[15:16], 255),
        "quantity": number(16),
        "instrument": instrument,
        "time_in_force": number(32),
        "firm": little(36, 4),
        "display": body[40],
        "capacity": body[41],
        "intermarket_sweep": body[42],
        "minimum_quantity": number(43),
        "cross_type": body[47],
        "customer_type": body[48] if len(body) == 49 else 32,
    }
    return [enter | price(number(28), places)]


def check_against_reference(data: bytes, room: int, symbols: SymbolTable) -> None:
    commands = np.full(SLOTS * 64, 0xA5, np.uint8).view(COMMAND).view(ARRAY)
    result = np.zeros(decoder.DECODED_WORDS, np.int64)
    buffer = np.frombuffer(data, np.uint8).copy() if data else np.zeros(1, np.uint8)
    decode(
        ReceivedBytes(buffer, 0, len(data), 7, 11), CommandSlots(commands, 0, room), symbols, result
    )
    records, consumed, stop = reference(data, room)
    assert (int(result[decoder.DECODED_OFFSET]), Stop(result[decoder.DECODED_STOP])) == (
        consumed,
        stop,
    ), data
    assert int(result[decoder.DECODED_SLOTS]) == len(records)
    expected = np.zeros(len(records), COMMAND)
    for record, fields in zip(expected, records, strict=True):
        for name, value in fields.items():
            record[name] = int(value)
    assert commands[: len(records)].tobytes() == expected.tobytes(), data


def test_mutated_buffers_decode_as_the_reference_does() -> None:
    symbols = make_symbols()
    rows = corpus(SEED + 1)
    state = np.array([SEED + 1], np.uint64)
    buffer = np.zeros(8 + BUFFER_BYTES + 8, np.uint8)
    source = random.Random(SEED)
    with np.errstate(over="ignore"):
        for _ in range(300 if JIT_DISABLED else 20_000):
            size = int(mutate(rows, state, buffer))
            check_against_reference(
                buffer[8 : 8 + size].tobytes(), source.randrange(SLOTS + 1), symbols
            )


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=BUFFER_BYTES), st.integers(0, SLOTS))
def test_any_bytes_decode_as_the_reference_does(data: bytes, room: int) -> None:
    check_against_reference(data, room, make_symbols())


@pytest.mark.skipif(JIT_DISABLED, reason="plain Python checks its indices itself")
def test_a_buffer_that_ends_at_an_unmapped_page() -> None:
    """The last byte of the buffer is the last byte of a page; the next page may not be touched."""
    libc = ctypes.CDLL(None, use_errno=True)
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    array = np.frombuffer(memory, np.uint8)
    address = array.ctypes.data
    assert libc.mprotect(ctypes.c_void_p(address + page), page, 0) == 0
    try:
        symbols = make_symbols()
        commands = np.zeros(SLOTS, COMMAND).view(ARRAY)
        result = np.zeros(decoder.DECODED_WORDS, np.int64)
        for row in corpus(SEED + 2)[:64]:
            for size in range(1, BUFFER_BYTES + 1):
                buffer = array[page - size : page]
                buffer[:] = row[:size]
                decode(
                    ReceivedBytes(buffer, 0, size, 7, 11),
                    CommandSlots(commands, 0, SLOTS),
                    symbols,
                    result,
                )
                assert 0 <= result[decoder.DECODED_OFFSET] <= size
    finally:
        assert libc.mprotect(ctypes.c_void_p(address + page), page, 3) == 0
        del array, buffer
        memory.close()


def test_the_corpus_has_every_message() -> None:
    seen = set()
    for row in corpus(SEED):
        for packet in soupbintcp.split_packets(bytearray(row.tobytes())):
            if packet.type == soupbintcp.UNSEQUENCED_DATA:
                seen.add((chr(packet.payload[0]), len(packet.payload)))
    assert seen == set(ouch.INBOUND)
