"""The table of symbols: what adding an instrument does to it."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.gateway.symbol_lookup import find_instrument
from exchange.gateway.symbols import add_instrument, create_symbol_table


def word(symbol: str) -> np.uint64:
    return np.frombuffer(symbol.encode().ljust(8), np.uint64)[0]


def test_a_symbol_that_is_used_twice_stays_with_the_first() -> None:
    table = create_symbol_table(8)
    assert add_instrument(table, 1, word("ACME"), 4)
    assert not add_instrument(table, 2, word("ACME"), 2)
    assert find_instrument(table.buckets, table.symbol, word("ACME")) == 1
    assert table.symbol[2] == word("ACME")


def test_a_table_is_at_most_half_full() -> None:
    for capacity in (1, 2, 3, 1000, 1024):
        table = create_symbol_table(capacity)
        size = len(table.buckets)
        assert size >= 2 * capacity and size & (size - 1) == 0


def test_an_instrument_that_is_added_again_keeps_its_place() -> None:
    table = create_symbol_table(8)
    assert add_instrument(table, 3, word("ACME"), 4)
    buckets = table.buckets.copy()
    assert add_instrument(table, 3, word("ACME"), 2)
    assert (table.buckets == buckets).all()
    assert table.price_scale[3] == -100


def test_an_instrument_out_of_range_is_a_bug() -> None:
    table = create_symbol_table(8)
    for instrument in (0, 8):
        with pytest.raises(AssertionError, match="instrument 0 means none"):
            add_instrument(table, instrument, word("ACME"), 4)
