"""An instrument has only prices that every interface can tell; others are refused at once."""

from __future__ import annotations

import pytest

from exchange.definitions.rules import MAXIMUM_WIRE_PRICE, InstrumentTerms, wire_problems
from exchange.gateway.protocol.ouch import PRICE_MAXIMUM

TERMS = InstrumentTerms("ACME", 1, 1, 4, 1, 100_000, 1_000, 1, 0)


@pytest.mark.parametrize(
    ("decimals", "tick", "maximum", "wrong"),
    [
        (4, 1, 2_147_483_646, []),
        (4, 1, 2_147_483_647, ["maximum_price"]),
        (4, 1, 3_000_000_000, ["maximum_price"]),
        (2, 1, 21_474_836, []),
        (2, 1, 21_474_837, ["maximum_price"]),
        (0, 1, 214_748, []),
        (0, 5, 214_750, ["maximum_price"]),
        (6, 100, 214_748_364_600, []),
        (6, 100, 214_748_364_700, ["maximum_price"]),
        (6, 50, 1_000_000, ["tick"]),
        (8, 1, 1_000, ["tick"]),
        (8, 10_000, 10_000_000, []),
    ],
)
def test_the_definition_is_refused(
    decimals: int, tick: int, maximum: int, wrong: list[str]
) -> None:
    terms = TERMS._replace(
        price_decimals=decimals, tick=tick, minimum_price=tick, maximum_price=maximum
    )
    assert [refusal.key for refusal in wire_problems(terms)] == wrong


def test_the_bound_is_that_of_the_wire() -> None:
    assert MAXIMUM_WIRE_PRICE == PRICE_MAXIMUM
