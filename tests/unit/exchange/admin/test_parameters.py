"""The command line of operators: parameters in people's units, names, and every command's help."""

from __future__ import annotations

import pytest

from exchange.admin import parameters
from exchange.codes import Parameter
from exchange.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("fees -0.2 1", (-20, 100, 0)),
        ("fees 0.01 0.29", (1, 29, 0)),
        ("price-band 20", (200_000, 0, 0)),
        ("price-band 0", (0, 0, 0)),
        ("collar 0.0001", (1, 0, 0)),
        ("reference-price 150.25", (15_025, 0, 0)),
        ("review-value 10000000", (100_000_000_000, 0, 0)),
        ("breaker 10 300 600", (100_000, 300, 600)),
        ("breaker 0", (0, 1, 1)),
        ("orders-per-day 1000", (1000, 0, 0)),
        ("orders-per-second 0", (0, 1, 0)),
        ("orders-per-second 100 200", (100, 200, 0)),
        ("self-trade none", (0, 0, 0)),
        ("self-trade cancel-both 7", (3, 7, 0)),
        ("self-trade none 7", (0, 7, 0)),
        ("short-sales on", (1, 0, 0)),
        ("blocked off", (0, 0, 0)),
        ("cancel-ratio 80 60 100", (800_000, 60, 100)),
        ("cancel-on-disconnect on", (1, 0, 0)),
    ],
)
def test_values(text: str, values: tuple[int, int, int]) -> None:
    name, *texts = text.split()
    assert parameters.parse(name, texts, price_decimals=2, currency_decimals=4) == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fees 1", "fees has 2 values: fees BASIS_POINTS BASIS_POINTS"),
        ("fees 1 2 3", "fees has 2 values"),
        ("fees 0.001 1", "fees '0.001': 0.001 has more than 2 decimals"),
        ("price-band x", "price-band 'x': not a number"),
        ("price-band nan", "price-band 'nan'"),
        ("orders-per-day 1.5", "1.5 has more than 0 decimals"),
        ("orders-per-day 99999999999999999999", "is too large"),
        ("self-trade sometimes 1", "'sometimes' is not one of none, cancel-resting"),
        ("short-sales maybe", "'maybe' is neither on nor off"),
    ],
)
def test_wrong_values(text: str, expected: str) -> None:
    name, *texts = text.split()
    with pytest.raises(ConfigurationError) as caught:
        parameters.parse(name, texts, 2, 4)
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", sorted(parameters.PARAMETERS))
def test_what_is_written_can_be_read(name: str) -> None:
    written = parameters.PARAMETERS[name]
    texts = {
        parameters.SWITCH: "on",
        parameters.MODE: "cancel-both",
        parameters.PERCENT: "2.5",
        parameters.BASIS_POINTS: "0.5",
        parameters.COUNT: "7",
        parameters.MONEY: "12.25",
        parameters.PRICE: "12.25",
    }
    given = [texts[unit] for unit in written.units]
    shown = parameters.readable(written.parameter, parameters.parse(name, given, 2, 4), 2, 4)
    assert list(shown) == list(written.names)
    assert [str(value) for value in shown.values()] == [
        "True" if text == "on" else text for text in given
    ]


OF_THE_EXCHANGE = {Parameter.SHARES, Parameter.ORDERS_STOPPED}  # the daemon's alone


def test_every_parameter_has_a_word() -> None:
    assert {written.parameter for written in parameters.PARAMETERS.values()} == set(
        Parameter
    ) - OF_THE_EXCHANGE
