"""Readable limits as the engine's parameters: percentages, basis points, currency units.

Who uses it: the loaders, to refuse what the engine would refuse; the daemon, to send PARAMETER
commands and to compare. The ranges are those of docs/matching.md, *Operators' commands*.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from exchange.codes import Parameter, SelfTradePrevention
from exchange.settings.exact import ppm_of_basis_points, ppm_of_percent, scaled
from exchange.settings.sections import RiskSection

Values = tuple[int, int, int]
Parameters = dict[Parameter, Values]
MAXIMUM_PPM = 1_000_000
MAXIMUM_FEE_PPM = 100_000
MAXIMUM_VALUE = 1 << 61


class LimitError(ValueError):
    """``key`` has an impossible value; ``str(error)`` says which are allowed."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


def overlaid(risk: RiskSection, entry: msgspec.Struct | None = None) -> dict[str, Any]:
    """The values of ``risk``, replaced by those of ``entry`` that are not None."""
    values: dict[str, Any] = msgspec.structs.asdict(risk)
    if entry is not None:
        own = msgspec.structs.asdict(entry)
        values |= {key: value for key, value in own.items() if value is not None}
    return values


def _percent(values: Mapping[str, Any], key: str) -> int:
    try:
        ppm = ppm_of_percent(values[key])
    except ValueError as error:
        raise LimitError(key, str(error)) from None
    if not 0 <= ppm <= MAXIMUM_PPM:
        raise LimitError(key, f"must be from 0 (none) to 100 percent, not {values[key]}")
    return ppm


def _fee(values: Mapping[str, Any], key: str, lowest: int) -> int:
    try:
        ppm = ppm_of_basis_points(values[key])
    except ValueError as error:
        raise LimitError(key, str(error)) from None
    if not lowest <= ppm <= MAXIMUM_FEE_PPM:
        raise LimitError(
            key, f"must be from {lowest // 100} to {MAXIMUM_FEE_PPM // 100}, not {values[key]}"
        )
    return ppm


def amount(key: str, value: Decimal | int, decimals: int, maximum: int = MAXIMUM_VALUE) -> int:
    """Currency units as minor units. Raises LimitError."""
    try:
        minor = scaled(value, decimals)
    except ValueError as error:
        raise LimitError(key, str(error)) from None
    if not 0 <= minor <= maximum:
        raise LimitError(key, f"must be from 0 to {maximum} minor units of the currency")
    return minor


def instrument_parameters(values: Mapping[str, Any], currency_decimals: int) -> Parameters:
    """Parameters of an instrument whose limits are ``values`` (see ``overlaid``).

    Not the reference price: the configuration only gives the first one, the closes the others.
    """
    maker = _fee(values, "maker_fee_basis_points", -MAXIMUM_FEE_PPM)
    taker = _fee(values, "taker_fee_basis_points", 0)
    if maker + taker < 0:
        raise LimitError(
            "maker_fee_basis_points", "a rebate must not exceed taker_fee_basis_points"
        )
    breaker = _percent(values, "breaker_percent")
    return {
        Parameter.FEES: (maker, taker, 0),
        Parameter.PRICE_BAND: (_percent(values, "price_band_percent"), 0, 0),
        Parameter.COLLAR: (_percent(values, "collar_percent"), 0, 0),
        Parameter.REVIEW_VALUE: (
            amount("review_value", values["review_value"], currency_decimals),
            0,
            0,
        ),
        Parameter.BREAKER: (breaker, values["breaker_window_s"], values["breaker_halt_s"]),
    }


def account_parameters(values: Mapping[str, Any]) -> Parameters:
    """Parameters of an account whose limits are ``values``. Not BLOCKED: that is an operator's."""
    mode = SelfTradePrevention[values["self_trade_prevention"].upper()]
    return {
        Parameter.DAILY_ORDERS: (values["orders_per_day"], 0, 0),
        Parameter.ACCOUNT_RATE: _rate(values["orders_per_second"], values["burst"]),
        Parameter.POSITION_LIMIT: (values["position_limit"], 0, 0),
        Parameter.OPEN_ORDERS: (values["open_orders"], 0, 0),
        Parameter.SELF_TRADE: (int(mode), values.get("prevention_group", 0), 0),
        Parameter.SHORT_SALES: (int(values["may_short"]), 0, 0),
        Parameter.CANCEL_RATIO: (
            _percent(values, "cancel_ratio_percent"),
            values["cancel_ratio_window_s"],
            values["cancel_ratio_minimum"],
        ),
    }


def session_parameters(values: Mapping[str, Any]) -> Parameters:
    """Parameters of a session whose limits are ``values``."""
    return {
        Parameter.SESSION_RATE: _rate(values["session_orders_per_second"], values["session_burst"]),
        Parameter.CANCEL_ON_DISCONNECT: (int(values["cancel_on_disconnect"]), 0, 0),
    }


def _rate(per_second: int, burst: int) -> Values:
    return (per_second, burst, 0)
