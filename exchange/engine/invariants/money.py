"""Money and stock: both conservation laws, and everything that live orders freeze or count.

Recomputed from the live orders of every kind (resting, waiting, held) with plain numpy.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import Side
from exchange.engine.invariants.common import (
    SPREAD,
    check_probing,
    flags_of,
    instrument_of,
    require,
    rows,
    side_of,
)
from exchange.engine.money.accounts import BALANCE_WORDS
from exchange.engine.state import layout
from exchange.engine.state.layout import (
    ACCOUNT_BITS,
    ACCOUNT_LIVE_LIMIT,
    ACCOUNT_LIVE_ORDERS,
    ACCOUNT_POSITIONS,
    ACCOUNT_TODAY_LIMIT,
    ACCOUNT_TODAY_ORDERS,
    BALANCE_AMOUNT,
    BALANCE_FROZEN,
    COLD_HIDDEN,
    CURRENCY_NET_MONEY,
    EMPTY_POSITION,
    INSTRUMENT_CURRENCY,
    INSTRUMENT_DEFINED,
    ORDER_OPEN,
    ORDER_PRICE,
    ORDER_SESSION,
    POSITION_COST,
    POSITION_FROZEN,
    POSITION_NAME,
    POSITION_OPEN_BUYS,
    POSITION_OPEN_SHORTS,
    POSITION_QUANTITY,
    SESSION_ACCOUNT,
    SESSION_FLAGS,
    SESSION_TOKENS,
    SHARES,
    TOKEN_KEY_1,
    EngineState,
)

_MILLION = 1_000_000
_INSTRUMENT_BITS = 16  # of a position's name
_INSTRUMENT_MASK = (1 << _INSTRUMENT_BITS) - 1
_SESSION_SHIFT = 48  # of a token's second key word
_SESSION_MASK = 0xFFFF


def whole_open(state: EngineState, orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Open quantity, shown and hidden."""
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    flags = flags_of(orders, live)
    iceberg = flags & layout.ORDER_ICEBERG != 0
    resting = flags & (layout.ORDER_WAITING | layout.ORDER_HELD) == 0
    hidden = np.where(iceberg & resting, COLD_HIDDEN.column(cold[live]), 0)
    whole: np.ndarray = ORDER_OPEN.column(orders[live]) + hidden
    return whole


