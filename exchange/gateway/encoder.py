"""Encodes batches of released events into OUCH messages in SoupBinTCP 'S' frames, jitted.

Who calls it: the duty cycle of order entry. Two entry points share ``_append`` and therefore give
the same bytes: ``encode_live`` gives each event of a batch to the session that it belongs to and
keeps every session's counter; ``encode_session`` repeats the messages of one session (resume).

Invariant: an event's session sequence is its session's last number plus one. Anything else is a bug
upstream: the encoder stops with ``MISMATCH`` and the process dies rather than misnumber a stream.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import CancelReason, EventKind, OrderType
from exchange.gateway import ouch, soupbintcp
from exchange.gateway.session import (
    CONNECTION_BASE,
    CONNECTION_EVENT,
    CONNECTION_NUMBER,
    CONNECTION_SESSION,
    CONNECTION_STATE,
    CONNECTION_TAIL,
    SESSION_CONNECTION,
    SESSION_NUMBER,
    STATE_CATCH_UP,
    STATE_LIVE,
    OutputQueue,
    mark_dirty,
    reserve,
)
from exchange.gateway.symbols import SymbolTable, price_to_wire
from exchange.gateway.wire import (
    store_u16,
    store_u16_big,
    store_u32,
    store_u32_big,
    store_u64,
    store_u64_big,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

ENCODED = 0  # the whole batch
CONTROL = 1  # stopped at an event that Python handles (definitions, start and end of day)
MISMATCH = 2  # stopped at an event whose session sequence is wrong
FULL = 3  # encode_session: no room in the output buffer

# Room that one event may need: a frame with the largest message.
FRAME_SIZE_MAXIMUM = soupbintcp.HEADER_SIZE_BYTES + ouch.OUTBOUND_SIZE_MAXIMUM

_ACCEPTED = int(EventKind.ACCEPTED)
_REJECTED = int(EventKind.REJECTED)
_REPLACED = int(EventKind.REPLACED)
_CANCELED = int(EventKind.CANCELED)
_TRADE = int(EventKind.TRADE)
_MODIFIED = int(EventKind.MODIFIED)
_SYSTEM = int(EventKind.SYSTEM)
_SELF_TRADE_PREVENTED = int(EventKind.SELF_TRADE_PREVENTED)
_CANCEL_REJECTED = int(EventKind.CANCEL_REJECTED)
_INSTRUMENT_DEFINED = int(EventKind.INSTRUMENT_DEFINED)
_SESSION_DEFINED = int(EventKind.SESSION_DEFINED)
_DAY_STARTED = int(EventKind.DAY_STARTED)
_DAY_ENDED = int(EventKind.DAY_ENDED)
_MARKET = int(OrderType.MARKET)
_STOP = int(OrderType.STOP)
_SIDE_LETTER = ouch.SIDE_LETTER
_REJECT_LETTER = ouch.REJECT_LETTER
_CANCEL_REASON_LETTER = ouch.CANCEL_REASON_LETTER
_SYSTEM_EVENT_LETTER = ouch.SYSTEM_EVENT_LETTER
_STATE = ord(ouch.STATE_LIVE)
_BBO_WEIGHT = ord(ouch.BBO_WEIGHT_UNSPECIFIED)
_MAKER_LIQUIDITY = ouch.MAKER_LIQUIDITY
_AGGRESSOR_LIQUIDITY = ouch.AGGRESSOR_LIQUIDITY
_SELF_MATCH = ord(ouch.CANCEL_REASON_LETTERS[CancelReason.SELF_MATCH])
_QUANTITY_MAXIMUM = 0xFFFFFFFF
assert _CANCEL_REJECTED == _SELF_TRADE_PREVENTED + 1


@jit_borrowed_inline
def _header(output: np.ndarray, at: int, letter: int, size: int, timestamp_ns: int) -> int:
    """Frame header, message type and timestamp. Returns where the message starts."""
    store_u16_big(output, at, size + 1)
    output[at + 2] = soupbintcp.SEQUENCED_DATA
    output[at + 3] = letter
    store_u64_big(output, at + 4, timestamp_ns)
    return at + 3


@jit_borrowed_inline
def _token(output: np.ndarray, at: int, token_0: int, token_1: int, token_2: int) -> None:
    store_u64(output, at, token_0)
    store_u32(output, at + 8, token_1)
    store_u16(output, at + 12, token_2)


@jit_borrowed_inline
def _quantity(output: np.ndarray, at: int, quantity: int) -> None:
    # an order of another interface may exceed 32 bits, and is told so in no OUCH message
    store_u32_big(output, at, min(np.int64(quantity), np.int64(_QUANTITY_MAXIMUM)))


@jit_borrowed_inline
def _details(
    output: np.ndarray, at: int, event: np.void, symbol: np.ndarray, price_scale: np.ndarray
) -> None:
    """The fields that Accepted and Replaced share, offsets 9 to 64."""
    _token(output, at + 9, event.token_0, event.token_1, event.token_2)
    output[at + 23] = _SIDE_LETTER[event.side]
    _quantity(output, at + 24, event.quantity)
    store_u64(output, at + 28, symbol[event.instrument])
    if event.order_type == _MARKET or event.order_type == _STOP:
        store_u32_big(output, at + 36, ouch.PRICE_MARKET)
    else:
        store_u32_big(output, at + 36, price_to_wire(price_scale[event.instrument], event.price))
    store_u32_big(output, at + 40, event.time_in_force)
    store_u32(output, at + 44, event.firm)
    output[at + 48] = event.display
    store_u64_big(output, at + 49, event.order_id)
    output[at + 57] = event.capacity
    output[at + 58] = event.intermarket_sweep
    store_u32_big(output, at + 59, event.minimum_quantity)
    output[at + 63] = event.cross_type
    output[at + 64] = _STATE


@jit_borrowed_inline
def _execution(
    output: np.ndarray, at: int, event: np.void, liquidity: int, price_scale: np.ndarray
) -> None:
    """What both sides of a trade are told, but for the token."""
    _quantity(output, at + 23, event.quantity)
    store_u32_big(output, at + 27, price_to_wire(price_scale[event.instrument], event.price))
    output[at + 31] = liquidity
    store_u64_big(output, at + 32, event.sequence + 1)


@jit_borrowed_inline
def _append(
    output: np.ndarray,
    at: int,
    event: np.void,
    contra: bool,
    midnight_ns: int,
    symbol: np.ndarray,
    price_scale: np.ndarray,
) -> int:
    """Write the frame of ``event`` at ``output[at:]``; returns its size in bytes.

    ``contra``: for a TRADE, the aggressor's message instead of the maker's.
    The caller has made sure of FRAME_SIZE_MAXIMUM bytes of room.
    """
    # one way out: with several, the compiler keeps counting references to the arrays
    kind = event.kind
    time_ns = event.timestamp_ns - midnight_ns
    if kind in (_ACCEPTED, _REPLACED):
        if kind == _ACCEPTED:
            size = ouch.ACCEPTED_SIZE_BYTES
            at = _header(output, at, ouch.ACCEPTED, size, time_ns)
        else:
            size = ouch.REPLACED_SIZE_BYTES
            at = _header(output, at, ouch.REPLACED, size, time_ns)
            _token(
                output, at + 65, event.contra_token_0, event.contra_token_1, event.contra_token_2
            )
        _details(output, at, event, symbol, price_scale)
        output[at + size - 1] = _BBO_WEIGHT
    elif kind == _SYSTEM:
        size = ouch.SYSTEM_EVENT_SIZE_BYTES
        at = _header(output, at, ouch.SYSTEM_EVENT, size, time_ns)
        output[at + 9] = _SYSTEM_EVENT_LETTER[event.reason]
    elif contra:
        size = ouch.EXECUTED_SIZE_BYTES
        at = _header(output, at, ouch.EXECUTED, size, time_ns)
        _token(output, at + 9, event.contra_token_0, event.contra_token_1, event.contra_token_2)
        _execution(output, at, event, _AGGRESSOR_LIQUIDITY[event.reason], price_scale)
    else:
        if kind == _TRADE:
            size = ouch.EXECUTED_SIZE_BYTES
            at = _header(output, at, ouch.EXECUTED, size, time_ns)
            _execution(output, at, event, _MAKER_LIQUIDITY[event.reason], price_scale)
        elif kind == _CANCELED:
            size = ouch.CANCELED_SIZE_BYTES
            at = _header(output, at, ouch.CANCELED, size, time_ns)
            _quantity(output, at + 23, event.quantity)
            output[at + 27] = _CANCEL_REASON_LETTER[event.reason]
        elif kind == _REJECTED:
            size = ouch.REJECTED_SIZE_BYTES
            at = _header(output, at, ouch.REJECTED, size, time_ns)
            output[at + 23] = _REJECT_LETTER[event.reason]
        elif kind == _SELF_TRADE_PREVENTED:
            size = ouch.SELF_TRADE_PREVENTED_SIZE_BYTES
            at = _header(output, at, ouch.SELF_TRADE_PREVENTED, size, time_ns)
            _quantity(output, at + 23, event.quantity)
            output[at + 27] = _SELF_MATCH
            _quantity(output, at + 28, event.prevented)
            store_u32_big(
                output, at + 32, price_to_wire(price_scale[event.instrument], event.price)
            )
            output[at + 36] = event.liquidity
        elif kind == _CANCEL_REJECTED:
            # the message has no room for the reason: it says that the order stays as it was
            size = ouch.CANCEL_REJECTED_SIZE_BYTES
            at = _header(output, at, ouch.CANCEL_REJECTED, size, time_ns)
        else:
            size = ouch.MODIFIED_SIZE_BYTES
            at = _header(output, at, ouch.MODIFIED, size, time_ns)
            output[at + 23] = _SIDE_LETTER[event.side]
            _quantity(output, at + 24, event.quantity)
        _token(output, at + 9, event.token_0, event.token_1, event.token_2)
    return soupbintcp.HEADER_SIZE_BYTES + size


@jit_borrowed_inline
def _reported(kind: int) -> bool:
    """Whether order entry tells a session about this kind of event."""
    return (kind >= _ACCEPTED and kind <= _SYSTEM) or (
        kind >= _SELF_TRADE_PREVENTED and kind <= _CANCEL_REJECTED
    )


@jit_borrowed_inline
def _give(
    event: np.void,
    contra: bool,
    session: int,
    number: int,
    sessions: np.ndarray,
    connections: np.ndarray,
    output: np.ndarray,
    size: int,
    dirty: np.ndarray,
    dirty_count: np.ndarray,
    midnight_ns: int,
    symbol: np.ndarray,
    price_scale: np.ndarray,
    result: np.ndarray,
) -> bool:
    """Number ``number`` of ``session``: check it, count it, send it if the session is live."""
    right = True
    if session != 0:  # 0: entered by another interface
        right = sessions[session, SESSION_NUMBER] + 1 == number
        slot = sessions[session, SESSION_CONNECTION] - 1
        if right:
            sessions[session, SESSION_NUMBER] = number
            if slot >= 0 and connections[slot, CONNECTION_STATE] == STATE_LIVE:
                if reserve(connections, slot, output, size, FRAME_SIZE_MAXIMUM):
                    at = connections[slot, CONNECTION_BASE] + connections[slot, CONNECTION_TAIL]
                    connections[slot, CONNECTION_TAIL] += _append(
                        output, at, event, contra, midnight_ns, symbol, price_scale
                    )
                    connections[slot, CONNECTION_NUMBER] = number
                    result[1] += 1
                    mark_dirty(connections, slot, dirty, dirty_count)
                else:
                    # it does not read fast enough: from here on the archive serves it
                    connections[slot, CONNECTION_STATE] = STATE_CATCH_UP
                    connections[slot, CONNECTION_EVENT] = event.sequence
                    dirty_count[1] += 1
    return right


@jit_borrowed
def encode_live(
    events: np.ndarray,
    count: int,
    sessions: np.ndarray,
    connections: np.ndarray,
    queue: OutputQueue,
    midnight_ns: int,
    symbols: SymbolTable,
    result: np.ndarray,
) -> int:
    """Give ``events[:count]`` to their sessions; returns how many were done.

    ``events``: EVENT[n]. ``sessions``, ``connections``: see session.py. ``result[0]`` says why it
    ended: ENCODED, CONTROL or MISMATCH; in the last two cases the event at the returned index has
    not been done. ``result[1]``: messages given to live connections.
    """
    output = queue.output
    size = queue.size[0]
    dirty = queue.dirty
    dirty_count = queue.dirty_count
    symbol = symbols.symbol
    price_scale = symbols.price_scale
    result[0] = ENCODED
    result[1] = 0
    for i in range(count):
        event = events[i]
        kind = event.kind
        if _reported(kind):
            if not _give(
                event,
                False,
                event.session,
                event.session_sequence,
                sessions,
                connections,
                output,
                size,
                dirty,
                dirty_count,
                midnight_ns,
                symbol,
                price_scale,
                result,
            ):
                result[0] = MISMATCH
                return i
            if kind == _TRADE and not _give(
                event,
                True,
                event.contra_session,
                event.contra_session_sequence,
                sessions,
                connections,
                output,
                size,
                dirty,
                dirty_count,
                midnight_ns,
                symbol,
                price_scale,
                result,
            ):
                result[0] = MISMATCH
                return i
        elif kind >= _INSTRUMENT_DEFINED and kind <= _DAY_ENDED:
            result[0] = CONTROL
            return i
    return count


@jit_borrowed
def encode_session(
    events: np.ndarray,
    count: int,
    connections: np.ndarray,
    slot: int,
    queue: OutputQueue,
    midnight_ns: int,
    symbols: SymbolTable,
    result: np.ndarray,
) -> int:
    """Append the messages of one catching-up connection; returns how many events were done.

    Messages up to CONNECTION_NUMBER were sent already and are passed over.
    ``result[0]``: ENCODED, FULL (the event at the returned index is not complete: come back to it)
    or MISMATCH.
    """
    output = queue.output
    size = queue.size[0]
    symbol = symbols.symbol
    price_scale = symbols.price_scale
    result[0] = ENCODED
    result[1] = 0
    session = connections[slot, CONNECTION_SESSION]
    for i in range(count):
        event = events[i]
        if not _reported(event.kind):
            continue
        for role in range(2):
            if role == 0:
                owner = np.int64(event.session)
                number = np.int64(event.session_sequence)
            elif event.kind == _TRADE:
                owner = np.int64(event.contra_session)
                number = np.int64(event.contra_session_sequence)
            else:
                break
            if owner != session or number <= connections[slot, CONNECTION_NUMBER]:
                continue
            if number != connections[slot, CONNECTION_NUMBER] + 1:
                result[0] = MISMATCH
                return i
            if not reserve(connections, slot, output, size, FRAME_SIZE_MAXIMUM):
                result[0] = FULL
                return i
            at = connections[slot, CONNECTION_BASE] + connections[slot, CONNECTION_TAIL]
            connections[slot, CONNECTION_TAIL] += _append(
                output, at, event, role == 1, midnight_ns, symbol, price_scale
            )
            connections[slot, CONNECTION_NUMBER] = number
            result[1] += 1
    return count
