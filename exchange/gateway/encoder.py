"""Encodes batches of released events into OUCH messages in SoupBinTCP 'S' frames, jitted.

Who calls it: the duty cycle of order entry. Two entry points share ``_append`` and therefore give
the same bytes: ``encode_live`` gives each event of a batch to the session that it belongs to and
keeps every session's counter; ``encode_session`` repeats the messages of one session, for a
connection that is behind.

Invariant: an event's session sequence is its session's last number plus one. Anything else is a bug
upstream: the encoder stops with STATUS_MISMATCH and the process dies rather than misnumber a
stream.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.codes import CancelReason, EventKind, OrderType
from exchange.gateway.output_buffers import mark_dirty, reserve
from exchange.gateway.protocol import ouch, soupbintcp
from exchange.gateway.protocol.wire import (
    store_u16,
    store_u16_big,
    store_u32,
    store_u32_big,
    store_u64,
    store_u64_big,
)
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
)
from exchange.gateway.symbol_lookup import price_to_wire
from exchange.gateway.symbols import SymbolTable
from exchange.records import EVENT_TOKEN_0, EVENT_TOKEN_1, EVENT_TOKEN_2
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

# Words of the result array (int64).
ENCODED_STATUS = 0
ENCODED_MESSAGES = 1  # messages put into output buffers
ENCODED_WORDS = 2

# Values of ENCODED_STATUS: why the encoder ended.
STATUS_DONE = 0  # the whole batch is done
STATUS_CONTROL = 1  # the next event is Python's (definitions, start and end of day)
STATUS_MISMATCH = 2  # the next event has a wrong session sequence
STATUS_FULL = 3  # encode_session: the output buffer has no room for the next event

# Room that one event may need: a frame with the largest message.
FRAME_SIZE_MAXIMUM = soupbintcp.HEADER_SIZE_BYTES + ouch.OUTBOUND_SIZE_MAXIMUM

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
assert EventKind.CANCEL_REJECTED == EventKind.SELF_TRADE_PREVENTED + 1

# Offsets of the fields in a frame and in the messages.
_TYPE = soupbintcp.LENGTH_SIZE_BYTES
_MESSAGE = soupbintcp.HEADER_SIZE_BYTES
_A = ouch.outbound_offsets(ouch.ACCEPTED)
_U = ouch.outbound_offsets(ouch.REPLACED)
_C = ouch.outbound_offsets(ouch.CANCELED)
_D = ouch.outbound_offsets(ouch.SELF_TRADE_PREVENTED)
_E = ouch.outbound_offsets(ouch.EXECUTED)
_J = ouch.outbound_offsets(ouch.REJECTED)
_M = ouch.outbound_offsets(ouch.MODIFIED)
_S = ouch.outbound_offsets(ouch.SYSTEM_EVENT)
_TIMESTAMP = _S.timestamp  # in every message
_TOKEN = _A.token  # in every message but the system event
_TOKEN_1 = EVENT_TOKEN_1.offset - EVENT_TOKEN_0.offset
_TOKEN_2 = EVENT_TOKEN_2.offset - EVENT_TOKEN_0.offset
assert all(each.timestamp == _TIMESTAMP for each in (_A, _U, _C, _D, _E, _J, _M))
assert all(each.token == _TOKEN for each in (_A, _U, _C, _D, _E, _J, _M))
# _put_order writes both: they have the same fields in front
assert _A[:-1] == _U[: len(_A) - 1]


class Streams(NamedTuple):
    """What the encoder works on: everybody's streams, connections and output buffers."""

    sessions: np.ndarray  # int64[sessions, SESSION_WORDS], see session.py
    connections: np.ndarray  # int64[connections, CONNECTION_WORDS], see session.py
    queue: OutputQueue
    symbols: SymbolTable
    result: np.ndarray  # int64[ENCODED_WORDS]


@jit_borrowed_inline
def _put_header(output: np.ndarray, at: int, letter: int, size: int, time_ns: int) -> int:
    """Frame header, message type and ``time_ns`` (since midnight). Returns where the message is.

    ``output``: uint8[n]; the frame of a message of ``size`` bytes begins at ``at``.
    """
    store_u16_big(output, at, size + 1)
    output[at + _TYPE] = soupbintcp.SEQUENCED_DATA
    output[at + _MESSAGE] = letter
    store_u64_big(output, at + _MESSAGE + _TIMESTAMP, time_ns)
    return at + _MESSAGE


