"""The account model's memory: tables that do not overlap, at cache lines, and what fits them."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.read_model.accounts import layout
from exchange.read_model.accounts.memory import dumped, layout_text, load_dumped, make_memory
from exchange.read_model.accounts.types import AccountModelCapacity

CAPACITY = AccountModelCapacity(
    accounts=7, sessions=5, instruments=3, positions=9, orders=33, fills=14, currencies=4
)
TABLES = {
    layout.HEADER_CURRENCIES: 4 * layout.CURRENCY_WORDS,
    layout.HEADER_INSTRUMENTS: 3 * layout.INSTRUMENT_WORDS,
    layout.HEADER_SESSIONS: 5 * layout.SESSION_WORDS,
    layout.HEADER_ACCOUNTS: 7 * layout.account_words(4),
    layout.HEADER_POSITIONS: 9 * layout.POSITION_WORDS,
    layout.HEADER_ORDERS: 33 * layout.ORDER_WORDS,
    layout.HEADER_TRADES: 7 * layout.TRADE_WORDS,
    layout.HEADER_POSITION_INDEX: 32,  # at least twice as many as positions
    layout.HEADER_ORDER_INDEX: 128,
    layout.HEADER_TOKEN_INDEX: 64,
    layout.HEADER_DIRTY_ORDERS: 33,
    layout.HEADER_DIRTY_ACCOUNTS: 7 * 5,
    layout.HEADER_DIRTY_POSITIONS: 9,
}


def test_tables_lie_one_behind_the_other_at_cache_lines() -> None:
    memory = make_memory(CAPACITY, True)
    assert memory.ctypes.data % 64 == 0
    end = layout.HEADER_WORDS
    for word, size in TABLES.items():
        start = int(memory[word])
        assert start >= end and start % 8 == 0, word
        end = start + size
    assert end <= memory[layout.HEADER_END] == len(memory)
    assert not memory[layout.HEADER_WORDS :].any()


def test_an_account_has_room_for_every_currency() -> None:
    for currencies in range(2, 20):
        words = layout.account_words(currencies)
        assert words % 8 == 0
        assert words >= layout.ACCOUNT_BALANCES + currencies * layout.BALANCE_WORDS


def test_a_dump_of_another_capacity_is_refused() -> None:
    other = AccountModelCapacity(
        accounts=7, sessions=5, instruments=3, positions=9, orders=34, fills=14, currencies=4
    )
    assert layout_text(other, True) != layout_text(CAPACITY, True)
    load_dumped(make_memory(other, True), dumped(make_memory(CAPACITY, True)))  # it is larger
    arrays = dumped(make_memory(other, True))
    with pytest.raises(ValueError, match="other capacities"):
        load_dumped(make_memory(CAPACITY, True), arrays)
    arrays = dumped(make_memory(CAPACITY, True))
    arrays["accounts_orders"] = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="accounts_orders"):
        load_dumped(make_memory(CAPACITY, True), arrays)
