"""That no amount leaves an int64: proved by arithmetic, with the limits that the engine checks.

The arithmetic is Python's, which has no largest number. Every product and sum of *Money and stock*
in docs/matching.md is bounded here, and every intermediate of the engine's own formulas. What a
limit rests on is asserted, not assumed: a wider limit in the engine fails here, not in production.
``test_extreme_values.py`` drives the engine to these limits.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from exchange.core.capacity import EngineCapacity
from exchange.engine.control import definitions, deposits, parameters
from exchange.engine.control.definitions import specification_valid
from exchange.engine.money import cancel_ratio as ratio
from exchange.engine.money import clearing, positions
from exchange.engine.orders import breaker
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import KEY_BITS
from ringbuffer.jit import jit

LARGEST = (1 << 63) - 1
MILLION = 1_000_000
ACCOUNTS = 1 << 20  # the most that create_state allows
ORDERS = 1 << 26
# Limits as docs/matching.md states them.
PRICE, QUANTITY, DECIMALS = 1 << 47, 1 << 40, 8
ORDER_VALUE = 1 << 56  # maximum price x multiplier x maximum quantity of one instrument
RATE = 100_000
MONEY, STOCK_VALUE = 1 << 61, 1 << 61  # net deposits of a currency; bound x price x multiplier
POSITION_BOUND = 1 << 40
SHORT = 2 * POSITION_BOUND  # how far below 0 a position may be
SECONDS = 86_400
NANOSECONDS = 1_000_000_000
LATEST_NS = 1 << 62  # the year 2116


def fits(*numbers: int) -> bool:
    """Whether all of them, and their negatives, are int64."""
    return all(abs(number) <= LARGEST for number in numbers)


def test_the_engine_checks_the_documented_limits() -> None:
    assert definitions.MAXIMUM_PRICE == PRICE and definitions.MAXIMUM_QUANTITY == QUANTITY
    assert definitions.MAXIMUM_VALUE == ORDER_VALUE and definitions.MAXIMUM_TOTAL == STOCK_VALUE
    assert deposits.MAXIMUM_NET_MONEY == MONEY and deposits.MAXIMUM_STOCK == POSITION_BOUND
    assert deposits.MAXIMUM_MONEY == 1 << 56
    assert parameters.MAXIMUM_RATE_PPM == RATE and parameters.MILLION == MILLION
    assert parameters.MAXIMUM_POSITION == POSITION_BOUND
    assert parameters.MAXIMUM_PERIOD_S == SECONDS
    with pytest.raises(ValueError):
        create_state(EngineCapacity(accounts=ACCOUNTS + 1))
    with pytest.raises(ValueError):
        create_state(EngineCapacity(orders=ORDERS + 1))


def test_an_instrument_is_checked_without_overflow() -> None:
    """Products are compared by division: the largest ones that a client can name do not fit."""
    assert not fits(PRICE * 10**DECIMALS * QUANTITY)
    for decimals, currency_decimals in itertools.product(range(9), range(9)):
        for price in (1, 1 << 16, 1 << 30, PRICE, PRICE + 1):
            for quantity in (1, 1 << 20, QUANTITY, QUANTITY + 1):
                tick = max(1, -(-price // ((1 << KEY_BITS) - 1)))
                highest = price // tick * tick
                allowed = (
                    decimals <= currency_decimals
                    and highest <= PRICE
                    and quantity <= QUANTITY
                    and highest * 10 ** max(currency_decimals - decimals, 0) * quantity
                    <= ORDER_VALUE
                )
                assert allowed == bool(
                    specification_valid(
                        tick, 1, decimals, currency_decimals, tick, highest, quantity
                    )
                ), (decimals, currency_decimals, price, quantity)


def test_values_fees_and_what_orders_need() -> None:
    value = ORDER_VALUE
    fee = value * RATE // MILLION
    assert fits(value, fee, value + fee, value - fee)
    # open <= maximum quantity: what one order needs, and its change by one trade
    need = value + fee
    assert fits(need, 2 * need)
    # the sum over an account's orders never passes its balance, and no balance the currency's net
    assert fits(MONEY + need, MONEY + value + 2 * fee)
    # balances are never negative, so each is at most the sum of all
    assert fits(MONEY)


def test_ppm_in_parts() -> None:
    """amount x rate is not formed for large amounts; the parts of ``ppm_of`` fit."""
    assert not fits(ORDER_VALUE * RATE)
    small = clearing._PRODUCT_FITS
    assert fits((small - 1) * MILLION)
    millions = MONEY // MILLION
    assert fits(millions * MILLION, (MILLION - 1) * MILLION)
    assert fits(millions * MILLION + MILLION)
    # prices: band, collar and breaker use at most a million ppm of a price, and add it to it
    assert fits(PRICE // MILLION * MILLION, (MILLION - 1) * MILLION, 2 * PRICE)
    assert parameters.NO_BAND_HIGH > 2 * PRICE and fits(parameters.NO_BAND_HIGH)


def test_positions_and_their_cost() -> None:
    """|cost| <= |quantity| x highest price x multiplier, always; so it fits wherever it goes.

    By induction: an addition adds at most n x P; a reduction from C <= |Q| x P leaves
    C - floor(C n / |Q|) = ceil(C (|Q| - n) / |Q|) <= (|Q| - n) x P, which is a whole number.
    """
    random = np.random.default_rng(1)
    for _ in range(2_000):
        quantity = int(random.integers(1, 1 << int(random.integers(1, 42))))
        price = int(random.integers(1, 1 << 40))
        cost = min(int(random.random() * quantity * price), quantity * price)
        part = int(random.integers(1, quantity + 1))
        assert cost - cost * part // quantity <= (quantity - part) * price
    # price x multiplier <= 2^56 (an instrument's maximum quantity is at least 1), and
    # bound x price x multiplier <= 2^61
    assert fits(2 * STOCK_VALUE + ORDER_VALUE)
    # the largest change, a deposit from the lowest position to the highest, valued in one product
    assert fits(POSITION_BOUND + SHORT, 3 * STOCK_VALUE)
    # quantity held + open buys + quantity, and the same for shorts
    assert fits(3 * POSITION_BOUND + QUANTITY, 2 * SHORT + QUANTITY)


def test_share_of_cost_in_parts() -> None:
    """cost x part would need 103 bits; the intermediates of ``_wide_share`` fit."""
    cost, whole = 2 * STOCK_VALUE, SHORT
    assert not fits(cost * whole)
    half, mask = positions._HALF_BITS, positions._HALF_MASK
    quotient, rest = cost // 1, whole - 1
    assert fits(quotient)  # quotient x part <= cost, because part <= whole
    high = rest * (whole >> half)
    shifted = ((whole - 1) << half) + rest * mask
    assert fits(high, shifted)
    assert fits((high // whole) << half, cost)
    # one product where the top bits of its factors add up to less
    largest_sum = positions._PRODUCT_BITS - 1
    assert fits(*[(2 << bit) * (2 << (largest_sum - bit)) for bit in range(largest_sum + 1)])


def test_sums_over_accounts_and_levels() -> None:
    """A level's quantity, the two sides of an auction, conservation's sums."""
    # what an account can have open on one side of one instrument
    buys = POSITION_BOUND + SHORT  # held may be -2 x bound when they are checked
    sells = POSITION_BOUND + SHORT  # frozen stock and open shorts
    assert fits(ACCOUNTS * buys, ACCOUNTS * sells, ACCOUNTS * (buys + sells) // 2)
    # imbalance of an auction: a difference of two non-negative numbers
    assert fits(max(ACCOUNTS * buys, ACCOUNTS * sells))
    # deposits - withdrawals of a stock go below 0 by what was sold short and taken out
    assert fits(ACCOUNTS * SHORT)
    # balances: any sum of some of them is at most the sum of all
    assert fits(MONEY)


def test_times_and_counts() -> None:
    assert fits(LATEST_NS + SECONDS * NANOSECONDS)  # until of a halt
    assert fits(LATEST_NS + 99_997 * NANOSECONDS + NANOSECONDS)  # expiry
    interval = NANOSECONDS // 1
    tolerance = (parameters.MAXIMUM_BURST - 1) * interval
    assert fits(LATEST_NS + tolerance + interval)
    # cancel ratio: counts of one window, at a hundred million commands a second
    counted = SECONDS * 100_000_000
    assert ratio._MILLION == MILLION and fits(counted * MILLION)
    assert counted < ratio._WARNED
    assert breaker.NANOSECONDS // breaker.BUCKETS * SECONDS > 0
    assert fits((LATEST_NS // (NANOSECONDS // breaker.BUCKETS) + 1) * (NANOSECONDS // 16))


@jit
def _shares(cost: np.ndarray, part: np.ndarray, whole: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(cost)):
        out[i] = positions.share_of_cost(int(cost[i]), int(part[i]), int(whole[i]))


@jit
def _parts(amount: np.ndarray, rate: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(amount)):
        out[i] = clearing.mul_ppm(int(amount[i]), int(rate[i]))


def _spread(random: np.random.Generator, highest: int, count: int) -> list[int]:
    """Numbers from 0 to ``highest``: the ends, powers of two and their neighbours, random ones."""
    edges = [0, 1, 2, highest - 1, highest]
    powers = [1 << bit for bit in range(highest.bit_length())]
    edges += [n for power in powers for n in (power - 1, power, power + 1) if n <= highest]
    bits = random.integers(0, highest.bit_length() + 1, count).tolist()
    return edges + [min(int(random.integers(0, (1 << b) or 1)), highest) for b in bits]


def test_share_of_cost_is_exact() -> None:
    random = np.random.default_rng(2)
    wholes = [w for w in _spread(random, SHORT, 60) if w > 0]
    rows = []
    for whole in wholes:
        for cost in (_spread(random, 2 * STOCK_VALUE, 10))[:: 7 + whole % 5]:
            for part in {1, whole, max(whole // 3, 1), max(whole - 1, 1)}:
                rows.append((cost, part, whole))
    cost, part, whole = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    out = np.zeros(len(rows), np.int64)
    _shares(cost, part, whole, out)
    for row, found in zip(rows, out.tolist(), strict=True):
        assert found == row[0] * row[1] // row[2], row


def test_parts_per_million_are_exact() -> None:
    random = np.random.default_rng(3)
    amounts = _spread(random, MONEY, 200)
    rates = [0, 1, -1, 20, -20, 999, RATE - 1, RATE, -RATE, MILLION]
    rows = list(itertools.product(amounts, rates))
    amount, rate = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    out = np.zeros(len(rows), np.int64)
    _parts(amount, rate, out)
    for (a, r), found in zip(rows, out.tolist(), strict=True):
        wanted = a * abs(r) // MILLION
        assert found == (wanted if r >= 0 else -wanted), (a, r)