@jit_borrowed_inline
def _put_token(output: np.ndarray, at: int, token_0: int, token_1: int, token_2: int) -> None:
    """The 14 bytes of a token from ``output[at]`` (uint8[n]) on."""
    store_u64(output, at, token_0)
    store_u32(output, at + _TOKEN_1, token_1)
    store_u16(output, at + _TOKEN_2, token_2)


@jit_borrowed_inline
def _put_quantity(output: np.ndarray, at: int, quantity: int) -> None:
    """``quantity`` units as 32 bits at ``output[at]`` (uint8[n])."""
    # an order of another interface may exceed 32 bits; no OUCH message has room for it
    store_u32_big(output, at, min(np.int64(quantity), np.int64(_QUANTITY_MAXIMUM)))


@jit_borrowed_inline
def _put_price(output: np.ndarray, at: int, event: np.void, price_scale: np.ndarray) -> None:
    """The price of ``event`` (EVENT) in 1/10,000 at ``output[at]`` (uint8[n])."""
    store_u32_big(output, at, price_to_wire(price_scale[event.instrument], event.price))


@jit_borrowed_inline
def _put_order(output: np.ndarray, at: int, event: np.void, symbols: SymbolTable) -> None:
    """The fields that Accepted and Replaced share. ``at``: where the message starts."""
    _put_token(output, at + _TOKEN, event.token_0, event.token_1, event.token_2)
    output[at + _A.side] = _SIDE_LETTER[event.side]
    _put_quantity(output, at + _A.shares, event.quantity)
    store_u64(output, at + _A.stock, symbols.symbol[event.instrument])
    if event.order_type == OrderType.MARKET or event.order_type == OrderType.STOP:
        store_u32_big(output, at + _A.price, ouch.PRICE_MARKET)
    else:
        _put_price(output, at + _A.price, event, symbols.price_scale)
    store_u32_big(output, at + _A.time_in_force, event.time_in_force)
    store_u32(output, at + _A.firm, event.firm)
    output[at + _A.display] = event.display
    store_u64_big(output, at + _A.order_reference, event.order_id)
    output[at + _A.capacity] = event.capacity
    output[at + _A.intermarket_sweep] = event.intermarket_sweep
    store_u32_big(output, at + _A.minimum_quantity, event.minimum_quantity)
    output[at + _A.cross_type] = event.cross_type
    output[at + _A.state] = _STATE


@jit_borrowed_inline
def _put_execution(
    output: np.ndarray, at: int, event: np.void, liquidity: int, price_scale: np.ndarray
) -> None:
    """What maker and aggressor of a TRADE are told, but for the token.

    ``at``: where the message starts; ``liquidity``: its letter.
    """
    _put_quantity(output, at + _E.shares, event.quantity)
    _put_price(output, at + _E.price, event, price_scale)
    output[at + _E.liquidity] = liquidity
    store_u64_big(output, at + _E.match_number, event.sequence + 1)  # the trade id


@jit_borrowed_inline
def _append(
    output: np.ndarray,
    at: int,
    event: np.void,
    to_aggressor: bool,
    midnight_ns: int,
    symbols: SymbolTable,
) -> int:
    """Write the frame of ``event`` (EVENT) at ``output[at:]`` (uint8); returns its size in bytes.

    ``to_aggressor``: for a TRADE, the aggressor's message instead of the maker's.
    ``midnight_ns``: UTC, of the stream's day. The caller has made sure of FRAME_SIZE_MAXIMUM bytes.
    """
    # one way out: with several, the compiler keeps counting references to the arrays
    kind = event.kind
    time_ns = event.timestamp_ns - midnight_ns
    price_scale = symbols.price_scale
    if kind in (EventKind.ACCEPTED, EventKind.REPLACED):
        if kind == EventKind.ACCEPTED:
            size = ouch.ACCEPTED_SIZE_BYTES
            at = _put_header(output, at, ouch.ACCEPTED, size, time_ns)
        else:
            size = ouch.REPLACED_SIZE_BYTES
            at = _put_header(output, at, ouch.REPLACED, size, time_ns)
            previous = at + _U.previous_token
            _put_token(
                output, previous, event.contra_token_0, event.contra_token_1, event.contra_token_2
            )
        _put_order(output, at, event, symbols)
        output[at + size - 1] = _BBO_WEIGHT
    elif kind == EventKind.SYSTEM:
        size = ouch.SYSTEM_EVENT_SIZE_BYTES
        at = _put_header(output, at, ouch.SYSTEM_EVENT, size, time_ns)
        output[at + _S.event] = _SYSTEM_EVENT_LETTER[event.reason]
    elif to_aggressor:
        size = ouch.EXECUTED_SIZE_BYTES
        at = _put_header(output, at, ouch.EXECUTED, size, time_ns)
        token = at + _TOKEN
        _put_token(output, token, event.contra_token_0, event.contra_token_1, event.contra_token_2)
        _put_execution(output, at, event, _AGGRESSOR_LIQUIDITY[event.reason], price_scale)
    else:
        size = _append_of_order(output, at, event, time_ns, price_scale)
    return _MESSAGE + size


