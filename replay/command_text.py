"""One command as a dictionary of named, readable values.

Who uses it: ``show`` and ``export``. The keys are the field names of ``exchange/records.py`` where
a field means the same in every kind, and say what is meant where the layout reuses it. Prices and
amounts of money are exact decimals. What an operator sent carries ``operator`` and
``operator_uid``: who asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exchange.codes import (
    FLAG_WIRE_PRICE,
    MASS_CANCEL_ANY_SIDE,
    OPTION_AMEND,
    OPTION_REPRICE,
    WIRE_PRICE_DECIMALS,
    CommandKind,
    InstrumentState,
    OrderType,
    Reject,
    Scope,
    Side,
)
from exchange.records import (
    ADMIN_CONTINUATION,
    INSTRUMENT_CONTINUATION,
    ORDER_CONTINUATION,
    note_text,
    token_text,
    word_text,
)
from replay.directory import Directory, decimal_text
from replay.text import (
    code_name,
    letter,
    parameter_fields,
    time_text,
)

_ENTERING = (CommandKind.ENTER, CommandKind.REPLACE, CommandKind.REPLACE_BY_ORDER_ID)
_BY_TOKEN = (CommandKind.CANCEL, CommandKind.MODIFY)
_BY_ORDER_ID = (CommandKind.CANCEL_BY_ORDER_ID, CommandKind.MODIFY_BY_ORDER_ID)
_SIDED = (CommandKind.ENTER, CommandKind.MODIFY, CommandKind.MODIFY_BY_ORDER_ID)


def command_fields(
    sequence: int, command: Any, continuation: Any, directory: Directory
) -> dict[str, Any]:
    """One command as a dictionary. ``continuation``: its second slot (COMMAND) or ``None``."""
    kind = int(command["kind"])
    fields: dict[str, Any] = {
        "sequence": sequence,
        "time": time_text(int(command["timestamp_ns"])),
        "timestamp_ns": int(command["timestamp_ns"]),
        "kind": code_name(CommandKind, kind),
    }
    special = _SPECIAL.get(kind)
    if special is not None:
        special(fields, command, continuation, directory)
    elif kind in _ENTERING or kind in _BY_ORDER_ID or kind in _BY_TOKEN:
        _order(fields, command, continuation, directory)
    else:  # an unknown kind: its fields by their own names
        for name in ("session", "instrument", "price", "quantity"):
            fields[name] = int(command[name])
    if int(command["reject"]):
        fields["reject"] = code_name(Reject, int(command["reject"]))
    return fields


def _as(continuation: Any, layout: np.dtype) -> Any:
    """The second slot as what it is for this kind; None when there is none."""
    return None if continuation is None else np.frombuffer(continuation.tobytes(), layout)[0]


def _asked(fields: dict[str, Any], command: Any, second: Any, *, key: bool = True) -> None:
    """The sender of an operator's command, and its idempotency key if it has one."""
    if second is not None:
        fields["operator"] = word_text(second["operator_0"], second["operator_1"], sizes=(8, 8))
        fields["operator_uid"] = int(second["operator_uid"])
    if key and token_text(command):
        fields["key"] = token_text(command)


