"""Limits of the configuration as the engine's parameters."""

from __future__ import annotations

from decimal import Decimal

from exchange.codes import Parameter
from exchange.settings import (
    account_parameters,
    instrument_parameters,
    load_settings,
    overlaid,
    session_parameters,
)

RISK = load_settings(None).risk


def test_parameters_are_exact() -> None:
    risk = overlaid(RISK)
    assert instrument_parameters(risk, 4) == {
        Parameter.FEES: (0, 0, 0),
        Parameter.PRICE_BAND: (200_000, 0, 0),
        Parameter.COLLAR: (100_000, 0, 0),
        Parameter.REVIEW_VALUE: (100_000_000_000, 0, 0),
        Parameter.BREAKER: (100_000, 300, 300),
    }
    account = account_parameters(risk)
    assert account[Parameter.DAILY_ORDERS] == (1_000, 0, 0)
    assert account[Parameter.CANCEL_RATIO] == (800_000, 60, 100)
    assert session_parameters(risk)[Parameter.CANCEL_ON_DISCONNECT] == (0, 0, 0)
    fees = risk | {
        "maker_fee_basis_points": Decimal("-0.29"),
        "taker_fee_basis_points": Decimal("0.57"),
    }
    assert instrument_parameters(fees, 4)[Parameter.FEES] == (-29, 57, 0)