@jit_borrowed_inline
def _append_of_order(
    output: np.ndarray, at: int, event: np.void, time_ns: int, price_scale: np.ndarray
) -> int:
    """As ``_append``, for messages that begin with the order's own token and have few fields.

    Returns the size of the message in bytes, without the frame's header.
    """
    kind = event.kind
    if kind == EventKind.TRADE:
        size = ouch.EXECUTED_SIZE_BYTES
        at = _put_header(output, at, ouch.EXECUTED, size, time_ns)
        _put_execution(output, at, event, _MAKER_LIQUIDITY[event.reason], price_scale)
    elif kind == EventKind.CANCELED:
        size = ouch.CANCELED_SIZE_BYTES
        at = _put_header(output, at, ouch.CANCELED, size, time_ns)
        _put_quantity(output, at + _C.decrement, event.quantity)
        output[at + _C.reason] = _CANCEL_REASON_LETTER[event.reason]
    elif kind == EventKind.REJECTED:
        size = ouch.REJECTED_SIZE_BYTES
        at = _put_header(output, at, ouch.REJECTED, size, time_ns)
        output[at + _J.reason] = _REJECT_LETTER[event.reason]
    elif kind == EventKind.SELF_TRADE_PREVENTED:
        size = ouch.SELF_TRADE_PREVENTED_SIZE_BYTES
        at = _put_header(output, at, ouch.SELF_TRADE_PREVENTED, size, time_ns)
        _put_quantity(output, at + _D.decrement, event.quantity)
        output[at + _D.reason] = _SELF_MATCH
        _put_quantity(output, at + _D.prevented, event.prevented)
        _put_price(output, at + _D.price, event, price_scale)
        output[at + _D.liquidity] = event.liquidity
    elif kind == EventKind.CANCEL_REJECTED:
        # the message has no room for the reason: it says that the order stays as it was
        size = ouch.CANCEL_REJECTED_SIZE_BYTES
        at = _put_header(output, at, ouch.CANCEL_REJECTED, size, time_ns)
    else:
        size = ouch.MODIFIED_SIZE_BYTES
        at = _put_header(output, at, ouch.MODIFIED, size, time_ns)
        output[at + _M.side] = _SIDE_LETTER[event.side]
        _put_quantity(output, at + _M.shares, event.quantity)
    _put_token(output, at + _TOKEN, event.token_0, event.token_1, event.token_2)
    return size


@jit_borrowed_inline
def _is_reported(kind: int) -> bool:
    """Whether order entry tells a session about this kind of event."""
    return (kind >= EventKind.ACCEPTED and kind <= EventKind.SYSTEM) or (
        kind >= EventKind.SELF_TRADE_PREVENTED and kind <= EventKind.CANCEL_REJECTED
    )


