"""What must hold in the naive exchange after every command, recomputed from the orders alone."""

from __future__ import annotations

from tests.model.naive_book import ASK, BID, book_side
from tests.model.naive_exchange import NaiveExchange


def check(exchange: NaiveExchange) -> None:
    """Books are not crossed, level totals are the sums of their orders, every index agrees."""
    resting = {}
    for instrument_id, book in exchange.books.items():
        instrument = exchange.instruments[instrument_id]
        best_bid, best_ask = book.best(BID), book.best(ASK)
        assert best_bid is None or best_ask is None or best_bid < best_ask, "crossed book"
        for side in (BID, ASK):
            assert book.prices[side] == sorted(book.levels[side])
            for price, level in book.levels[side].items():
                assert level.orders, "an empty level"
                assert level.quantity == sum(order.open for order in level.orders.values())
                for order_id, order in level.orders.items():
                    assert order.order_id == order_id
                    assert order.price == price
                    assert order.instrument == instrument_id
                    assert book_side(order.side) == side
                    assert 0 < order.open <= instrument.maximum_quantity
                    assert order.open % instrument.lot == 0
                    assert order.executed % instrument.lot == 0
                    resting[order_id] = order
    assert resting == exchange.live_by_id
    assert {(o.session, o.token) for o in resting.values()} == set(exchange.live)
    assert set(exchange.live) <= exchange.used_tokens
    assert {i for i, o in resting.items() if o.expiry_second} == set(exchange.good_till_time)
    assert exchange.day_open or not resting
