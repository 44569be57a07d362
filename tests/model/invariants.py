"""What must hold in the naive exchange after every command.

``check`` recomputes everything from the live orders alone, also both conservation laws;
``check_changes`` looks at what one command has changed, cheaply enough for every command of a long
run.
"""

from __future__ import annotations

from collections import defaultdict

from tests.model.naive.book import ASK, BID, BUY, SELL, Order, book_side
from tests.model.naive.data import Position
from tests.model.naive.exchange import NaiveExchange


def check(exchange: NaiveExchange) -> None:
    """Books, indexes, money and stock agree with the live orders, deposits and withdrawals."""
    resting = check_books(exchange)
    waiting = {i: o for i, o in exchange.live_by_id.items() if o.waiting}
    held = {i: o for i, o in exchange.live_by_id.items() if o.held}
    assert not resting.keys() & waiting.keys() and not waiting.keys() & held.keys()
    assert {**resting, **waiting, **held} == exchange.live_by_id
    in_stop_books = {
        entry[2].order_id: entry[2]
        for books in exchange.stop_books.values()
        for book in books
        for entry in book.waiting
    }
    assert in_stop_books == waiting
    orders = exchange.live_by_id.values()
    assert {(o.session, o.token): o for o in orders} == exchange.live
    assert set(exchange.live) <= exchange.used_tokens
    assert {o.order_id for o in orders if o.expiry_second} == set(exchange.good_till_time)
    assert exchange.day_open or not exchange.live
    for order in orders:
        instrument = exchange.instruments[order.instrument]
        assert 0 < order.open <= instrument.maximum_quantity
        assert order.open % instrument.lot == order.executed % instrument.lot == 0
        assert order.price % instrument.tick == 0 and instrument.is_in_range(order.price)
        assert order.account == exchange.sessions[order.session].account
    check_conservation(exchange)
    check_frozen(exchange)


def check_books(exchange: NaiveExchange) -> dict[int, Order]:
    """Level totals are the sums of their orders; books are crossed only in a call phase."""
    resting = {}
    for instrument_id, book in exchange.books.items():
        best_bid, best_ask = book.best(BID), book.best(ASK)
        crossed = best_bid is not None and best_ask is not None and best_bid >= best_ask
        assert not crossed or exchange.instruments[instrument_id].state != 0, "crossed book"
        for side in (BID, ASK):
            assert book.prices[side] == sorted(book.levels[side])
            for price, level in book.levels[side].items():
                assert level.orders, "an empty level"
                assert level.quantity == sum(order.shown for order in level.orders.values())
                assert level.hidden == sum(order.hidden for order in level.orders.values())
                for order_id, order in level.orders.items():
                    assert order.order_id == order_id
                    assert order.price == price
                    assert order.instrument == instrument_id
                    assert book_side(order.side) == side
                    assert not order.waiting and not order.held
                    assert order.shown > 0
                    assert order.hidden == 0 or 0 < order.shown <= order.display_quantity
                    resting[order_id] = order
    return resting


def check_conservation(exchange: NaiveExchange) -> None:
    """Nothing appears and nothing vanishes: money by currency, stock by instrument."""
    money: defaultdict[int, int] = defaultdict(int)
    for account in exchange.accounts.values():
        for currency, balance in account.balances.items():
            money[currency] += balance.balance
    for number, currency in exchange.currencies.items():
        assert money[number] == exchange.money.get(number, 0) == currency.net
    stock: defaultdict[int, int] = defaultdict(int)
    for (_, instrument), position in exchange.positions.items():
        stock[instrument] += position.quantity
    for number, instrument in exchange.instruments.items():
        assert stock[number] == exchange.stock.get(number, 0) == instrument.net_stock


def check_frozen(exchange: NaiveExchange) -> None:
    """What is frozen is what the live orders need."""
    funds: defaultdict[tuple[int, int], int] = defaultdict(int)
    sells: defaultdict[tuple[int, int], int] = defaultdict(int)
    buys: defaultdict[tuple[int, int], int] = defaultdict(int)
    shorts: defaultdict[tuple[int, int], int] = defaultdict(int)
    by_account: defaultdict[int, int] = defaultdict(int)
    by_instrument: defaultdict[int, int] = defaultdict(int)
    for order in exchange.live_by_id.values():
        key = order.account, order.instrument
        instrument = exchange.instruments[order.instrument]
        by_account[order.account] += 1
        by_instrument[order.instrument] += 1
        if order.side == BUY:
            buys[key] += order.open
            funds[order.account, instrument.currency] += instrument.need(order.price, order.open)
        elif order.side == SELL:
            sells[key] += order.open
        else:
            shorts[key] += order.open
    for number, account in exchange.accounts.items():
        assert account.live_orders == by_account[number]
        for currency, balance in account.balances.items():
            assert balance.frozen == funds[number, currency]
            assert 0 <= balance.frozen <= balance.balance
    for key, position in exchange.positions.items():
        assert position.frozen == sells[key]
        assert position.open_buys == buys[key]
        assert position.open_shorts == shorts[key]
        assert (position.total_cost > 0) <= (position.quantity > 0)
        assert (position.total_cost < 0) <= (position.quantity < 0)
    for number, instrument in exchange.instruments.items():
        assert instrument.live_orders == by_instrument[number]


def check_changes(exchange: NaiveExchange) -> None:
    """Both conservation laws for what the last command has changed."""
    for account, currency in exchange.touched_balances:
        balance = exchange.accounts[account].balances[currency]
        assert 0 <= balance.frozen <= balance.balance
        assert exchange.money.get(currency, 0) == exchange.currencies[currency].net
    for key in exchange.touched_positions:
        position = exchange.positions.get(key, Position())  # an empty one may be gone
        assert position.frozen >= 0 and position.open_buys >= 0 and position.open_shorts >= 0
        assert exchange.stock.get(key[1], 0) == exchange.instruments[key[1]].net_stock
