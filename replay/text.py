"""Records as text: one dictionary of named, readable values per command or event.

Who uses it: ``show`` (tables and JSON lines), ``export`` and the error messages of ``verify``. The
keys are the field names of ``exchange/records.py`` where the field means the same in every kind,
and say what is meant where the layout reuses a field (``chain_hash``, ``replaced_token``, ...).
Numbers with units keep them in the key; prices are exact decimal strings.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import numpy as np

from exchange.codes import (
    FLAG_LEVEL,
    FLAG_WIRE_PRICE,
    WIRE_PRICE_DECIMALS,
    CancelReason,
    CommandKind,
    EventKind,
    OrderType,
    Reject,
    Side,
    SystemEvent,
)
from replay.directory import Directory, decimal_text, padded_text

_ORDER_COMMANDS = (CommandKind.ENTER, CommandKind.REPLACE)
_ENTRY_EVENTS = (EventKind.ACCEPTED, EventKind.REPLACED)
_ORDER_EVENTS = (
    EventKind.ACCEPTED,
    EventKind.REJECTED,
    EventKind.REPLACED,
    EventKind.CANCELED,
    EventKind.TRADE,
    EventKind.MODIFIED,
    EventKind.RESTED,
    EventKind.REMOVED,
)
_DAY_EVENTS = (EventKind.SYSTEM, EventKind.DAY_STARTED, EventKind.DAY_ENDED)


def code_name(enumeration: type[IntEnum], value: int) -> str:
    """Name of a code, or its number when the registry does not know it."""
    try:
        return enumeration(value).name
    except ValueError:
        return str(value)


def time_text(timestamp_ns: int) -> str:
    """ISO 8601, UTC, nanoseconds."""
    seconds, nanoseconds = divmod(timestamp_ns, 1_000_000_000)
    try:
        whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{timestamp_ns} ns"
    return f"{whole}.{nanoseconds:09d}Z"


def token_text(token_0: int, token_1: int, token_2: int) -> str:
    """The 14 bytes of a client order token without their padding."""
    octets = (
        int(token_0).to_bytes(8, "little")
        + int(token_1).to_bytes(4, "little")
        + int(token_2).to_bytes(2, "little")
    )
    return octets.rstrip(b" \0").decode("ascii", "backslashreplace")


def letter(code: int) -> str:
    """An alpha code as its letter; anything unprintable as its number."""
    return chr(code) if 0x20 <= code < 0x7F else ("" if code == 0 else str(code))


def firm_text(firm: int) -> str:
    """The four bytes of a firm without their padding."""
    return int(firm).to_bytes(4, "little").rstrip(b" \0").decode("ascii", "backslashreplace")


def record_token(record: Any, prefix: str = "token") -> str:
    return token_text(record[f"{prefix}_0"], record[f"{prefix}_1"], record[f"{prefix}_2"])


def command_fields(
    sequence: int, command: Any, continuation: Any, directory: Directory
) -> dict[str, Any]:
    """One command as a dictionary. ``continuation``: its second slot (COMMAND) or ``None``."""
    kind = int(command["kind"])
    instrument = int(command["instrument"])
    fields: dict[str, Any] = {
        "sequence": sequence,
        "time": time_text(int(command["timestamp_ns"])),
        "timestamp_ns": int(command["timestamp_ns"]),
        "kind": code_name(CommandKind, kind),
    }
    if kind == CommandKind.INSTRUMENT:
        decimals = int(command["display"])
        name = Directory({}, {instrument: decimals}, {})
        fields["instrument"] = padded_text(command["token_0"])
        fields["instrument_id"] = instrument
        fields["price_decimals"] = decimals
        fields["tick_size"] = name.price(instrument, int(command["price"]))
        fields["lot_size"] = int(command["quantity"])
        if continuation is not None:
            # The continuation of an INSTRUMENT reuses the first three words: limits.
            fields["minimum_price"] = name.price(instrument, int(continuation["timestamp_ns"]))
            fields["maximum_price"] = name.price(instrument, int(continuation["price"]))
            fields["maximum_quantity"] = int(continuation["quantity"])
        return fields
    if kind == CommandKind.SESSION:
        fields["session"] = padded_text(command["token_0"])
        fields["session_id"] = int(command["session"])
        fields["account"] = int(command["quantity"])
        return fields
    if kind == CommandKind.START_OF_DAY:
        fields["day_number"] = int(command["price"])
        fields["midnight_ns"] = int(command["quantity"])
        return fields
    if kind in (CommandKind.TIMER, CommandKind.END_OF_DAY):
        return fields
    fields["session"] = directory.username(int(command["session"]))
    if kind == CommandKind.CANCEL_BY_ORDER_ID:
        fields["order_id"] = int(command["price"])
        fields["quantity"] = int(command["quantity"])
        return fields
    fields["token"] = record_token(command)
    fields["quantity"] = int(command["quantity"])
    if kind == CommandKind.ENTER:
        fields["instrument"] = directory.symbol(instrument)
    if kind in (CommandKind.ENTER, CommandKind.MODIFY):
        fields["side"] = code_name(Side, int(command["side"]))
    if kind in _ORDER_COMMANDS:
        # A REPLACE does not name its instrument: from order entry its price is as on the wire.
        if kind == CommandKind.ENTER:
            fields["price"] = directory.price(instrument, int(command["price"]))
            fields["firm"] = firm_text(command["firm"])
            fields["capacity"] = letter(int(command["capacity"]))
            fields["cross_type"] = letter(int(command["cross_type"]))
        else:
            if int(command["flags"]) & FLAG_WIRE_PRICE:
                fields["price"] = decimal_text(int(command["price"]), WIRE_PRICE_DECIMALS)
            else:
                fields["price_minor_units"] = int(command["price"])
            if continuation is not None:
                fields["replacement_token"] = record_token(continuation)
        fields["order_type"] = code_name(OrderType, int(command["order_type"]))
        fields["time_in_force"] = int(command["time_in_force"])
        fields["minimum_quantity"] = int(command["minimum_quantity"])
        fields["display"] = letter(int(command["display"]))
        fields["intermarket_sweep"] = letter(int(command["intermarket_sweep"]))
    if int(command["reject"]):
        fields["reject"] = code_name(Reject, int(command["reject"]))
    return fields


def event_fields(event: Any, directory: Directory) -> dict[str, Any]:
    """One event (an EVENT record) as a dictionary of what its kind says."""
    kind = int(event["kind"])
    instrument = int(event["instrument"])
    timestamp_ns = int(event["timestamp_ns"])
    fields: dict[str, Any] = {
        "sequence": int(event["sequence"]),
        "command_sequence": int(event["command_sequence"]),
        "time": time_text(timestamp_ns),
        "timestamp_ns": timestamp_ns,
        "kind": code_name(EventKind, kind),
    }
    if kind in _ORDER_EVENTS:
        _order_fields(fields, event, kind, instrument, directory)
    elif kind in _DAY_EVENTS:
        fields["day_number"] = int(event["price"])
        fields["midnight_ns"] = int(event["quantity"])
        if kind == EventKind.SYSTEM:
            fields["session"] = directory.username(int(event["session"]))
            fields["session_sequence"] = int(event["session_sequence"])
            fields["reason"] = code_name(SystemEvent, int(event["reason"]))
    elif kind == EventKind.CHECKPOINT:
        fields["chain_hash"] = hash_text(int(event["price"]))
        fields["events_hashed"] = int(event["quantity"])
    elif kind == EventKind.INSTRUMENT_DEFINED:
        decimals = int(event["display"])
        name = Directory({}, {instrument: decimals}, {})
        fields["instrument"] = padded_text(event["token_0"])
        fields["instrument_id"] = instrument
        fields["price_decimals"] = decimals
        fields["tick_size"] = name.price(instrument, int(event["price"]))
        fields["lot_size"] = int(event["quantity"])
        fields["minimum_price"] = name.price(instrument, int(event["level_quantity"]))
        fields["maximum_price"] = name.price(instrument, int(event["contra_order_id"]))
        fields["maximum_quantity"] = int(event["remaining"])
    elif kind == EventKind.SESSION_DEFINED:
        fields["session"] = padded_text(event["token_0"])
        fields["session_id"] = int(event["session"])
        fields["account"] = int(event["quantity"])
    elif kind == EventKind.CONTROL_REJECTED:
        fields["reason"] = code_name(Reject, int(event["reason"]))
        fields["instrument"] = directory.symbol(instrument)
        fields["session"] = directory.username(int(event["session"]))
    return fields


def _order_fields(
    fields: dict[str, Any], event: Any, kind: int, instrument: int, directory: Directory
) -> None:
    fields["instrument"] = directory.symbol(instrument)
    fields["session"] = directory.username(int(event["session"]))
    if int(event["session_sequence"]):
        fields["session_sequence"] = int(event["session_sequence"])
    fields["order_id"] = int(event["order_id"])
    fields["token"] = record_token(event)
    fields["side"] = code_name(Side, int(event["side"]))
    fields["order_type"] = code_name(OrderType, int(event["order_type"]))
    fields["display"] = letter(int(event["display"]))
    fields["price"] = directory.price(instrument, int(event["price"]))
    fields["quantity"] = int(event["quantity"])
    if kind in _ENTRY_EVENTS:
        fields["time_in_force"] = int(event["time_in_force"])
        fields["minimum_quantity"] = int(event["minimum_quantity"])
        fields["firm"] = firm_text(event["firm"])
        fields["capacity"] = letter(int(event["capacity"]))
        fields["intermarket_sweep"] = letter(int(event["intermarket_sweep"]))
        fields["cross_type"] = letter(int(event["cross_type"]))
        if kind == EventKind.REPLACED:
            fields["replaced_order_id"] = int(event["contra_order_id"])
            fields["replaced_token"] = record_token(event, "contra_token")
    else:
        fields["remaining"] = int(event["remaining"])
    if kind == EventKind.REJECTED:
        fields["reason"] = code_name(Reject, int(event["reason"]))
    elif kind == EventKind.CANCELED:
        fields["reason"] = code_name(CancelReason, int(event["reason"]))
    elif kind == EventKind.TRADE:
        fields["match_number"] = int(event["sequence"]) + 1
        fields["aggressor_order_id"] = int(event["contra_order_id"])
        fields["aggressor_token"] = record_token(event, "contra_token")
        fields["aggressor_session"] = directory.username(int(event["contra_session"]))
        fields["aggressor_session_sequence"] = int(event["contra_session_sequence"])
        fields["aggressor_side"] = code_name(Side, int(event["contra_side"]))
    if int(event["flags"]) & FLAG_LEVEL:
        fields["level_quantity"] = int(event["level_quantity"])
        fields["level_orders"] = int(event["level_orders"])


def hash_text(signed: int) -> str:
    """A 64-bit hash that travels as a signed number, as 16 hex digits."""
    return f"{signed & 0xFFFFFFFFFFFFFFFF:016x}"


def difference(expected: Any, found: Any) -> list[str]:
    """Names of the fields in which two records of one dtype differ, in the order of the layout."""
    names = expected.dtype.names or ()
    return [name for name in names if np.any(expected[name] != found[name])]
