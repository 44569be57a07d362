"""Events as lines of the language of ``tests/model/cases/script.py``.

An event about an order: ``KIND session#number token side quantity@price reason left=open
L=quantity/orders``, with ``with session#number token side`` for a trade's aggressor, ``was token``
for what was replaced, ``for session:token`` of the other order of a prevented self-trade. Others:
``KIND`` and the fields that they have, by name. Entry fields that have their default are left out;
so is what the rules fix: order ids are checked here instead. Times are seconds since START.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from exchange.codes import (
    FLAG_LEVEL,
    CancelReason,
    CommandKind,
    EventKind,
    InstrumentState,
    Parameter,
    Reject,
    Scope,
    StateReason,
    SystemEvent,
    TradeReason,
    WarningReason,
)
from exchange.records import EVENT, noted_operator, noted_text

START_NS = 1_700_000_000_000_000_000
SIDES = "BSTE"
ENTRY_FIELDS = {
    "tif": "time_in_force",
    "min": "minimum_quantity",
    "firm": "firm",
    "capacity": "capacity",
    "sweep": "intermarket_sweep",
    "cross": "cross_type",
}
DEFAULTS = {
    "time_in_force": 99_998,
    "firm": 7,
    "display": ord("Y"),
    "capacity": ord("A"),
    "intermarket_sweep": ord("N"),
    "cross_type": ord("N"),
    "instrument": 1,
}
_ENTRY = (EventKind.ACCEPTED, EventKind.REPLACED)
_ABOUT_ORDERS = {
    EventKind.ACCEPTED,
    EventKind.REJECTED,
    EventKind.REPLACED,
    EventKind.CANCELED,
    EventKind.TRADE,
    EventKind.MODIFIED,
    EventKind.RESTED,
    EventKind.REMOVED,
    EventKind.TERMS,
    EventKind.HELD,
    EventKind.RELEASED,
    EventKind.TRIGGERED,
    EventKind.REFRESHED,
    EventKind.SELF_TRADE_PREVENTED,
    EventKind.CANCEL_REJECTED,
}
_REASONS: dict[EventKind, type[IntEnum]] = {
    EventKind.CANCELED: CancelReason,
    EventKind.SYSTEM: SystemEvent,
    EventKind.REJECTED: Reject,
    EventKind.CONTROL_REJECTED: Reject,
    EventKind.CANCEL_REJECTED: Reject,
    EventKind.TRADE: TradeReason,
    EventKind.STATE_CHANGED: StateReason,
    EventKind.WARNING: WarningReason,
}


def token_bytes(word: str) -> bytes:
    """A token of a script: padded with spaces; ``BLANK``, ``NUL`` and ``HIGH`` are malformed."""
    special = {"BLANK": b" " * 14, "NUL": b"ab" + bytes(12), "HIGH": b"a\x7f" + b" " * 12}
    return special.get(word, word.ljust(14).encode())


def lines(data: bytes, order_ids: dict[str, int]) -> list[str]:
    """Events as lines of the language; checks that every event names the right order."""
    return [_line(event, order_ids) for event in np.frombuffer(data, EVENT)]


def _word(raw: bytes) -> str:
    for name in ("BLANK", "NUL", "HIGH"):
        if token_bytes(name) == raw:
            return name
    return raw.rstrip(b"\0 ").decode()


def _side(number: int) -> str:
    return SIDES[number] if number < len(SIDES) else str(number)


def _seconds(time_ns: int) -> str:
    second, nanosecond = divmod(time_ns - START_NS, 10**9)
    return f"{second}.{nanosecond:09d}".rstrip("0").rstrip(".")


def _line(event: np.ndarray, order_ids: dict[str, int]) -> str:
    kind = EventKind(int(event["kind"]))
    words = [kind.name]
    if event["session"]:
        number = int(event["session_sequence"])
        words.append(f"{event['session']}#{number}" if number else f"{event['session']}")
    if kind in _ABOUT_ORDERS:
        words += _order_words(event, kind, order_ids)
    else:
        words += _other_words(event, kind)
    if event["flags"] & FLAG_LEVEL:
        words.append(f"L={event['level_quantity']}/{event['level_orders']}")
    if kind == EventKind.TRADE:
        contra = _word(event.tobytes()[104:118])
        assert event["contra_order_id"] == order_ids[contra]
        words.append(f"with {event['contra_session']}#{event['contra_session_sequence']}")
        words.append(f"{contra} {_side(event['contra_side'])}")
    return " ".join(words)


def _order_words(event: np.ndarray, kind: EventKind, order_ids: dict[str, int]) -> list[str]:
    raw = event.tobytes()
    token = _word(raw[64:78])
    words = [token, _side(event["side"])]
    if kind == EventKind.REPLACED:
        assert event["contra_order_id"] == order_ids[_word(raw[104:118])]
    if kind in _ENTRY or kind == EventKind.REJECTED:
        assert event["order_id"] == event["command_sequence"]
        if kind in _ENTRY:
            order_ids[token] = int(event["order_id"])
    else:
        assert event["order_id"] == order_ids[token], f"wrong order id: {event}"
    assert kind == EventKind.REJECTED or event["instrument"] > 0
    if event["instrument"] > 1:
        words.append(f"instrument={event['instrument']}")
    if event["price"] or event["quantity"]:
        words.append(f"{event['quantity']}@{event['price']}")
    if event["reason"]:
        words.append(_REASONS[kind](int(event["reason"])).name)
    if event["order_type"]:
        words.append(f"type={event['order_type']}")
    if event["display"] != ord("Y"):
        words.append(f"display={chr(event['display'])}")
    if kind in _ENTRY:
        for key, name in ENTRY_FIELDS.items():
            value = int(event[name])
            if value != DEFAULTS.get(name, 0):
                letter = key in ("capacity", "sweep", "cross")
                words.append(f"{key}={chr(value) if letter else value}")
    elif kind == EventKind.TERMS:
        words += [f"stop={event['contra_order_id']}"] if event["contra_order_id"] else []
        words += [f"show={event['remaining']}"] if event["remaining"] else []
    elif event["remaining"]:
        words.append(f"left={event['remaining']}")
    if kind == EventKind.REPLACED:
        words.append(f"was {_word(raw[104:118])}")
    elif kind == EventKind.SELF_TRADE_PREVENTED:
        names = {number: name for name, number in order_ids.items()}
        words.append(f"prevented={event['prevented']} {chr(event['liquidity'])}")
        words.append(f"for {names[int(event['contra_order_id'])]}")
    return words


def _other_words(event: np.ndarray, kind: EventKind) -> list[str]:
    raw = event.tobytes()
    words: list[str] = []
    rejected = kind == EventKind.CONTROL_REJECTED
    if event["instrument"]:
        words.append(f"instrument={event['instrument']}")
    if kind in _CONTROL_TARGETS or rejected:
        words += [f"account={event['account']}"] if event["account"] else []
        words += [f"currency={event['currency']}"] if event["currency"] else []
    if kind == EventKind.PARAMETER_SET:
        words.append(Parameter(int(event["parameter"])).name)
        values = [int(event[name]) for name in ("price", "quantity", "level_quantity")]
        words.append(",".join(str(value) for value in values))
        return words
    if kind == EventKind.STATE_CHANGED:
        words.append(InstrumentState(int(event["display"])).name)
        words.append(StateReason(int(event["reason"])).name)
        words += [f"until={_seconds(int(event['quantity']))}"] if event["quantity"] else []
        return words
    if kind == EventKind.KILL_SWITCHED:
        words += [Scope(int(event["scope"])).name, "on" if event["quantity"] else "off"]
        return words
    token = _word(raw[64:78])
    if token:
        words.append(token)
    if kind == EventKind.NOTED:
        words += [CommandKind(int(event["order_type"])).name] if event["order_type"] else []
        words += [noted_operator(event), f"part={event['scope']}"]
        return words + ([noted_text(event)] if event["price"] else [])
    if kind == EventKind.LEVEL:
        words.append(_side(event["side"]))
    if kind == EventKind.CONTROL_DONE or (rejected and event["order_type"]):
        words.append(CommandKind(int(event["order_type"])).name)
    if event["price"] or event["quantity"]:
        words.append(f"{event['quantity']}@{event['price']}")
    if event["reason"]:
        words.append(_REASONS[kind](int(event["reason"])).name)
    if kind == EventKind.INSTRUMENT_DEFINED:
        words.append(f"left={event['remaining']}")
        words.append(f"low={event['level_quantity']} high={event['contra_order_id']}")
    elif event["remaining"]:
        words.append(f"left={event['remaining']}")
    return words


_CONTROL_TARGETS = {
    EventKind.INSTRUMENT_DEFINED,
    EventKind.CURRENCY_DEFINED,
    EventKind.ACCOUNT_DEFINED,
    EventKind.BALANCE_CHANGED,
    EventKind.PARAMETER_SET,
    EventKind.KILL_SWITCHED,
    EventKind.WARNING,
}
