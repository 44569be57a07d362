"""Events of orders as the records that their accounts get: one JSON object each.

Who uses it: the sink and the check. A record tells what an event says, not what the order is after
it: so it follows from the event alone, and the same event always gives the same bytes. Names and
units are those of the execution reports of the WebSocket (docs/connectors.md)::

    sequence, event, account, symbol, order_id, client_order_id, side, price_decimals
    price, quantity       accepted, replaced, rejected, held, released, triggered: what was asked
                          for, or is open
    replaces              replaced: the order before it
    last_price, last_quantity, trade_id, liquidity     filled
    cancelled_quantity    cancelled, expired: how much was taken away, and cancel_reason
    prevented_quantity    prevented
    remaining_quantity    where the event says it: what is open after it
    reject_code, reject_reason                         rejected, cancel_rejected
    timestamp             milliseconds since 1970 UTC

A trade is reported to both accounts: ``part`` 1 is the maker's, 2 the taker's. Everything else has
part 1.

Decision CON-22.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from exchange.api.errors import REJECT_BASE
from exchange.api.orders.json import CANCEL_REASON_NAMES, REJECT_NAMES
from exchange.api.orders.terms import SIDE_NAMES, client_order_id_of
from exchange.api.websocket.execution_reports import EVENT_NAMES
from exchange.codes import CancelReason, EventKind
from exchange.connect.directory import Directory, Named
from exchange.records import EVENT, EVENT_CONTRA_TOKEN_0, EVENT_TOKEN_0, TOKEN_BYTES

REPORTED = np.zeros(256, np.bool_)
REPORTED[list(EVENT_NAMES)] = True
MAKER, TAKER = 1, 2
NANOSECONDS_PER_MS = 1_000_000
_ASKED = (
    EventKind.ACCEPTED,
    EventKind.REPLACED,
    EventKind.REJECTED,
    EventKind.HELD,
    EventKind.RELEASED,
    EventKind.TRIGGERED,
)
_NO_REMAINING = (*_ASKED[:3], EventKind.CANCEL_REJECTED)


class ReportRecord(NamedTuple):
    """A report: the sequence of its event, its part, its account, and its JSON text (UTF-8)."""

    sequence: int
    part: int
    account: int
    text: bytes


class _Event(NamedTuple):
    """The fields of an event that a report has, as Python numbers."""

    sequence: int
    kind: int
    instrument: int
    order_id: int
    side: int
    price: int
    quantity: int
    remaining: int
    reason: int
    contra_order_id: int
    contra_side: int
    timestamp_ns: int
    account: int
    contra_account: int
    token: bytes
    contra_token: bytes


def _events(events: np.ndarray, accounts: np.ndarray) -> Iterator[_Event]:
    """The reported events among ``events``, with their accounts (0: none)."""
    at = np.flatnonzero(REPORTED[events["kind"]])
    found = events[at]
    octets = found.view(np.uint8).reshape(len(found), EVENT.itemsize)
    columns = [found[name].tolist() for name in _Event._fields[: _Event._fields.index("account")]]
    columns.append(accounts[found["session"]].tolist())
    columns.append(accounts[found["contra_session"]].tolist())
    tokens = []
    for field in (EVENT_TOKEN_0, EVENT_CONTRA_TOKEN_0):
        text = octets[:, field.offset : field.offset + TOKEN_BYTES].tobytes()
        tokens.append(
            [text[first : first + TOKEN_BYTES] for first in range(0, len(text), TOKEN_BYTES)]
        )
    return map(_Event._make, zip(*columns, *tokens, strict=True))


def report_records(events: np.ndarray, directory: Directory) -> Iterator[ReportRecord]:
    """The reports of ``events`` (EVENT[n], in order); ``directory`` knows their names."""
    for event in _events(events, directory.accounts):
        if event.kind == EventKind.TRADE:
            yield from _trade(event, directory)
        elif event.account:
            text = (
                _front(event, event.account, event.order_id, event.token, event.side, directory)
                + _rest(event)
                + _end(event)
            )
            yield ReportRecord(event.sequence, MAKER, event.account, text.encode())


def _trade(event: _Event, directory: Directory) -> Iterator[ReportRecord]:
    """A trade is two reports: the event has the maker's side of it."""
    fill = (
        f',"last_price":{event.price},"last_quantity":{event.quantity},'
        f'"trade_id":{event.sequence + 1}'
    )
    if event.account:
        text = (
            _front(event, event.account, event.order_id, event.token, event.side, directory)
            + f'{fill},"liquidity":"maker","remaining_quantity":{event.remaining}'
            + _end(event)
        )
        yield ReportRecord(event.sequence, MAKER, event.account, text.encode())
    if event.contra_account:
        text = (
            _front(
                event,
                event.contra_account,
                event.contra_order_id,
                event.contra_token,
                event.contra_side,
                directory,
            )
            + f'{fill},"liquidity":"taker"'
            + _end(event)
        )
        yield ReportRecord(event.sequence, TAKER, event.contra_account, text.encode())


@functools.lru_cache(maxsize=65_536)
def _token_json(token: bytes) -> str:
    """The client order id of ``token`` as JSON."""
    return msgspec.json.encode(client_order_id_of(token)).decode()


def _front(
    event: _Event, account: int, order_id: int, token: bytes, side: int, directory: Directory
) -> str:
    """What all reports have: the beginning of the JSON text."""
    named = directory.instruments.get(event.instrument)
    if named is None:
        named = Named(directory.symbol(event.instrument), "", 0)
    side_name = f'"{SIDE_NAMES[side]}"' if side < len(SIDE_NAMES) else "null"
    return (
        f'{{"sequence":{event.sequence},"event":"{_name(event)}","account":{account},'
        f'"symbol":"{named.symbol}","order_id":{order_id},"client_order_id":{_token_json(token)},'
        f'"side":{side_name},"price_decimals":{named.price_decimals}'
    )


def _name(event: _Event) -> str:
    if event.kind == EventKind.CANCELED and event.reason == CancelReason.TIMEOUT:
        return "expired"
    return EVENT_NAMES[event.kind]


def _rest(event: _Event) -> str:
    """What reports of its kind have beside that."""
    kind, text = event.kind, ""
    if kind in _ASKED:
        text += f',"price":{event.price or "null"},"quantity":{event.quantity}'
    if kind == EventKind.REPLACED:
        text += f',"replaces":{event.contra_order_id}'
    elif kind == EventKind.CANCELED:
        reason = CANCEL_REASON_NAMES.get(event.reason, str(event.reason))
        text += f',"cancelled_quantity":{event.quantity},"cancel_reason":"{reason}"'
    elif kind == EventKind.SELF_TRADE_PREVENTED:
        text += f',"prevented_quantity":{event.quantity}'
    elif kind in (EventKind.REJECTED, EventKind.CANCEL_REJECTED):
        reason = REJECT_NAMES.get(event.reason, str(event.reason))
        text += f',"reject_code":{REJECT_BASE + event.reason},"reject_reason":"{reason}"'
    if kind not in _NO_REMAINING:
        text += f',"remaining_quantity":{event.remaining}'
    return text


def _end(event: _Event) -> str:
    return f',"timestamp":{event.timestamp_ns // NANOSECONDS_PER_MS}}}'
