"""The maker's decisions: always valid orders, a full book, nothing that crosses itself."""

import random

import pytest

from exchange.client.types import Instrument
from exchange.demo.prices import FARTHEST, FairPrice
from exchange.demo.quotes import (
    ACTIONS,
    LEVELS,
    Resting,
    best_prices,
    decide,
    reach_ticks,
    some_quantity,
)
from exchange.settings import ROOT, load

CONFIGURATION = load(ROOT / "config" / "demo" / "exchange.toml")


def client_instrument(configured):
    decimals = configured.price_decimals
    return Instrument(
        symbol=configured.symbol,
        price_decimals=decimals,
        tick=configured.minor_units(configured.tick),
        lot=configured.lot,
        minimum_price=configured.minor_units(configured.minimum_price),
        maximum_price=configured.minor_units(configured.maximum_price),
        maximum_quantity=configured.maximum_quantity,
        currency=configured.currency,
        currency_decimals=2,
        reference_price=configured.minor_units(configured.reference_price),
    )


INSTRUMENTS = [client_instrument(each) for each in CONFIGURATION.instruments]


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda each: each.symbol)
def test_a_maker_keeps_a_full_valid_book(instrument):
    choose = random.Random(instrument.symbol)
    fair = FairPrice(instrument.reference_price, random.Random(1))
    book, next_id = {}, 1
    for turn in range(500):
        value = fair.advance(choose.choice([0.5, 1.5]))
        decision = decide(instrument, value, turn / 300 - 1, list(book.values()), choose)
        assert len(decision.orders) <= ACTIONS and len(decision.cancels) <= 2 * ACTIONS
        for order_id in decision.cancels:
            del book[order_id]
        for side, price, quantity in decision.orders:
            assert price % instrument.tick == 0
            assert instrument.minimum_price <= price <= instrument.maximum_price
            assert quantity % instrument.lot == 0
            assert 0 < quantity <= instrument.maximum_quantity
            # worth less than what an operator would have to review
            limit = 100_000_000 if instrument.currency == "TWD" else 10_000_000
            assert price * quantity < limit * 10**instrument.price_decimals / 3
            book[next_id] = Resting(next_id, side, price)
            next_id += 1
        bids = [order.price for order in book.values() if order.side == "buy"]
        asks = [order.price for order in book.values() if order.side == "sell"]
        assert len(bids) <= LEVELS and len(asks) <= LEVELS
        if turn > 10:
            assert len(bids) >= 3 and len(asks) >= 3


def test_what_is_held_too_much_is_offered_cheaper():
    instrument = INSTRUMENTS[0]
    bid, ask = best_prices(instrument, 22_750.0, 0.0)
    assert bid < 22_750 < ask and ask - bid < 30
    lower_bid, lower_ask = best_prices(instrument, 22_750.0, 2.0)
    assert lower_bid < bid and lower_ask < ask


def test_orders_out_of_reach_are_cancelled():
    instrument = INSTRUMENTS[0]
    bid, ask = best_prices(instrument, 22_750.0, 0.0)
    reach = reach_ticks(instrument, 22_750.0)
    resting = [
        Resting(1, "buy", bid + 1),
        Resting(2, "buy", bid),
        Resting(3, "buy", bid - reach),
        Resting(4, "buy", bid - reach - 1),
        Resting(5, "sell", ask - 1),
        Resting(6, "sell", ask + reach),
    ]
    decision = decide(instrument, 22_750.0, 0.0, resting, random.Random(1))
    assert sorted(decision.cancels) == [1, 4, 5]


def test_prices_are_the_same_with_the_same_seed_and_stay_near():
    def walk(seed):
        fair = FairPrice(60_000, random.Random(seed))
        values = []
        for step in range(20_000):
            values.append(fair.advance(1.0))
            if step % 7 == 0:
                fair.traded("buy", 4.0)
        return values

    values = walk(3)
    assert values == walk(3) != walk(4)
    limit = 60_000 * (1 + FARTHEST) * 1.01
    assert all(60_000 * 60_000 / limit < value < limit for value in values)
    assert max(values) - min(values) > 600


def test_quantities_are_whole_lots():
    choose = random.Random(1)
    for instrument in INSTRUMENTS:
        quantities = {
            some_quantity(instrument, float(instrument.reference_price), choose) for _ in range(200)
        }
        assert len(quantities) > 3
        assert all(quantity % instrument.lot == 0 for quantity in quantities)


def test_the_demonstrations_accounts_are_those_of_its_configuration():
    from exchange.demo.run import MAKERS, TAKERS, VISITORS

    accounts = {account.id for account in CONFIGURATION.accounts}
    assert {*VISITORS, *MAKERS, *TAKERS} <= accounts
    assert {session.account for session in CONFIGURATION.sessions} <= set(VISITORS)
