"""Decodes a whole receive buffer of SoupBinTCP frames into command records, without an interpreter.

Who calls it: the duty cycle of order entry, once per received chunk. It writes COMMAND records
straight into the ingress ring (a REPLACE takes two slots) and does not publish them: the caller
does, once. It reads bytes only in ``[start, end)`` of the buffer.

It stops, and says where and why, at a frame that is not a complete, correct order entry message:

- ``NEED_MORE``: the frame at ``position`` is not complete yet;
- ``NO_ROOM``: the ingress ring is full (back-pressure: the caller reads again later);
- everything from ``LOGOUT`` on is Python's: the connection ends there.

Bad *fields* never stop it: they become a command whose reject number the matcher turns into an
event, or a value that the matcher refuses (side 255, instrument 0).

Decision GTW-2.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from exchange.codes import FLAG_LONG, FLAG_WIRE_PRICE, CommandKind, OrderType, Reject
from exchange.gateway import ouch, soupbintcp
from exchange.gateway.symbols import (
    PRICE_NOT_REPRESENTABLE,
    SymbolTable,
    find_instrument,
    price_from_wire,
)
from exchange.gateway.wire import load_u16, load_u16_big, load_u32, load_u32_big, load_u64
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline


class Stop(IntEnum):
    """Why the decoder stopped."""

    NEED_MORE = 0
    NO_ROOM = 1
    LOGOUT = 2
    UNKNOWN_PACKET = 3  # detail = packet type
    PACKET_LENGTH = 4  # a length that this packet type cannot have; detail = type
    UNKNOWN_MESSAGE = 5  # detail = OUCH type
    MESSAGE_LENGTH = 6  # a length that this OUCH message cannot have; detail = OUCH type
    LOGIN_TWICE = 7


# Words of the result array (int64).
POSITION = 0  # first byte not consumed
SLOTS = 1  # command slots written
STOP = 2  # a Stop
DETAIL = 3  # see Stop
LENGTH = 4  # the length field of the frame where it stopped
MESSAGES = 5  # OUCH messages decoded
SKIP = 6  # bytes of a debug packet that are still to come
RESULT_WORDS = 8

# numba freezes module constants; plain ints keep the comparisons integer
_NEED_MORE = int(Stop.NEED_MORE)
_NO_ROOM = int(Stop.NO_ROOM)
_LOGOUT = int(Stop.LOGOUT)
_UNKNOWN_PACKET = int(Stop.UNKNOWN_PACKET)
_PACKET_LENGTH = int(Stop.PACKET_LENGTH)
_UNKNOWN_MESSAGE = int(Stop.UNKNOWN_MESSAGE)
_MESSAGE_LENGTH = int(Stop.MESSAGE_LENGTH)
_LOGIN_TWICE = int(Stop.LOGIN_TWICE)
_KIND_ENTER = int(CommandKind.ENTER)
_KIND_CANCEL = int(CommandKind.CANCEL)
_KIND_REPLACE = int(CommandKind.REPLACE)
_KIND_MODIFY = int(CommandKind.MODIFY)
_LIMIT = int(OrderType.LIMIT)
_MARKET = int(OrderType.MARKET)
_INVALID_PRICE = int(Reject.INVALID_PRICE)
_SIDE_OF_LETTER = ouch.SIDE_OF_LETTER
_SPACE = ord(" ")

# No message yields more slots per byte than this: a Cancel, 22 bytes with its header, one slot.
BYTES_PER_SLOT_MINIMUM = soupbintcp.HEADER_SIZE_BYTES + ouch.CANCEL_SIZE_BYTES
# The longest frame that can be incomplete at the end of a buffer.
FRAME_SIZE_MAXIMUM = soupbintcp.HEADER_SIZE_BYTES + ouch.MESSAGE_SIZE_MAXIMUM
assert soupbintcp.HEADER_SIZE_BYTES + ouch.REPLACE_SIZE_BYTES >= 2 * BYTES_PER_SLOT_MINIMUM


@jit_borrowed_inline
def _stop(result: np.ndarray, position: int, reason: int, detail: int, length: int) -> None:
    result[POSITION] = position
    result[STOP] = reason
    result[DETAIL] = detail
    result[LENGTH] = length


@jit_borrowed_inline
def clear_command(command: np.void, timestamp_ns: int, session: int, kind: int) -> None:
    """Set every byte of a slot: no byte of an older command may reach the journal."""
    command.timestamp_ns = timestamp_ns
    command.price = 0
    command.quantity = 0
    command.token_0 = 0
    command.token_1 = 0
    command.token_2 = 0
    command.instrument = 0
    command.session = session
    command.kind = kind
    command.side = 0
    command.time_in_force = 0
    command.minimum_quantity = 0
    command.firm = 0
    command.display = 0
    command.capacity = 0
    command.intermarket_sweep = 0
    command.cross_type = 0
    command.customer_type = 0
    command.flags = 0
    command.reject = 0
    command.order_type = 0


@jit_borrowed_inline
def _set_token(command: np.void, buffer: np.ndarray, position: int) -> None:
    command.token_0 = load_u64(buffer, position)
    command.token_1 = load_u32(buffer, position + 8)
    command.token_2 = load_u16(buffer, position + 12)


@jit_borrowed_inline
def _set_price(command: np.void, scale: int, wire: int) -> None:
    if wire == ouch.PRICE_MARKET:
        command.order_type = _MARKET
        return
    price = price_from_wire(scale, wire)
    if price == PRICE_NOT_REPRESENTABLE or wire > ouch.PRICE_MAXIMUM:
        command.reject = _INVALID_PRICE
    else:
        command.price = price


@jit_borrowed_inline
def _enter(
    command: np.void,
    buffer: np.ndarray,
    at: int,
    size: int,
    slots: np.ndarray,
    symbols: np.ndarray,
    price_scale: np.ndarray,
) -> None:
    _set_token(command, buffer, at + 1)
    command.side = _SIDE_OF_LETTER[buffer[at + 15]]
    command.quantity = np.int64(load_u32_big(buffer, at + 16))
    instrument = find_instrument(slots, symbols, load_u64(buffer, at + 20))
    command.instrument = instrument
    _set_price(command, price_scale[instrument], np.int64(load_u32_big(buffer, at + 28)))
    command.time_in_force = load_u32_big(buffer, at + 32)
    command.firm = load_u32(buffer, at + 36)
    command.display = buffer[at + 40]
    command.capacity = buffer[at + 41]
    command.intermarket_sweep = buffer[at + 42]
    command.minimum_quantity = load_u32_big(buffer, at + 43)
    command.cross_type = buffer[at + 47]
    command.customer_type = buffer[at + 48] if size == ouch.ENTER_SIZE_BYTES else _SPACE


@jit_borrowed_inline
def _replace(command: np.void, buffer: np.ndarray, at: int) -> None:
    _set_token(command, buffer, at + 1)
    command.quantity = np.int64(load_u32_big(buffer, at + 29))
    # the token's instrument is the matcher's to know: it gets the wire's price as it is
    _set_price(command, 1, np.int64(load_u32_big(buffer, at + 33)))
    command.time_in_force = load_u32_big(buffer, at + 37)
    command.display = buffer[at + 41]
    command.intermarket_sweep = buffer[at + 42]
    command.minimum_quantity = load_u32_big(buffer, at + 43)
    command.flags = FLAG_LONG | FLAG_WIRE_PRICE


@jit_borrowed
def decode(
    buffer: np.ndarray,
    start: int,
    end: int,
    commands: np.ndarray,
    first: int,
    room: int,
    session: int,
    timestamp_ns: int,
    symbols: SymbolTable,
    result: np.ndarray,
) -> None:
    """Decode ``buffer[start:end]`` into ``commands`` from sequence ``first`` on.

    ``buffer``: uint8[n]. ``commands``: COMMAND[n], n a power of two, sequence s at ``s & (n - 1)``;
    at most ``room`` slots are written. ``timestamp_ns``: time of receipt. ``result``:
    int64[RESULT_WORDS], all set.
    """
    table_slots = symbols.slots
    table_symbols = symbols.symbol
    price_scale = symbols.price_scale
    mask = commands.shape[0] - 1
    at = start
    slots = 0
    messages = 0
    result[SKIP] = 0
    _stop(result, start, _NEED_MORE, 0, 0)
    while True:
        if end - at < 2:
            _stop(result, at, _NEED_MORE, 0, 0)
            break
        length = np.int64(load_u16_big(buffer, at))
        if length == 0:
            _stop(result, at, _PACKET_LENGTH, 0, 0)
            break
        if end - at < 3:
            _stop(result, at, _NEED_MORE, 0, length)
            break
        kind = np.int64(buffer[at + 2])
        if kind == soupbintcp.UNSEQUENCED_DATA:
            if length < 2:
                _stop(result, at, _PACKET_LENGTH, kind, length)
                break
            if end - at < 4:
                _stop(result, at, _NEED_MORE, 0, length)
                break
            letter = np.int64(buffer[at + 3])
            size = length - 1
            if letter == ouch.ENTER:
                if size != ouch.ENTER_SIZE_BYTES and size != ouch.ENTER_SHORT_SIZE_BYTES:
                    _stop(result, at, _MESSAGE_LENGTH, letter, length)
                    break
            elif letter == ouch.CANCEL:
                if size != ouch.CANCEL_SIZE_BYTES:
                    _stop(result, at, _MESSAGE_LENGTH, letter, length)
                    break
            elif letter == ouch.REPLACE:
                if size != ouch.REPLACE_SIZE_BYTES:
                    _stop(result, at, _MESSAGE_LENGTH, letter, length)
                    break
            elif letter == ouch.MODIFY:
                if size != ouch.MODIFY_SIZE_BYTES:
                    _stop(result, at, _MESSAGE_LENGTH, letter, length)
                    break
            else:
                _stop(result, at, _UNKNOWN_MESSAGE, letter, length)
                break
            if end - at < 2 + length:
                _stop(result, at, _NEED_MORE, 0, length)
                break
            needed = 2 if letter == ouch.REPLACE else 1
            if slots + needed > room:
                _stop(result, at, _NO_ROOM, 0, length)
                break
            message = at + 3
            command = commands[(first + slots) & mask]
            if letter == ouch.ENTER:
                clear_command(command, timestamp_ns, session, _KIND_ENTER)
                _enter(command, buffer, message, size, table_slots, table_symbols, price_scale)
            elif letter == ouch.CANCEL:
                clear_command(command, timestamp_ns, session, _KIND_CANCEL)
                _set_token(command, buffer, message + 1)
                command.quantity = np.int64(load_u32_big(buffer, message + 15))
            elif letter == ouch.REPLACE:
                clear_command(command, timestamp_ns, session, _KIND_REPLACE)
                _replace(command, buffer, message)
                continuation = commands[(first + slots + 1) & mask]
                clear_command(continuation, 0, 0, 0)
                _set_token(continuation, buffer, message + 15)
            else:
                clear_command(command, timestamp_ns, session, _KIND_MODIFY)
                _set_token(command, buffer, message + 1)
                command.side = _SIDE_OF_LETTER[buffer[message + 15]]
                command.quantity = np.int64(load_u32_big(buffer, message + 16))
            slots += needed
            messages += 1
            at += 2 + length
        elif kind == soupbintcp.CLIENT_HEARTBEAT:
            if length != 1:
                _stop(result, at, _PACKET_LENGTH, kind, length)
                break
            at += 3
        elif kind == soupbintcp.DEBUG:
            if end - at < 2 + length:
                # text is not kept: take what is here and let the caller skip the rest
                result[SKIP] = 2 + length - (end - at)
                _stop(result, end, _NEED_MORE, 0, 0)
                break
            at += 2 + length
        elif kind == soupbintcp.LOGOUT_REQUEST:
            reason = _LOGOUT if length == 1 else _PACKET_LENGTH
            _stop(result, at, reason, kind, length)
            break
        else:
            reason = _LOGIN_TWICE if kind == soupbintcp.LOGIN_REQUEST else _UNKNOWN_PACKET
            _stop(result, at, reason, kind, length)
            break
    result[SLOTS] = slots
    result[MESSAGES] = messages
