"""A maker's decisions: the orders to cancel and to enter, given those that it has; no network.

Invariants: the prices asked for are multiples of the tick within the instrument's bounds, the
quantities multiples of the lot, and one decision asks for at most ACTIONS of each kind.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from exchange.client.types import Instrument

LEVELS = 9  # orders on each side
REACH_TICKS = 14  # how far from the best price they lie, at least
REACH = 1.6e-3  # ... and relative to the price
HALF_SPREAD = 0.7e-4  # relative to the price
ACTIONS = 8
REFRESH = 0.35  # how often an order that could stay is replaced all the same


class Resting(NamedTuple):
    """An order that the maker has in the book."""

    order_id: int
    side: str
    price: int


class Wanted(NamedTuple):
    """An order that it wants to have there."""

    side: str
    price: int
    quantity: int


class Decision(NamedTuple):
    cancels: list[int]  # order ids
    orders: list[Wanted]


def best_prices(instrument: Instrument, fair: float, skew: float) -> tuple[int, int]:
    """The maker's best bid and ask around ``fair``; ``skew`` > 0: it holds more than it likes."""
    tick = instrument.tick
    half = max(0.55 * tick, fair * HALF_SPREAD)
    middle = fair - skew * half
    bid = math.floor((middle - half) / tick) * tick
    ask = max(math.ceil((middle + half) / tick) * tick, bid + tick)
    return bid, ask


def reach_ticks(instrument: Instrument, fair: float) -> int:
    """The farthest that a maker's orders may lie from its best price, in ticks."""
    return max(REACH_TICKS, round(fair * REACH / instrument.tick))


def ordinary_quantity(instrument: Instrument, fair: float) -> int:
    """A usual order's quantity: some ten thousand currency units, in whole lots."""
    worth_units = 20_000 if instrument.lot == 1 else 3_000_000
    worth = float(worth_units * int(10**instrument.price_decimals))
    return max(1, round(worth / fair / instrument.lot)) * instrument.lot


def some_quantity(instrument: Instrument, fair: float, choose: random.Random) -> int:
    """A quantity near the usual one; round numbers are more frequent, as with people."""
    lots = ordinary_quantity(instrument, fair) // instrument.lot
    lots = max(1, round(lots * min(choose.lognormvariate(0, 0.6), 5.0)))
    for unit in (100, 50, 10, 5):
        if lots > 2 * unit and choose.random() < 0.6:
            lots = lots // unit * unit
            break
    return min(lots * instrument.lot, instrument.maximum_quantity)


def decide(
    instrument: Instrument,
    fair: float,
    skew: float,
    resting: list[Resting],
    choose: random.Random,
) -> Decision:
    """The orders to cancel and the orders to enter now."""
    bid, ask = best_prices(instrument, fair, skew)
    reach = reach_ticks(instrument, fair)
    cancels: list[int] = []
    orders: list[Wanted] = []
    for side, best, away in (("buy", bid, -instrument.tick), ("sell", ask, instrument.tick)):
        farthest = best + reach * away
        low, high = min(best, farthest), max(best, farthest)
        own = [order for order in resting if order.side == side]
        kept = [order for order in own if low <= order.price <= high]
        cancels += [order.order_id for order in own if not low <= order.price <= high]
        if len(kept) >= LEVELS and choose.random() < REFRESH:
            dropped = choose.choice(kept)
            kept.remove(dropped)
            cancels.append(dropped.order_id)
        taken = {order.price for order in kept}
        for _ in range(LEVELS - len(kept)):
            # near the best price there are more orders than far from it
            steps = 0 if best not in taken else int(choose.triangular(1, reach, 1))
            price = best + steps * away
            if price in taken or not (
                instrument.minimum_price <= price <= instrument.maximum_price
            ):
                continue
            taken.add(price)
            quantity = some_quantity(instrument, fair * (1 - 0.5 * steps / reach), choose)
            orders.append(Wanted(side, price, quantity))
    # the most urgent first: prices that are too good, then the nearest
    orders.sort(key=lambda order: abs(order.price - fair))
    return Decision(cancels[: 2 * ACTIONS], orders[:ACTIONS])