def check_money(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    """Raise InvariantBroken unless money, stock and what is frozen of them are right."""
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    instrument = instrument_of(orders, live)
    side = side_of(orders, live)
    sessions = rows(state.sessions, layout.SESSION_WORDS)
    account = SESSION_ACCOUNT.column(sessions[ORDER_SESSION.column(orders[live])])
    whole = whole_open(state, orders, live)
    _check_instruments(state, instruments, instrument)
    price = ORDER_PRICE.column(orders[live])
    _check_balances(state, instruments, price, whole, account, instrument, side)
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
    balances = accounts[:, layout.ACCOUNT_BALANCES :].reshape(len(accounts), -1, BALANCE_WORDS)
    amounts = balances[:, :, BALANCE_AMOUNT.word]
    held = balances[:, :, BALANCE_FROZEN.word]
    net = CURRENCY_NET_MONEY.column(rows(state.currencies, layout.CURRENCY_WORDS))
    require(bool((amounts.sum(axis=0) == net).all()), "money is not conserved")
    require(
        bool(((held >= 0) & (held <= amounts)).all()),
        "an account has frozen more than its balance",
    )
    row = instruments[instrument]
    value = price * whole * row[:, layout.INSTRUMENT_MULTIPLIER]
    rate = row[:, layout.INSTRUMENT_FREEZE_RATE]
    need = value + value // _MILLION * rate + value % _MILLION * rate // _MILLION
    frozen = np.zeros_like(held)
    buys = side == Side.BUY
    currency = INSTRUMENT_CURRENCY.column(row)
    np.add.at(frozen, (account[buys], currency[buys]), need[buys])
    require(bool((frozen == held).all()), "frozen money is not what live orders need")
    count = np.bincount(account, minlength=len(accounts))
    require(
        bool((count == ACCOUNT_LIVE_ORDERS.column(accounts)).all()),
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
    used = np.flatnonzero(POSITION_NAME.column(table))
    names = POSITION_NAME.column(table[used]) - 1
    require(len(used) == state.scalars[layout.POSITIONS_USED], "POSITIONS_USED is wrong")
    require(len(np.unique(names)) == len(names), "a position exists twice")
    homes = ((names.astype(np.uint64) * SPREAD) >> np.uint64(32)).astype(np.int64)
    check_probing(
        POSITION_NAME.column(table), homes & (len(table) - 1), "a position cannot be reached"
    )
    of_instrument = names & _INSTRUMENT_MASK
    require(
        bool((INSTRUMENT_DEFINED.column(instruments[of_instrument]) != 0).all()),
        "a position of no instrument",
    )
    quantity = POSITION_QUANTITY.column(table[used])
    cost = POSITION_COST.column(table[used])
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
    wanted = account << _INSTRUMENT_BITS | instrument
    place = np.searchsorted(names[order], wanted)
    found = place < len(names)
    found[found] = names[order][place[found]] == wanted[found]
    require(bool(found.all()), "a live order has no position")
    sums = np.zeros((len(used), 3), np.int64)  # SELL | BUY | short sales
    kind = np.where(side == Side.BUY, 1, np.where(side == Side.SELL, 0, 2))
    np.add.at(sums, (order[place], kind), whole)
    for field, column, message in (
        (POSITION_FROZEN, 0, "frozen stock is not what live orders would deliver"),
        (POSITION_OPEN_BUYS, 1, "open buys are not those of the live orders"),
        (POSITION_OPEN_SHORTS, 2, "open shorts are not those of the live orders"),
    ):
        require(bool((field.column(table[used]) == sums[:, column]).all()), message)


def check_shares(state: EngineState) -> None:
    """What each member has of what all share is counted, and no position is empty."""
    if SHARES.of(state.scalars) == 0:
        return
    require(EMPTY_POSITION.of(state.scalars) == 0, "a list of empty positions is left")
    tokens = rows(state.token_log, layout.TOKEN_WORDS)[1 : state.scalars[layout.TOKENS_USED] + 1]
    of_session = (TOKEN_KEY_1.column(tokens) >> _SESSION_SHIFT) & _SESSION_MASK
    counted = SESSION_TOKENS.column(rows(state.sessions, layout.SESSION_WORDS))
    found = np.bincount(of_session, minlength=len(counted))
    require(bool((found == counted).all()), "a session's tokens are not counted")
    table = rows(state.positions, layout.POSITION_WORDS)
    table = table[POSITION_NAME.column(table) != 0]
    accounts = (POSITION_NAME.column(table) - 1) >> _INSTRUMENT_BITS
    counted = ACCOUNT_POSITIONS.column(rows(state.accounts, layout.ACCOUNT_WORDS))
    found = np.bincount(accounts, minlength=len(counted))
    require(bool((found == counted).all()), "an account's positions are not counted")
    require(bool(table[:, 1:6].any(axis=1).all()), "an empty position is left")


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
    closed = ACCOUNT_BITS.column(accounts) & layout.ACCOUNT_DEFINED_FLAG == 0
    require(not accounts[closed][1:, 1:].any(), "an account that is not open has something")
    for counted in (ACCOUNT_LIVE_ORDERS, ACCOUNT_TODAY_ORDERS):
        require(counted.of(accounts[0]) == 0, "the defaults of accounts count orders")
    for array, words, defined in (
        (state.instruments, layout.INSTRUMENT_WORDS, INSTRUMENT_DEFINED),
        (state.sessions, layout.SESSION_WORDS, SESSION_FLAGS),
    ):
        table = rows(array, words)
        undefined = defined.column(table) & layout.SESSION_DEFINED_FLAG == 0
        require(not table[undefined][1:].any(), "something undefined has something")
    for limit in (ACCOUNT_LIVE_LIMIT, ACCOUNT_TODAY_LIMIT):
        in_range = limit.column(accounts) <= limit.mask >> 1
        require(bool(in_range.all()), "an account's limit is out of range")