@jit_borrowed_inline
def _give(
    event: np.void,
    to_aggressor: bool,
    session: int,
    number: int,
    streams: Streams,
    midnight_ns: int,
) -> bool:
    """Message ``number`` of ``session``: check the number, count it, send it if it is live.

    Returns False when ``number`` does not follow the session's last one.
    """
    right = True
    if session != 0:  # 0: entered by another interface
        sessions = streams.sessions
        right = sessions[session, SESSION_NUMBER] + 1 == number
        connection = sessions[session, SESSION_CONNECTION] - 1
        if right:
            sessions[session, SESSION_NUMBER] = number
            connections = streams.connections
            if connection >= 0 and connections[connection, CONNECTION_STATE] == STATE_LIVE:
                queue = streams.queue
                if reserve(connections, connection, queue, FRAME_SIZE_MAXIMUM):
                    _append_to(event, to_aggressor, connection, streams, midnight_ns)
                    connections[connection, CONNECTION_NUMBER] = number
                    mark_dirty(connections, connection, queue)
                else:
                    # it does not read fast enough: from here on the archive serves it
                    connections[connection, CONNECTION_STATE] = STATE_CATCH_UP
                    connections[connection, CONNECTION_EVENT] = event.sequence
                    queue.dirty_count[1] += 1
    return right


@jit_borrowed_inline
def _append_to(
    event: np.void, to_aggressor: bool, connection: int, streams: Streams, midnight_ns: int
) -> None:
    """``_append`` to the output buffer of ``connection``, which has room."""
    connections = streams.connections
    at = connections[connection, CONNECTION_BASE] + connections[connection, CONNECTION_TAIL]
    connections[connection, CONNECTION_TAIL] += _append(
        streams.queue.output, at, event, to_aggressor, midnight_ns, streams.symbols
    )
    streams.result[ENCODED_MESSAGES] += 1


@jit_borrowed
def encode_live(events: np.ndarray, count: int, streams: Streams, midnight_ns: int) -> int:
    """Give ``events[:count]`` (EVENT[n]) to their sessions; returns how many were done.

    ``midnight_ns``: UTC, of the current day. ``streams.result`` says why it ended: STATUS_DONE,
    STATUS_CONTROL or STATUS_MISMATCH; in the last two cases the event at the returned index has not
    been done.
    """
    result = streams.result
    result[ENCODED_STATUS] = STATUS_DONE
    result[ENCODED_MESSAGES] = 0
    for i in range(count):
        event = events[i]
        kind = event.kind
        if _is_reported(kind):
            session = event.session
            right = _give(event, False, session, event.session_sequence, streams, midnight_ns)
            if right and kind == EventKind.TRADE:
                session = event.contra_session
                number = event.contra_session_sequence
                right = _give(event, True, session, number, streams, midnight_ns)
            if not right:
                result[ENCODED_STATUS] = STATUS_MISMATCH
                return i
        elif (
            kind >= EventKind.INSTRUMENT_DEFINED and kind <= EventKind.DAY_ENDED
        ) or kind == EventKind.PARAMETER_SET:
            result[ENCODED_STATUS] = STATUS_CONTROL
            return i
    return count


@jit_borrowed
def encode_session(
    events: np.ndarray, count: int, connection: int, streams: Streams, midnight_ns: int
) -> int:
    """Append one connection's messages in ``events[:count]`` (EVENT[n]).

    Messages up to CONNECTION_NUMBER were sent already and are passed over. ``midnight_ns``: UTC, of
    the stream's day. Returns how many events were done; ``streams.result`` says why it ended:
    STATUS_DONE, STATUS_FULL (the event at the returned index is not complete: come back to it) or
    STATUS_MISMATCH.
    """
    connections = streams.connections
    result = streams.result
    result[ENCODED_STATUS] = STATUS_DONE
    result[ENCODED_MESSAGES] = 0
    session = connections[connection, CONNECTION_SESSION]
    for i in range(count):
        event = events[i]
        if not _is_reported(event.kind):
            continue
        for side in range(2):
            if side == 0:
                owner = np.int64(event.session)
                number = np.int64(event.session_sequence)
            elif event.kind == EventKind.TRADE:
                owner = np.int64(event.contra_session)
                number = np.int64(event.contra_session_sequence)
            else:
                break
            if owner != session or number <= connections[connection, CONNECTION_NUMBER]:
                continue
            if number != connections[connection, CONNECTION_NUMBER] + 1:
                result[ENCODED_STATUS] = STATUS_MISMATCH
                return i
            if not reserve(connections, connection, streams.queue, FRAME_SIZE_MAXIMUM):
                result[ENCODED_STATUS] = STATUS_FULL
                return i
            _append_to(event, side == 1, connection, streams, midnight_ns)
            connections[connection, CONNECTION_NUMBER] = number
    return count
