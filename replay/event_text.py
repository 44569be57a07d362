"""One event as a dictionary of named, readable values.

Who uses it: ``show``, ``export`` and the error messages of ``verify``. The keys are the field names
of ``exchange/records.py`` where a field means the same in every kind, and say what is meant where
the layout reuses it (``chain_hash``, ``replaced_token``, ``stop_price``, ...). Numbers with units
keep them in the key; prices and amounts of money are exact decimals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exchange.codes import (
    FLAG_LEVEL,
    CancelReason,
    CommandKind,
    EventKind,
    InstrumentState,
    OrderType,
    Reject,
    Scope,
    Side,
    StateReason,
    SystemEvent,
    TradeReason,
    WarningReason,
)
from exchange.records import noted_operator, noted_text, token_text, word_text
from replay.directory import Directory, decimal_text
from replay.text import (
    code_name,
    hash_text,
    letter,
    parameter_fields,
    time_text,
)

_ENTRY = (EventKind.ACCEPTED, EventKind.REPLACED)
_ABOUT_ORDERS = (
    *_ENTRY,
    EventKind.REJECTED,
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
)
_REASONS = {
    EventKind.REJECTED: Reject,
    EventKind.CANCEL_REJECTED: Reject,
    EventKind.CANCELED: CancelReason,
    EventKind.TRADE: TradeReason,
}


def event_fields(event: Any, directory: Directory) -> dict[str, Any]:
    """One event (an EVENT record) as a dictionary of what its kind says."""
    kind = int(event["kind"])
    timestamp_ns = int(event["timestamp_ns"])
    fields: dict[str, Any] = {
        "sequence": int(event["sequence"]),
        "command_sequence": int(event["command_sequence"]),
        "time": time_text(timestamp_ns),
        "timestamp_ns": timestamp_ns,
        "kind": code_name(EventKind, kind),
    }
    if kind in _ABOUT_ORDERS:
        _order(fields, event, kind, directory)
    else:
        special = _SPECIAL.get(kind)
        if special is not None:
            special(fields, event, directory)
    return fields


def _order(fields: dict[str, Any], event: Any, kind: int, directory: Directory) -> None:
    instrument = int(event["instrument"])
    fields["instrument"] = directory.symbol(instrument)
    fields["session"] = directory.username(int(event["session"]))
    if int(event["session_sequence"]):
        fields["session_sequence"] = int(event["session_sequence"])
    fields["order_id"] = int(event["order_id"])
    fields["token"] = token_text(event)
    fields["side"] = code_name(Side, int(event["side"]))
    fields["order_type"] = code_name(OrderType, int(event["order_type"]))
    fields["display"] = letter(int(event["display"]))
    fields["price"] = directory.price(instrument, int(event["price"]))
    fields["quantity"] = int(event["quantity"])
    if kind in _ENTRY:
        fields["time_in_force"] = int(event["time_in_force"])
        fields["minimum_quantity"] = int(event["minimum_quantity"])
        fields["firm"] = word_text(event["firm"], sizes=(4,))
        fields["capacity"] = letter(int(event["capacity"]))
        fields["intermarket_sweep"] = letter(int(event["intermarket_sweep"]))
        fields["cross_type"] = letter(int(event["cross_type"]))
        if kind == EventKind.REPLACED:
            fields["replaced_order_id"] = int(event["contra_order_id"])
            fields["replaced_token"] = token_text(event, "contra_token")
    elif kind == EventKind.TERMS:
        fields["stop_price"] = directory.price(instrument, int(event["contra_order_id"]))
        fields["display_quantity"] = int(event["remaining"])
    else:
        fields["remaining"] = int(event["remaining"])
    if kind in _REASONS:
        fields["reason"] = code_name(_REASONS[EventKind(kind)], int(event["reason"]))
    if kind == EventKind.TRADE:
        fields["match_number"] = int(event["sequence"]) + 1
        fields["aggressor_order_id"] = int(event["contra_order_id"])
        fields["aggressor_token"] = token_text(event, "contra_token")
        fields["aggressor_session"] = directory.username(int(event["contra_session"]))
        fields["aggressor_session_sequence"] = int(event["contra_session_sequence"])
        fields["aggressor_side"] = code_name(Side, int(event["contra_side"]))
    elif kind == EventKind.SELF_TRADE_PREVENTED:
        fields["other_order_id"] = int(event["contra_order_id"])
        fields["prevented"] = int(event["prevented"])
        fields["liquidity"] = letter(int(event["liquidity"]))
    _level(fields, event)


def _level(fields: dict[str, Any], event: Any) -> None:
    if int(event["flags"]) & FLAG_LEVEL:
        fields["level_quantity"] = int(event["level_quantity"])
        fields["level_orders"] = int(event["level_orders"])


def _day(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    fields["day_number"] = int(event["price"])
    fields["midnight_ns"] = int(event["quantity"])
    if event["kind"] == EventKind.SYSTEM:
        fields["session"] = directory.username(int(event["session"]))
        fields["session_sequence"] = int(event["session_sequence"])
        fields["reason"] = code_name(SystemEvent, int(event["reason"]))


def _checkpoint(fields: dict[str, Any], event: Any, _: Directory) -> None:
    fields["chain_hash"] = hash_text(int(event["price"]))
    fields["events_hashed"] = int(event["quantity"])


def _instrument(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    decimals = int(event["display"])
    fields["instrument"] = word_text(event["token_0"])
    fields["instrument_id"] = int(event["instrument"])
    fields["price_decimals"] = decimals
    fields["tick_size"] = decimal_text(int(event["price"]), decimals)
    fields["lot_size"] = int(event["quantity"])
    fields["minimum_price"] = decimal_text(int(event["level_quantity"]), decimals)
    fields["maximum_price"] = decimal_text(int(event["contra_order_id"]), decimals)
    fields["maximum_quantity"] = int(event["remaining"])
    fields["currency"] = directory.currency(int(event["currency"]))
    fields["group"] = int(event["group"])


def _session(fields: dict[str, Any], event: Any, _: Directory) -> None:
    fields["session"] = word_text(event["token_0"])
    fields["session_id"] = int(event["session"])
    fields["account"] = int(event["quantity"])


def _refused(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    fields["reason"] = code_name(Reject, int(event["reason"]))
    fields["instrument"] = directory.symbol(int(event["instrument"]))
    fields["session"] = directory.username(int(event["session"]))
    if int(event["order_type"]):
        fields["command"] = code_name(CommandKind, int(event["order_type"]))
        fields["account"] = int(event["account"]) or ""
        fields["currency"] = directory.currency(int(event["currency"]))
        if token_text(event):
            fields["key"] = token_text(event)


def _done(fields: dict[str, Any], event: Any, _: Directory) -> None:
    fields["key"] = token_text(event)
    fields["command"] = code_name(CommandKind, int(event["order_type"]))
    fields["canceled_orders"] = int(event["quantity"])


def _noted(fields: dict[str, Any], event: Any, _: Directory) -> None:
    # in columns that there were before there were notes: exports stay as they were
    command, text = int(event["order_type"]), noted_text(event)
    fields["command"] = code_name(CommandKind, command) if command else ""
    fields["key"] = token_text(event)
    who = f"{noted_operator(event)} ({int(event['account'])})"
    fields["reason"] = f"{who}: {text}" if text else who


def _currency(fields: dict[str, Any], event: Any, _: Directory) -> None:
    fields["currency"] = word_text(event["token_0"])
    fields["currency_id"] = int(event["currency"])
    fields["currency_decimals"] = int(event["display"])
    fields["fee_account"] = int(event["account"])


def _account(fields: dict[str, Any], event: Any, _: Directory) -> None:
    fields["account"] = int(event["account"])


def _balance(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    instrument = int(event["instrument"])
    fields["account"] = int(event["account"])
    if instrument:
        fields["instrument"] = directory.symbol(instrument)
        fields["price"] = directory.price(instrument, int(event["price"]))
        fields["quantity"] = int(event["quantity"])
        fields["position"] = int(event["remaining"])
    else:
        currency = int(event["currency"])
        fields["currency"] = directory.currency(currency)
        fields["amount"] = directory.money(currency, int(event["quantity"]))
        fields["balance"] = directory.money(currency, int(event["remaining"]))


def _parameter(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    instrument = int(event["instrument"])
    fields["instrument"] = directory.symbol(instrument)
    fields["session"] = directory.username(int(event["session"]))
    fields["account"] = int(event["account"]) or ""
    values = (int(event["price"]), int(event["quantity"]), int(event["level_quantity"]))
    fields.update(parameter_fields(int(event["parameter"]), values, instrument, directory))


def _state(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    fields["instrument"] = directory.symbol(int(event["instrument"]))  # empty: the whole market
    fields["state"] = code_name(InstrumentState, int(event["display"]))
    fields["reason"] = code_name(StateReason, int(event["reason"]))
    fields["until"] = time_text(int(event["quantity"])) if int(event["quantity"]) else ""


def _kill(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    fields["scope"] = code_name(Scope, int(event["scope"]))
    fields["account"] = int(event["account"]) or ""
    fields["session"] = directory.username(int(event["session"]))
    fields["on"] = bool(event["quantity"])


def _warning(fields: dict[str, Any], event: Any, _: Directory) -> None:
    fields["account"] = int(event["account"])
    fields["reason"] = code_name(WarningReason, int(event["reason"]))
    fields["cancels"] = int(event["quantity"])
    fields["orders"] = int(event["price"])
    fields["window_s"] = int(event["level_quantity"])


def _level_changed(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    instrument = int(event["instrument"])
    fields["instrument"] = directory.symbol(instrument)
    fields["side"] = code_name(Side, int(event["side"]))
    fields["price"] = directory.price(instrument, int(event["price"]))
    _level(fields, event)


def _auction(fields: dict[str, Any], event: Any, directory: Directory) -> None:
    instrument = int(event["instrument"])
    fields["instrument"] = directory.symbol(instrument)
    fields["price"] = directory.price(instrument, int(event["price"]))
    fields["quantity"] = int(event["quantity"])
    fields["imbalance"] = int(event["remaining"])


_SPECIAL: dict[int, Callable[[dict[str, Any], Any, Directory], None]] = {
    EventKind.SYSTEM: _day,
    EventKind.DAY_STARTED: _day,
    EventKind.DAY_ENDED: _day,
    EventKind.CHECKPOINT: _checkpoint,
    EventKind.INSTRUMENT_DEFINED: _instrument,
    EventKind.SESSION_DEFINED: _session,
    EventKind.CONTROL_REJECTED: _refused,
    EventKind.CONTROL_DONE: _done,
    EventKind.NOTED: _noted,
    EventKind.CURRENCY_DEFINED: _currency,
    EventKind.ACCOUNT_DEFINED: _account,
    EventKind.BALANCE_CHANGED: _balance,
    EventKind.PARAMETER_SET: _parameter,
    EventKind.STATE_CHANGED: _state,
    EventKind.KILL_SWITCHED: _kill,
    EventKind.WARNING: _warning,
    EventKind.LEVEL: _level_changed,
    EventKind.AUCTION: _auction,
}
assert set(_SPECIAL) | set(_ABOUT_ORDERS) == set(EventKind)
