"""Parameters as people write them: percent, basis points, currency units, on and off.

Who uses it: ``limits set`` and ``limits show``. The engine's numbers are in codes.Parameter; the
engine checks their ranges and answers INVALID_PARAMETER.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from exchange.admin.names import exact
from exchange.codes import Parameter, SelfTradePrevention
from exchange.errors import ConfigurationError
from exchange.settings.exact import (
    BASIS_POINT_DECIMALS,
    PERCENT_DECIMALS,
    unscaled,
)

PERCENT, BASIS_POINTS, COUNT, MONEY, PRICE, SWITCH, MODE = (
    "PERCENT",
    "BASIS_POINTS",
    "COUNT",
    "UNITS",
    "PRICE",
    "on|off",
    "MODE",
)
MODES = {mode.name.lower().replace("_", "-"): int(mode) for mode in SelfTradePrevention}


class WrittenParameter(NamedTuple):
    """A parameter's name on the command line, what it belongs to, and its values' units."""

    parameter: Parameter
    target: str  # "instrument", "account" or "session"
    units: tuple[str, ...]
    names: tuple[str, ...]


PARAMETERS: dict[str, WrittenParameter] = {
    "fees": WrittenParameter(
        Parameter.FEES,
        "instrument",
        (BASIS_POINTS, BASIS_POINTS),
        ("maker_basis_points", "taker_basis_points"),
    ),
    "reference-price": WrittenParameter(
        Parameter.REFERENCE_PRICE, "instrument", (PRICE,), ("price",)
    ),
    "price-band": WrittenParameter(Parameter.PRICE_BAND, "instrument", (PERCENT,), ("percent",)),
    "collar": WrittenParameter(Parameter.COLLAR, "instrument", (PERCENT,), ("percent",)),
    "review-value": WrittenParameter(Parameter.REVIEW_VALUE, "instrument", (MONEY,), ("units",)),
    "breaker": WrittenParameter(
        Parameter.BREAKER, "instrument", (PERCENT, COUNT, COUNT), ("percent", "window_s", "halt_s")
    ),
    "orders-per-day": WrittenParameter(Parameter.DAILY_ORDERS, "account", (COUNT,), ("orders",)),
    "orders-per-second": WrittenParameter(
        Parameter.ACCOUNT_RATE, "account", (COUNT, COUNT), ("orders", "burst")
    ),
    "position-limit": WrittenParameter(
        Parameter.POSITION_LIMIT, "account", (COUNT,), ("quantity",)
    ),
    "open-orders": WrittenParameter(Parameter.OPEN_ORDERS, "account", (COUNT,), ("orders",)),
    "self-trade": WrittenParameter(
        Parameter.SELF_TRADE, "account", (MODE, COUNT), ("mode", "group")
    ),
    "short-sales": WrittenParameter(Parameter.SHORT_SALES, "account", (SWITCH,), ("allowed",)),
    "cancel-ratio": WrittenParameter(
        Parameter.CANCEL_RATIO,
        "account",
        (PERCENT, COUNT, COUNT),
        ("percent", "window_s", "minimum"),
    ),
    "blocked": WrittenParameter(Parameter.BLOCKED, "account", (SWITCH,), ("blocked",)),
    "session-orders-per-second": WrittenParameter(
        Parameter.SESSION_RATE, "session", (COUNT, COUNT), ("orders", "burst")
    ),
    "cancel-on-disconnect": WrittenParameter(
        Parameter.CANCEL_ON_DISCONNECT, "session", (SWITCH,), ("on",)
    ),
}
NAME_OF = {written.parameter: name for name, written in PARAMETERS.items()}


def usage(name: str) -> str:
    """How a parameter's values are written."""
    return f"{name} {' '.join(PARAMETERS[name].units)}"


def parse(
    name: str, texts: Sequence[str], price_decimals: int, currency_decimals: int
) -> tuple[int, int, int]:
    """The engine's values. A first value of 0 needs no others. Raises ConfigurationError."""
    written = PARAMETERS[name]
    texts = list(texts)
    if texts and texts[0] in ("0", "off", "none"):
        texts += ["1"] * (len(written.units) - len(texts))  # values that do not matter
        if written.units[0] == MODE and len(texts) == 2:
            texts[1] = "0" if texts[1] == "1" else texts[1]
    if len(texts) != len(written.units):
        raise ConfigurationError(f"{name} has {len(written.units)} values: {usage(name)}")
    values = [
        _value(name, unit, text, price_decimals, currency_decimals)
        for unit, text in zip(written.units, texts, strict=True)
    ]
    values += [0] * (3 - len(values))
    return (values[0], values[1], values[2])


def _value(name: str, unit: str, text: str, price_decimals: int, currency_decimals: int) -> int:
    if unit == SWITCH:
        if text not in ("on", "off", "0", "1"):
            raise ConfigurationError(f"{name}: {text!r} is neither on nor off")
        return int(text in ("on", "1"))
    if unit == MODE:
        mode = "none" if text == "0" else text
        if mode not in MODES:
            raise ConfigurationError(f"{name}: {text!r} is not one of {', '.join(MODES)}")
        return MODES[mode]
    decimals = {
        PERCENT: PERCENT_DECIMALS,
        BASIS_POINTS: BASIS_POINT_DECIMALS,
        PRICE: price_decimals,
        MONEY: currency_decimals,
        COUNT: 0,
    }[unit]
    value = exact(text, decimals, name)
    if abs(value) >= 1 << 62:
        raise ConfigurationError(f"{name}: {text} is too large")
    return value


def readable(
    parameter: int, values: Sequence[int], price_decimals: int, currency_decimals: int
) -> dict[str, str | int | bool]:
    """A parameter's values by name, in people's units."""
    name = NAME_OF.get(Parameter(parameter)) if parameter in list(Parameter) else None
    if name is None:
        return {f"value_{i}": value for i, value in enumerate(values)}
    written = PARAMETERS[name]
    shown: dict[str, str | int | bool] = {}
    for key, unit, value in zip(written.names, written.units, values, strict=False):
        if unit == SWITCH:
            shown[key] = bool(value)
        elif unit == MODE:
            shown[key] = next((mode for mode, n in MODES.items() if n == value), str(value))
        elif unit == COUNT:
            shown[key] = int(value)
        else:
            decimals = {
                PERCENT: PERCENT_DECIMALS,
                BASIS_POINTS: BASIS_POINT_DECIMALS,
                PRICE: price_decimals,
                MONEY: currency_decimals,
            }[unit]
            shown[key] = str(unscaled(int(value), decimals))
    return shown
