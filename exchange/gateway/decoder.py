"""Decodes a whole receive buffer of SoupBinTCP frames into command records, without an interpreter.

Who calls it: the duty cycle of order entry, once per received chunk. It writes COMMAND records
straight into the ingress ring (a REPLACE takes two slots) and does not publish them: the caller
does, once. It reads bytes only in ``[start, end)`` of the buffer.

It stops at a frame that is not a complete, correct order entry message, and says where and why: see
Stop in decoder_stop.py. ``NEED_MORE`` and ``NO_ROOM`` (back-pressure) are resumed by a later call;
from ``LOGOUT`` on the connection ends, and Python does the rest.

Bad *fields* never stop it: they become a command whose reject number the matcher turns into an
event, or a value that the matcher refuses (side 255, instrument 0).

Decision GTW-2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.codes import (
    FLAG_LONG,
    FLAG_MODIFY_ENDS,
    FLAG_WIRE_PRICE,
    CommandKind,
    OrderType,
    Reject,
)
from exchange.gateway.decoder_stop import Stop
from exchange.gateway.protocol import ouch, soupbintcp
from exchange.gateway.protocol.wire import load_u16, load_u16_big, load_u32, load_u32_big, load_u64
from exchange.gateway.symbol_lookup import (
    PRICE_NOT_REPRESENTABLE,
    find_instrument,
    price_from_wire,
)
from exchange.gateway.symbols import SymbolTable
from exchange.records import COMMAND
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

# Words of the result array (int64).
DECODED_OFFSET = 0  # first byte of the buffer that is not consumed
DECODED_SLOTS = 1  # command slots written
DECODED_STOP = 2  # a Stop
DECODED_DETAIL = 3  # see Stop
DECODED_LENGTH = 4  # the length field of the frame where it stopped
DECODED_MESSAGES = 5  # OUCH messages decoded
DECODED_SKIP = 6  # bytes of a debug packet that are still to come
DECODED_WORDS = 8

_GO_ON = -1  # no Stop: the frame is complete and correct
_SIDE_OF_LETTER = ouch.SIDE_OF_LETTER
_SPACE = ord(" ")

# Offsets of the fields in a frame and in the messages.
_TYPE = soupbintcp.LENGTH_SIZE_BYTES
_MESSAGE = soupbintcp.HEADER_SIZE_BYTES
_ENTER = ouch.inbound_offsets(ouch.ENTER)
_REPLACE = ouch.inbound_offsets(ouch.REPLACE)
_CANCEL = ouch.inbound_offsets(ouch.CANCEL)
_MODIFY = ouch.inbound_offsets(ouch.MODIFY)
assert COMMAND.fields is not None
_TOKEN_1 = int(COMMAND.fields["token_1"][1] - COMMAND.fields["token_0"][1])
_TOKEN_2 = int(COMMAND.fields["token_2"][1] - COMMAND.fields["token_0"][1])

# No message yields more slots per byte than this: a Cancel, 22 bytes with its header, one slot.
BYTES_PER_SLOT_MINIMUM = soupbintcp.HEADER_SIZE_BYTES + ouch.CANCEL_SIZE_BYTES
# The longest frame that can be incomplete at the end of a buffer.
FRAME_SIZE_MAXIMUM = soupbintcp.HEADER_SIZE_BYTES + ouch.MESSAGE_SIZE_MAXIMUM
assert soupbintcp.HEADER_SIZE_BYTES + ouch.REPLACE_SIZE_BYTES >= 2 * BYTES_PER_SLOT_MINIMUM


class ReceivedBytes(NamedTuple):
    """Bytes of one connection: ``buffer[start:end]``."""

    buffer: np.ndarray  # uint8[n]
    start: int
    end: int
    session: int  # session id of the connection
    timestamp_ns: int  # CLOCK_MONOTONIC, when the bytes were received


class CommandSlots(NamedTuple):
    """Where commands are written: at most ``room`` slots of a ring, from sequence ``first`` on."""

    ring: np.ndarray  # COMMAND[power of two]; sequence s is at s & (n - 1)
    first: int
    room: int


@jit_borrowed_inline
def clear_command(command: np.void, timestamp_ns: int, session: int, kind: int) -> None:
    """Set every byte of a slot: no byte of an older command may reach the journal.

    ``command``: one COMMAND record. ``kind``: a CommandKind, or 0 in a second slot.
    """
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
def _set_token(command: np.void, buffer: np.ndarray, at: int) -> None:
    """The 14 bytes of ``buffer`` (uint8[n]) from ``at`` on become the token, as on the wire."""
    command.token_0 = load_u64(buffer, at)
    command.token_1 = load_u32(buffer, at + _TOKEN_1)
    command.token_2 = load_u16(buffer, at + _TOKEN_2)


@jit_borrowed_inline
def _set_price(command: np.void, scale: int, wire: int) -> None:
    """``wire``: price in 1/10,000, or PRICE_MARKET. ``scale``: see symbols.py."""
    if wire == ouch.PRICE_MARKET:
        command.order_type = OrderType.MARKET
        return
    price = price_from_wire(scale, wire)
    if price == PRICE_NOT_REPRESENTABLE or wire > ouch.PRICE_MAXIMUM:
        command.reject = Reject.INVALID_PRICE
    else:
        command.price = price


@jit_borrowed_inline
def _set_enter(
    command: np.void, buffer: np.ndarray, at: int, size: int, symbols: SymbolTable
) -> None:
    """The fields of the Enter message of ``size`` bytes at ``buffer[at]`` (uint8[n])."""
    _set_token(command, buffer, at + _ENTER.token)
    command.side = _SIDE_OF_LETTER[buffer[at + _ENTER.side]]
    command.quantity = np.int64(load_u32_big(buffer, at + _ENTER.shares))
    stock = load_u64(buffer, at + _ENTER.stock)
    instrument = find_instrument(symbols.buckets, symbols.symbol, stock)
    command.instrument = instrument
    wire_price = np.int64(load_u32_big(buffer, at + _ENTER.price))
    _set_price(command, symbols.price_scale[instrument], wire_price)
    command.time_in_force = load_u32_big(buffer, at + _ENTER.time_in_force)
    command.firm = load_u32(buffer, at + _ENTER.firm)
    command.display = buffer[at + _ENTER.display]
    command.capacity = buffer[at + _ENTER.capacity]
    command.intermarket_sweep = buffer[at + _ENTER.intermarket_sweep]
    command.minimum_quantity = load_u32_big(buffer, at + _ENTER.minimum_quantity)
    command.cross_type = buffer[at + _ENTER.cross_type]
    is_short = size != ouch.ENTER_SIZE_BYTES
    command.customer_type = _SPACE if is_short else buffer[at + _ENTER.customer_type]


@jit_borrowed_inline
def _set_replace(command: np.void, buffer: np.ndarray, at: int) -> None:
    """The fields of the Replace message at ``buffer[at]`` (uint8[n]), but its second token."""
    _set_token(command, buffer, at + _REPLACE.token)
    command.quantity = np.int64(load_u32_big(buffer, at + _REPLACE.shares))
    # only the matcher knows the token's instrument: it gets the wire's price as it is
    _set_price(command, 1, np.int64(load_u32_big(buffer, at + _REPLACE.price)))
    command.time_in_force = load_u32_big(buffer, at + _REPLACE.time_in_force)
    command.display = buffer[at + _REPLACE.display]
    command.intermarket_sweep = buffer[at + _REPLACE.intermarket_sweep]
    command.minimum_quantity = load_u32_big(buffer, at + _REPLACE.minimum_quantity)
    command.flags = FLAG_LONG | FLAG_WIRE_PRICE


@jit_borrowed_inline
def _write_message(
    received: ReceivedBytes, at: int, size: int, target: CommandSlots, slot: int, table: SymbolTable
) -> int:
    """Write the message of ``size`` bytes at ``buffer[at]``, which _check_message has passed.

    ``slot``: slots of ``target`` that are written already. Returns how many this message takes.
    """
    buffer = received.buffer
    ring = target.ring
    mask = ring.shape[0] - 1
    command = ring[(target.first + slot) & mask]
    letter = buffer[at]
    if letter == ouch.ENTER:
        clear_command(command, received.timestamp_ns, received.session, CommandKind.ENTER)
        _set_enter(command, buffer, at, size, table)
    elif letter == ouch.CANCEL:
        clear_command(command, received.timestamp_ns, received.session, CommandKind.CANCEL)
        _set_token(command, buffer, at + _CANCEL.token)
        command.quantity = np.int64(load_u32_big(buffer, at + _CANCEL.shares))
    elif letter == ouch.REPLACE:
        clear_command(command, received.timestamp_ns, received.session, CommandKind.REPLACE)
        _set_replace(command, buffer, at)
        continuation = ring[(target.first + slot + 1) & mask]
        clear_command(continuation, 0, 0, 0)
        _set_token(continuation, buffer, at + _REPLACE.replacement_token)
        return 2
    else:
        clear_command(command, received.timestamp_ns, received.session, CommandKind.MODIFY)
        _set_token(command, buffer, at + _MODIFY.token)
        command.side = _SIDE_OF_LETTER[buffer[at + _MODIFY.side]]
        command.quantity = np.int64(load_u32_big(buffer, at + _MODIFY.shares))
        command.flags = FLAG_MODIFY_ENDS
    return 1


@jit_borrowed_inline
def _check_message(letter: int, size: int) -> int:
    """The Stop of an OUCH message of ``size`` bytes with type ``letter``, or _GO_ON."""
    if letter == ouch.ENTER:
        fits = size == ouch.ENTER_SIZE_BYTES or size == ouch.ENTER_SHORT_SIZE_BYTES
    elif letter == ouch.CANCEL:
        fits = size == ouch.CANCEL_SIZE_BYTES
    elif letter == ouch.REPLACE:
        fits = size == ouch.REPLACE_SIZE_BYTES
    elif letter == ouch.MODIFY:
        fits = size == ouch.MODIFY_SIZE_BYTES
    else:
        return Stop.UNKNOWN_MESSAGE
    return _GO_ON if fits else Stop.MESSAGE_LENGTH


@jit_borrowed_inline
def _check_packet(kind: int, length: int) -> int:
    """The Stop of a packet of type ``kind`` that carries no order message, or _GO_ON."""
    if kind == soupbintcp.DEBUG:
        return _GO_ON
    if kind == soupbintcp.CLIENT_HEARTBEAT:
        return _GO_ON if length == soupbintcp.EMPTY_LENGTH else Stop.PACKET_LENGTH
    if kind == soupbintcp.LOGOUT_REQUEST:
        return Stop.LOGOUT if length == soupbintcp.EMPTY_LENGTH else Stop.PACKET_LENGTH
    return Stop.LOGIN_TWICE if kind == soupbintcp.LOGIN_REQUEST else Stop.UNKNOWN_PACKET


@jit_borrowed
def decode(
    received: ReceivedBytes, target: CommandSlots, symbols: SymbolTable, result: np.ndarray
) -> None:
    """Decode the bytes of ``received`` into ``target``. ``result``: int64[DECODED_WORDS], all set.

    The array's words are named at the top of this file.
    """
    buffer = received.buffer
    end = received.end
    at = received.start
    slots = 0
    messages = 0
    skip = 0
    while True:
        # one way out, at the end of the loop: what a break leaves here is the result
        stop = Stop.NEED_MORE
        detail = np.int64(0)
        length = np.int64(0)
        available = end - at
        if available < soupbintcp.LENGTH_SIZE_BYTES:
            break
        length = np.int64(load_u16_big(buffer, at))
        if length == 0:
            stop = Stop.PACKET_LENGTH
            break
        if available < soupbintcp.HEADER_SIZE_BYTES:
            break
        kind = np.int64(buffer[at + _TYPE])
        frame_size = soupbintcp.LENGTH_SIZE_BYTES + length
        if kind == soupbintcp.UNSEQUENCED_DATA:
            size = length - 1
            if size == 0:
                stop = Stop.PACKET_LENGTH
                detail = kind
                break
            if available <= _MESSAGE:
                break
            letter = np.int64(buffer[at + _MESSAGE])
            stop = _check_message(letter, size)
            if stop != _GO_ON:
                detail = letter
                break
            if available < frame_size:
                stop = Stop.NEED_MORE
                break
            if slots + (2 if letter == ouch.REPLACE else 1) > target.room:
                stop = Stop.NO_ROOM
                break
            slots += _write_message(received, at + _MESSAGE, size, target, slots, symbols)
            messages += 1
        else:
            stop = _check_packet(kind, length)
            if stop != _GO_ON:
                detail = kind
                break
            if available < frame_size:
                # only a debug packet: its text is not kept, the caller skips what is to come
                stop = Stop.NEED_MORE
                skip = frame_size - available
                length = np.int64(0)
                at = end
                break
        at += frame_size
    result[DECODED_OFFSET] = at
    result[DECODED_SLOTS] = slots
    result[DECODED_STOP] = stop
    result[DECODED_DETAIL] = detail
    result[DECODED_LENGTH] = length
    result[DECODED_MESSAGES] = messages
    result[DECODED_SKIP] = skip
