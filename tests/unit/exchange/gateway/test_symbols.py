"""The symbol table, price scaling and the session index against plain twins."""

from __future__ import annotations

import random

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from exchange.gateway.session_index import SessionIndex
from exchange.gateway.symbols import (
    PRICE_NOT_REPRESENTABLE,
    add_instrument,
    create_symbol_table,
    find_instrument,
    price_from_wire,
    price_to_wire,
)


def word(symbol: str) -> np.uint64:
    return np.frombuffer(symbol.encode().ljust(8), np.uint64)[0]


@settings(deadline=None)
@given(st.sets(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ.", min_size=1, max_size=8), max_size=63))
def test_symbols_are_found_and_others_are_not(symbols: set[str]) -> None:
    table = create_symbol_table(64)
    for number, symbol in enumerate(sorted(symbols), 1):
        assert add_instrument(table, number, word(symbol), 4)
    for number, symbol in enumerate(sorted(symbols), 1):
        assert find_instrument(table.slots, table.symbol, word(symbol)) == number
    assert find_instrument(table.slots, table.symbol, word("lower")) == 0


def test_a_symbol_that_is_used_twice_stays_with_the_first() -> None:
    table = create_symbol_table(8)
    assert add_instrument(table, 1, word("ACME"), 4)
    assert not add_instrument(table, 2, word("ACME"), 2)
    assert find_instrument(table.slots, table.symbol, word("ACME")) == 1
    assert table.symbol[2] == word("ACME")


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


def test_the_index_finds_a_place_at_or_before_each_message() -> None:
    source = random.Random(5)
    sessions, events = 5, 4000
    owner = [source.randrange(sessions) for _ in range(events)]
    index = SessionIndex(sessions)
    index.restart(100)
    numbers = np.zeros(sessions, np.int64)
    at: dict[tuple[int, int], int] = {}
    for position, session in enumerate(owner):
        if position and position % 64 == 0:
            index.add(100 + position, numbers)
        numbers[session] += 1
        at[session, int(numbers[session])] = 100 + position
    for (session, number), event in at.items():
        found = index.find(session, number)
        assert event - 64 <= found <= event
    assert index.find(0, int(numbers[0]) + 1) <= 100 + events
    index.restart(9000)
    assert index.find(0, 1) == 9000
