"""Looking up symbols and scaling prices, against plain twins."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from exchange.gateway.symbol_lookup import (
    PRICE_NOT_REPRESENTABLE,
    find_instrument,
    insert_symbol,
    price_from_wire,
    price_to_wire,
)
from exchange.gateway.symbols import add_instrument, create_symbol_table


def word(symbol: str) -> np.uint64:
    return np.frombuffer(symbol.encode().ljust(8), np.uint64)[0]


@settings(deadline=None)
@given(st.sets(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ.", min_size=1, max_size=8), max_size=63))
def test_symbols_are_found_and_others_are_not(symbols: set[str]) -> None:
    table = create_symbol_table(64)
    for number, symbol in enumerate(sorted(symbols), 1):
        assert add_instrument(table, number, word(symbol), 4)
    for number, symbol in enumerate(sorted(symbols), 1):
        assert find_instrument(table.buckets, table.symbol, word(symbol)) == number
    assert find_instrument(table.buckets, table.symbol, word("lower")) == 0


@pytest.mark.parametrize("places", range(9))
def test_prices_scale_exactly_or_not_at_all(places: int) -> None:
    table = create_symbol_table(4)
    add_instrument(table, 1, word("A"), places)
    scale = int(table.price_scale[1])
    for wire in (0, 1, 99, 100, 10_000, 12_345, 1_999_999_900, 0x7FFFFFFE):
        price = price_from_wire(scale, wire)
        if wire * 10**places % 10_000:
            assert price == PRICE_NOT_REPRESENTABLE
        else:
            assert price == wire * 10**places // 10_000
            assert price_to_wire(scale, price) == wire


def test_prices_that_the_wire_cannot_say_are_cut() -> None:
    assert price_to_wire(-100, 1 << 40) == 0x7FFFFFFE
    assert price_to_wire(100, 12_345) == 123
    assert price_to_wire(1, -5) == 0


def test_an_inserted_symbol_is_found_behind_a_full_bucket() -> None:
    buckets, symbols = np.zeros(4, np.int32), np.zeros(4, np.uint64)
    for instrument, symbol in enumerate(("A", "B", "C"), 1):
        insert_symbol(buckets, symbols, instrument, word(symbol))
    assert np.count_nonzero(buckets) == 3
    for instrument, symbol in enumerate(("A", "B", "C"), 1):
        assert find_instrument(buckets, symbols, word(symbol)) == instrument
    assert find_instrument(buckets, symbols, word("D")) == 0