def _order(fields: dict[str, Any], command: Any, continuation: Any, directory: Directory) -> None:
    kind = int(command["kind"])
    instrument = int(command["instrument"])
    fields["session"] = directory.username(int(command["session"]))
    if kind in _BY_ORDER_ID:
        fields["order_id"] = int(command["price"])
        if kind == CommandKind.CANCEL_BY_ORDER_ID:
            _asked(fields, command, _as(continuation, ADMIN_CONTINUATION))
    elif kind != CommandKind.REPLACE_BY_ORDER_ID:
        fields["token"] = token_text(command)
    fields["quantity"] = int(command["quantity"])
    if kind == CommandKind.ENTER:
        fields["instrument"] = directory.symbol(instrument)
    if kind in _SIDED:
        fields["side"] = code_name(Side, int(command["side"]))
    if kind not in _ENTERING:
        return
    second = _as(continuation, ORDER_CONTINUATION)
    # A REPLACE does not name its instrument: from order entry its price is as on the wire.
    wire = kind != CommandKind.ENTER and int(command["flags"]) & FLAG_WIRE_PRICE
    if kind == CommandKind.ENTER:
        fields["price"] = directory.price(instrument, int(command["price"]))
        fields["firm"] = word_text(command["firm"], sizes=(4,))
        fields["capacity"] = letter(int(command["capacity"]))
        fields["cross_type"] = letter(int(command["cross_type"]))
    else:
        if wire:
            fields["price"] = decimal_text(int(command["price"]), WIRE_PRICE_DECIMALS)
        else:
            fields["price_minor_units"] = int(command["price"])
        if second is not None:
            if not int(second["options"]) & OPTION_AMEND:  # an amended order keeps its token
                fields["replacement_token"] = token_text(second)
            if kind == CommandKind.REPLACE_BY_ORDER_ID:
                fields["order_id"] = int(second["order_id"])
    fields["order_type"] = code_name(OrderType, int(command["order_type"]))
    fields["time_in_force"] = int(command["time_in_force"])
    fields["minimum_quantity"] = int(command["minimum_quantity"])
    fields["display"] = letter(int(command["display"]))
    fields["intermarket_sweep"] = letter(int(command["intermarket_sweep"]))
    if second is not None:
        stop = int(second["stop_price"])
        if stop and kind == CommandKind.ENTER:
            fields["stop_price"] = directory.price(instrument, stop)
        elif stop:
            fields["stop_price_minor_units"] = stop
        if int(second["display_quantity"]):
            fields["display_quantity"] = int(second["display_quantity"])
        if int(second["options"]) & OPTION_REPRICE:
            fields["reprice"] = True


def _instrument(fields: dict[str, Any], command: Any, continuation: Any, _: Directory) -> None:
    decimals = int(command["display"])
    fields["instrument"] = word_text(command["token_0"])
    fields["instrument_id"] = int(command["instrument"])
    fields["price_decimals"] = decimals
    fields["tick_size"] = decimal_text(int(command["price"]), decimals)
    fields["lot_size"] = int(command["quantity"])
    second = _as(continuation, INSTRUMENT_CONTINUATION)
    if second is not None:
        fields["minimum_price"] = decimal_text(int(second["minimum_price"]), decimals)
        fields["maximum_price"] = decimal_text(int(second["maximum_price"]), decimals)
        fields["maximum_quantity"] = int(second["maximum_quantity"])
        fields["currency_id"] = int(second["currency"])
        fields["group"] = int(second["group"])
        _asked(fields, command, second, key=False)


def _session(fields: dict[str, Any], command: Any, *_: Any) -> None:
    fields["session"] = word_text(command["token_0"])
    fields["session_id"] = int(command["session"])
    fields["account"] = int(command["quantity"])


def _end_of_day(fields: dict[str, Any], command: Any, *_: Any) -> None:
    # in a column that there was before: exports of older journals stay as they were
    fields["state"] = "FINDS_PRICES" if int(command["quantity"]) == 1 else ""


def _start_of_day(fields: dict[str, Any], command: Any, *_: Any) -> None:
    fields["day_number"] = int(command["price"])
    fields["midnight_ns"] = int(command["quantity"])


def _nothing_else(fields: dict[str, Any], command: Any, *_: Any) -> None:
    """A kind that has only its time."""


def _note(fields: dict[str, Any], command: Any, continuation: Any, _: Directory) -> None:
    # in columns that there were before there were notes: exports stay as they were
    second = _as(continuation, ADMIN_CONTINUATION)
    if second is not None:
        words = [second[f"value_{i}"] for i in range(3)] + [command["price"], command["quantity"]]
        fields["token"] = note_text(words)
    about = int(command["order_type"])
    fields["scope"] = code_name(CommandKind, about) if about else ""
    _asked(fields, command, second)


def _currency(fields: dict[str, Any], command: Any, continuation: Any, _: Directory) -> None:
    second = _as(continuation, ADMIN_CONTINUATION)
    if second is not None:
        fields["currency"] = word_text(second["value_0"])
        fields["currency_id"] = int(second["currency"])
        fields["currency_decimals"] = int(second["value_1"])
        fields["fee_account"] = int(second["account"])
    _asked(fields, command, second)


def _account(fields: dict[str, Any], command: Any, continuation: Any, _: Directory) -> None:
    second = _as(continuation, ADMIN_CONTINUATION)
    if second is not None:
        fields["account"] = int(second["account"])
    _asked(fields, command, second)


