"""Words for the numbers in records: code names, times, tokens, prices, who asked.

Who uses it: ``replay/command_text.py`` and ``replay/event_text.py``, which make one dictionary of
named, readable values per record, and everything of the tool that prints. Nothing here knows a
kind of command or event.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import numpy as np

from exchange.codes import Parameter, SelfTradePrevention
from replay.directory import Directory

# What the values of a PARAMETER are, in their order; units last.
PARAMETER_VALUES: dict[int, tuple[str, ...]] = {
    Parameter.FEES: ("maker_ppm", "taker_ppm"),
    Parameter.REFERENCE_PRICE: ("reference_price",),
    Parameter.PRICE_BAND: ("band_ppm",),
    Parameter.COLLAR: ("collar_ppm",),
    Parameter.REVIEW_VALUE: ("review_value",),
    Parameter.BREAKER: ("move_ppm", "window_s", "halt_s"),
    Parameter.DAILY_ORDERS: ("limit",),
    Parameter.ACCOUNT_RATE: ("orders_per_s", "burst"),
    Parameter.POSITION_LIMIT: ("limit",),
    Parameter.OPEN_ORDERS: ("limit",),
    Parameter.SELF_TRADE: ("mode", "account_group"),
    Parameter.SHORT_SALES: ("on",),
    Parameter.CANCEL_RATIO: ("ratio_ppm", "window_s", "minimum_orders"),
    Parameter.BLOCKED: ("on",),
    Parameter.SESSION_RATE: ("orders_per_s", "burst"),
    Parameter.CANCEL_ON_DISCONNECT: ("on",),
    Parameter.SHARES: ("on",),
    Parameter.ORDERS_STOPPED: ("on",),
}


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


def letter(code: int) -> str:
    """An alpha code as its letter; anything unprintable as its number."""
    return chr(code) if 0x20 <= code < 0x7F else ("" if code == 0 else str(code))


def parameter_fields(
    parameter: int, values: tuple[int, int, int], instrument: int, directory: Directory
) -> dict[str, Any]:
    """The name of a risk parameter and its values by their names; unknown ones as numbers."""
    fields: dict[str, Any] = {"parameter": code_name(Parameter, parameter)}
    names = PARAMETER_VALUES.get(parameter, ("value_0", "value_1", "value_2"))
    for name, value in zip(names, values, strict=False):
        if parameter == Parameter.REFERENCE_PRICE:
            fields[name] = directory.price(instrument, value)
        elif parameter == Parameter.REVIEW_VALUE:
            fields[name] = directory.money(directory.currency_of(instrument), value)
        elif parameter == Parameter.SELF_TRADE and name == "mode":
            fields[name] = code_name(SelfTradePrevention, value)
        else:
            fields[name] = value
    return fields


def hash_text(signed: int) -> str:
    """A 64-bit hash that travels as a signed number, as 16 hex digits."""
    return f"{signed & 0xFFFFFFFFFFFFFFFF:016x}"


def difference(expected: Any, found: Any) -> list[str]:
    """Names of the fields in which two records of one dtype differ, in the order of the layout."""
    names = expected.dtype.names or ()
    return [name for name in names if np.any(expected[name] != found[name])]
