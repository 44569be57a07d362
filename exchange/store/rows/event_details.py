"""The details of events that are not about an order: operators' commands, days, definitions.

Who uses it: ``event_rows.py``, for the kinds in ``event_kinds.HAS_DETAILS``. They are rare, so this
is plain Python: a dictionary each, which becomes the jsonb column ``details``. The definitions also
become rows of the tables ``instruments``, ``sessions`` and ``currencies``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from exchange.codes import CommandKind, EventKind, InstrumentState, Parameter, Scope
from exchange.records import noted_operator, noted_text, token_text, word_text
from exchange.store.rows.texts import name_of

Event = np.void


class InstrumentRow(NamedTuple):
    """A row of table ``instruments``; times in ns."""

    number: int
    symbol: str
    currency: str
    price_decimals: int
    tick: int
    lot: int
    minimum_price: int
    maximum_price: int
    maximum_quantity: int
    instrument_group: int
    created_ns: int


class SessionRow(NamedTuple):
    """A row of table ``sessions``; times in ns."""

    number: int
    username: str
    user_id: int
    created_ns: int


class CurrencyRow(NamedTuple):
    """A row of table ``currencies``."""

    number: int
    code: str
    decimals: int
    fee_account: int


def symbol_of(event: Event) -> str:
    """The symbol of an INSTRUMENT_DEFINED, the code of a CURRENCY_DEFINED, a session's username."""
    return word_text(event["token_0"])


def instrument_row(event: Event, currency: str) -> InstrumentRow:
    """The row of an INSTRUMENT_DEFINED."""
    return InstrumentRow(
        number=int(event["instrument"]),
        symbol=symbol_of(event),
        currency=currency,
        price_decimals=int(event["display"]),
        tick=int(event["price"]),
        lot=int(event["quantity"]),
        minimum_price=int(event["level_quantity"]),
        maximum_price=int(event["contra_order_id"]),
        maximum_quantity=int(event["remaining"]),
        instrument_group=int(event["group"]),
        created_ns=int(event["timestamp_ns"]),
    )


def session_row(event: Event) -> SessionRow:
    """The row of a SESSION_DEFINED."""
    return SessionRow(
        int(event["session"]), symbol_of(event), int(event["quantity"]), int(event["timestamp_ns"])
    )


def currency_row(event: Event) -> CurrencyRow:
    """The row of a CURRENCY_DEFINED."""
    return CurrencyRow(
        int(event["currency"]), symbol_of(event), int(event["display"]), int(event["account"])
    )


def _key(event: Event) -> str | None:
    """The idempotency key that an operator's command had."""
    key = token_text(event)
    return key or None


def _note(event: Event) -> dict[str, Any]:
    """Who asked for the command that follows, and why; a long reason is in several parts."""
    said: dict[str, Any] = {"operator": noted_operator(event), "uid": int(event["account"])}
    if event["order_type"]:
        said["command"] = name_of(CommandKind, int(event["order_type"]))
    if (key := _key(event)) is not None:
        said["key"] = key
    if reason := noted_text(event):
        said |= {"reason": reason, "part": int(event["scope"])}
    return said


def _values(event: Event) -> list[int]:
    return [int(event[name]) for name in ("price", "quantity", "level_quantity")]


def details(event: Event, currencies: dict[int, str]) -> dict[str, Any]:
    """Details of ``event`` that have no column; ``currencies``: number -> code."""
    kind = int(event["kind"])
    if kind == EventKind.INSTRUMENT_DEFINED:
        row = instrument_row(event, currencies.get(int(event["currency"]), ""))
        return {key: value for key, value in row._asdict().items() if key != "created_ns"}
    if kind == EventKind.SESSION_DEFINED:
        return {"username": symbol_of(event)}
    if kind == EventKind.CURRENCY_DEFINED:
        return currency_row(event)._asdict()
    if kind == EventKind.BALANCE_CHANGED:
        currency = currencies.get(int(event["currency"]))
        return {"currency": currency} if not event["instrument"] else {}
    if kind == EventKind.PARAMETER_SET:
        return {"parameter": name_of(Parameter, int(event["parameter"])), "values": _values(event)}
    if kind == EventKind.STATE_CHANGED:
        return {"state": name_of(InstrumentState, int(event["display"]))}
    if kind == EventKind.KILL_SWITCHED:
        return {"scope": name_of(Scope, int(event["scope"]))}
    if kind == EventKind.WARNING:
        return {"window_seconds": int(event["level_quantity"])}
    if kind == EventKind.NOTED:
        return _note(event)
    said: dict[str, Any] = {"command": name_of(CommandKind, int(event["order_type"]))}
    if not event["order_type"]:
        said = {}
    if kind == EventKind.CONTROL_REJECTED and event["currency"]:
        said["currency"] = int(event["currency"])
    if (key := _key(event)) is not None:
        said["key"] = key
    return said