def _transfer(fields: dict[str, Any], command: Any, continuation: Any, names: Directory) -> None:
    second = _as(continuation, ADMIN_CONTINUATION)
    instrument = int(command["instrument"])
    if second is not None:
        fields["account"] = int(second["account"])
        if instrument == 0:
            currency = int(second["currency"])
            fields["currency"] = names.currency(currency)
            fields["amount"] = names.money(currency, int(command["quantity"]))
    if instrument:
        fields["instrument"] = names.symbol(instrument)
        fields["quantity"] = int(command["quantity"])
        fields["price"] = names.price(instrument, int(command["price"]))
    _asked(fields, command, second)


def _parameter(fields: dict[str, Any], command: Any, continuation: Any, names: Directory) -> None:
    second = _as(continuation, ADMIN_CONTINUATION)
    instrument = int(command["instrument"])
    fields["instrument"] = names.symbol(instrument)
    fields["session"] = names.username(int(command["session"]))
    if second is not None:
        fields["account"] = int(second["account"]) or ""
        values = (int(second["value_0"]), int(second["value_1"]), int(second["value_2"]))
        fields.update(parameter_fields(int(second["parameter"]), values, instrument, names))
    _asked(fields, command, second)


def _state(fields: dict[str, Any], command: Any, continuation: Any, names: Directory) -> None:
    second = _as(continuation, ADMIN_CONTINUATION)
    fields["instrument"] = names.symbol(int(command["instrument"]))
    if second is not None:
        fields["group"] = int(second["group"]) or ""
        fields["state"] = code_name(InstrumentState, int(second["parameter"]))
        fields["until"] = time_text(int(second["value_0"])) if int(second["value_0"]) else ""
    _asked(fields, command, second)


def _kill(fields: dict[str, Any], command: Any, continuation: Any, names: Directory) -> None:
    second = _as(continuation, ADMIN_CONTINUATION)
    fields["session"] = names.username(int(command["session"]))
    if second is not None:
        fields["scope"] = code_name(Scope, int(second["scope"]))
        fields["account"] = int(second["account"]) or ""
        fields["on"] = bool(second["value_0"])
    _asked(fields, command, second)


def _review(fields: dict[str, Any], command: Any, continuation: Any, _: Directory) -> None:
    fields["order_id"] = int(command["price"])
    fields["approve"] = bool(command["quantity"])
    _asked(fields, command, _as(continuation, ADMIN_CONTINUATION))


def _mass_cancel(fields: dict[str, Any], command: Any, continuation: Any, names: Directory) -> None:
    fields["session"] = names.username(int(command["session"]))
    fields["instrument"] = names.symbol(int(command["instrument"]))
    side = int(command["side"])
    fields["side"] = "" if side == MASS_CANCEL_ANY_SIDE else code_name(Side, side)
    fields["of_account"] = int(command["quantity"]) or ""
    fields["of_session"] = names.username(int(command["price"]))
    _asked(fields, command, _as(continuation, ADMIN_CONTINUATION))


def _disconnect(fields: dict[str, Any], command: Any, _: Any, names: Directory) -> None:
    fields["session"] = names.username(int(command["session"]))


def _cancel_after(fields: dict[str, Any], command: Any, _: Any, names: Directory) -> None:
    fields["session"] = names.username(int(command["session"]))
    fields["after_s"] = int(command["quantity"])


_SPECIAL: dict[int, Callable[[dict[str, Any], Any, Any, Directory], None]] = {
    CommandKind.TIMER: _nothing_else,
    CommandKind.END_OF_DAY: _nothing_else,
    CommandKind.START_OF_DAY: _start_of_day,
    CommandKind.END_OF_DAY: _end_of_day,
    CommandKind.INSTRUMENT: _instrument,
    CommandKind.SESSION: _session,
    CommandKind.CURRENCY: _currency,
    CommandKind.ACCOUNT: _account,
    CommandKind.DEPOSIT: _transfer,
    CommandKind.WITHDRAW: _transfer,
    CommandKind.PARAMETER: _parameter,
    CommandKind.INSTRUMENT_STATE: _state,
    CommandKind.KILL: _kill,
    CommandKind.REVIEW: _review,
    CommandKind.MASS_CANCEL: _mass_cancel,
    CommandKind.DISCONNECT: _disconnect,
    CommandKind.CANCEL_AFTER: _cancel_after,
    CommandKind.NOTE: _note,
}
