"""Money and stock: both conservation laws, and everything that live orders freeze or count.

Recomputed from the live orders of every kind (resting, waiting, held) with plain numpy.
"""

from __future__ import annotations

import numpy as np

from exchange.engine.invariants.common import (
    HALF,
    SPREAD,
    check_probing,
    high,
    instrument_of,
    low,
    require,
    rows,
    side_of,
)
from exchange.engine.state import layout
from exchange.engine.state.layout import EngineState

_MILLION = 1_000_000


def whole_open(state: EngineState, orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Open quantity, shown and hidden."""
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    iceberg = (orders[live, 7] >> 40) & layout.ORDER_ICEBERG != 0
    resting = (orders[live, 7] >> 40) & (layout.ORDER_WAITING | layout.ORDER_HELD) == 0
    hidden: np.ndarray = orders[live, 0] + np.where(iceberg & resting, cold[live, 3], 0)
    return hidden


def check_money(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    """Raise InvariantBroken unless money, stock and what is frozen of them are right."""
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    instrument = instrument_of(orders, live)
    side = side_of(orders, live)
    account = rows(state.sessions, layout.SESSION_WORDS)[orders[live, 7] & 0xFFFF, 2]
    whole = whole_open(state, orders, live)
    _check_instruments(state, instruments, instrument)
    _check_balances(state, instruments, orders[live, 1], whole, account, instrument, side)
    _check_positions(state, instruments, whole, account, instrument, side)


def _check_instruments(state: EngineState, instruments: np.ndarray, instrument: np.ndarray) -> None:
    count = np.bincount(instrument, minlength=len(instruments))
    require(
        bool((count == instruments[:, layout.INSTRUMENT_LIVE_ORDERS]).all()),
        "an instrument's number of live orders is wrong",
    )
    fees = instruments[:, [layout.INSTRUMENT_MAKER_FEE, layout.INSTRUMENT_TAKER_FEE]]
    require(
        bool((instruments[:, layout.INSTRUMENT_FREEZE_RATE] == fees.clip(0).max(axis=1)).all()),
        "a freeze rate does not cover the fees",
    )


def _check_balances(
    state: EngineState,
    instruments: np.ndarray,
    price: np.ndarray,
    whole: np.ndarray,
    account: np.ndarray,
    instrument: np.ndarray,
    side: np.ndarray,
) -> None:
    accounts = rows(state.accounts, layout.ACCOUNT_WORDS)
    balances = accounts[:, layout.ACCOUNT_BALANCES :].reshape(len(accounts), -1, 2)
    net = rows(state.currencies, layout.CURRENCY_WORDS)[:, 4]
    require(bool((balances[:, :, 0].sum(axis=0) == net).all()), "money is not conserved")
    require(
        bool(((balances[:, :, 1] >= 0) & (balances[:, :, 1] <= balances[:, :, 0])).all()),
        "an account has frozen more than its balance",
    )
    row = instruments[instrument]
    value = price * whole * row[:, layout.INSTRUMENT_MULTIPLIER]
    rate = row[:, layout.INSTRUMENT_FREEZE_RATE]
    need = value + value // _MILLION * rate + value % _MILLION * rate // _MILLION
    frozen = np.zeros_like(balances[:, :, 1])
    buys = side == 0
    currency = (row[:, layout.INSTRUMENT_FLAGS] >> 32) & 0xFFFF
    np.add.at(frozen, (account[buys], currency[buys]), need[buys])
    require(bool((frozen == balances[:, :, 1]).all()), "frozen money is not what live orders need")
    count = np.bincount(account, minlength=len(accounts))
    require(
        bool((count == low(accounts[:, layout.ACCOUNT_LIVE])).all()),
        "an account's number of live orders is wrong",
    )


def _check_positions(
    state: EngineState,
    instruments: np.ndarray,
    whole: np.ndarray,
    account: np.ndarray,
    instrument: np.ndarray,
    side: np.ndarray,
) -> None:
    table = rows(state.positions, layout.POSITION_WORDS)
    used = np.flatnonzero(table[:, 0])
    names = table[used, 0] - 1
    require(len(used) == state.scalars[layout.POSITIONS_USED], "POSITIONS_USED is wrong")
    require(len(np.unique(names)) == len(names), "a position exists twice")
    homes = ((names.astype(np.uint64) * SPREAD) >> np.uint64(32)).astype(np.int64)
    check_probing(table[:, 0], homes & (len(table) - 1), "a position cannot be reached")
    of_instrument = names & 0xFFFF
    require(bool((instruments[of_instrument, 0] != 0).all()), "a position of no instrument")
    quantity, cost = table[used, 1], table[used, 3]
    stock = np.zeros(len(instruments), np.int64)
    np.add.at(stock, of_instrument, quantity)
    require(
        bool((stock == instruments[:, layout.INSTRUMENT_NET_STOCK]).all()), "stock is not conserved"
    )
    bound = instruments[of_instrument, layout.INSTRUMENT_POSITION_BOUND]
    require(bool((quantity <= bound).all()), "a position is above its bound")
    require(
        bool(((cost == 0) | (np.sign(cost) == np.sign(quantity))).all()),
        "a position's cost has another sign than its quantity",
    )
    order = np.argsort(names)
    wanted = account << 16 | instrument
    at = np.searchsorted(names[order], wanted)
    found = at < len(names)
    found[found] = names[order][at[found]] == wanted[found]
    require(bool(found.all()), "a live order has no position")
    sums = np.zeros((len(used), 3), np.int64)  # SELL | BUY | short sales
    kind = np.where(side == 0, 1, np.where(side == 1, 0, 2))
    np.add.at(sums, (order[at], kind), whole)
    for words, column, message in (
        (table[used, 2], 0, "frozen stock is not what live orders would deliver"),
        (table[used, 4], 1, "open buys are not those of the live orders"),
        (table[used, 5], 2, "open shorts are not those of the live orders"),
    ):
        require(bool((words == sums[:, column]).all()), message)


def check_pools(state: EngineState) -> None:
    """Idempotency keys: the ring and the index that finds them agree."""
    size = layout.IDEMPOTENCY_KEYS
    count = min(int(state.scalars[layout.KEYS_USED]), size)
    ring = state.keys[: 2 * size].reshape(size, 2)
    index = state.keys[2 * size : 6 * size]
    require(
        np.array_equal(np.sort(index[index != 0]), np.arange(1, count + 1)),
        "the index of keys does not name each key once",
    )
    require(not ring[count:].any(), "a key is not counted")
    require(len(np.unique(ring[:count], axis=0)) == count, "a key is remembered twice")


def check_rows(state: EngineState) -> None:
    """Nothing is stored about accounts, instruments and sessions that do not exist."""
    accounts = rows(state.accounts, layout.ACCOUNT_WORDS)
    closed = accounts[:, 0] & layout.ACCOUNT_DEFINED_FLAG == 0
    require(not accounts[closed][1:, 1:].any(), "an account that is not open has something")
    require(
        not (low(accounts[0, layout.ACCOUNT_LIVE : layout.ACCOUNT_TODAY + 1]) != 0).any(),
        "the defaults of accounts count orders",
    )
    for array, words in (
        (state.instruments, layout.INSTRUMENT_WORDS),
        (state.sessions, layout.SESSION_WORDS),
    ):
        table = rows(array, words)
        undefined = table[:, 0] & 1 == 0
        require(not table[undefined][1:].any(), "something undefined has something")
    limits = high(accounts[:, layout.ACCOUNT_LIVE : layout.ACCOUNT_TODAY + 1])
    require(bool((limits <= HALF >> 1).all()), "an account's limit is out of range")
