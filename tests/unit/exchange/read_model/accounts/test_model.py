"""The account model on the model tests' random streams, beside three twins.

The naive exchange says what is open, owned and frozen after each command; the ledger says it again
from the events; the naive history says what became of each order and which fills there were. Events
come in random pieces, also cut between those of one command, and through a dump in the middle.
"""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import EventKind
from exchange.read_model.accounts import model as accounts
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.read_model.accounts.types import ReadModelBroken
from exchange.recovery.ledger import Ledger
from tests.model.generators.streams import as_events
from tests.model.naive.exchange import NaiveExchange
from tests.model.naive.history import CLOSED, NaiveHistory
from tests.unit.exchange.read_model.accounts.account_streams import (
    ACCOUNTS,
    COMMANDS,
    all_fills,
    all_orders,
    capacity,
    check_order,
    commands,
    fields,
    in_pieces,
    stream_of,
)

BETWEEN_FULL_CHECKS = 997  # commands


@pytest.fixture(scope="module", params=[51, 52])
def stream(request: pytest.FixtureRequest) -> np.ndarray:
    return stream_of(request.param)


# --- what is open, owned and frozen ---------------------------------------------------------------


def check_money(model: AccountModel, exchange: NaiveExchange, accounts: set[int]) -> None:
    """Balances, positions and counts of ``accounts`` are the exchange's own."""
    for number in accounts:
        ours, theirs = model.account(number), exchange.accounts[number]
        money = {c: (b.balance, b.frozen) for c, b in theirs.balances.items()}
        assert {c: b for c, b in ours.balances.items() if any(b)} == {
            c: b for c, b in money.items() if any(b)
        }
        assert ours.daily_order_count == theirs.orders_today
        assert ours.daily_order_limit == theirs.daily_limit
        assert ours.blocked == bool(theirs.blocked) and ours.killed == bool(theirs.killed)
        assert ours.open_orders == theirs.live_orders
        positions = {p.instrument: p for p in model.positions(number)}
        mine = {i: p for (a, i), p in exchange.positions.items() if a == number}
        # the matcher gives empty rows back (rule shares); the model has every one that has been
        given_back = {instrument: positions[instrument] for instrument in positions.keys() - mine}
        assert mine.keys() <= positions.keys()
        for empty in given_back.values():
            assert (empty.quantity, empty.frozen, empty.total_cost) == (0, 0, 0)
            assert (empty.open_buys, empty.open_shorts) == (0, 0)
        for instrument, held in mine.items():
            found = positions[instrument]
            assert model.position(number, instrument) == found
            assert found.quantity == held.quantity
            assert found.total_cost == held.total_cost
            assert (found.frozen, found.available) == (held.frozen, held.available)
            assert (found.open_buys, found.open_shorts) == (held.open_buys, held.open_shorts)


def check_live_orders(model: AccountModel, exchange: NaiveExchange) -> None:
    """Exactly the exchange's live orders are open, with what it knows of them."""
    assert model.live_order_count == len(exchange.live_by_id)
    found = {o.order_id: o for a in model.accounts() for o in all_orders(model, a, open_only=True)}
    assert found.keys() == exchange.live_by_id.keys()
    for order_id, theirs in exchange.live_by_id.items():
        ours = found[order_id]
        assert (ours.account, ours.session) == (theirs.account, theirs.session)
        assert (ours.instrument, ours.side) == (theirs.instrument, theirs.side)
        # the matcher counts what the orders before a replacement have filled, as OUCH does
        assert (ours.open, ours.filled_before + ours.filled) == (theirs.open, theirs.executed)
        assert (ours.token, ours.time_in_force) == (theirs.token, theirs.time_in_force)
        assert (ours.stop_price, ours.display_quantity) == (
            theirs.stop_price,
            theirs.display_quantity,
        )
        assert ours.price in (0, theirs.price)
        assert (ours.status is OrderStatus.PENDING_REVIEW) == theirs.held
        assert (ours.status is OrderStatus.WAITING) == (theirs.waiting and not theirs.held)
        assert model.order_by_token(theirs.session, theirs.token) == ours


@pytest.mark.parametrize("seed", [61, 62, 63, 64])
def test_state_at_command_boundaries(seed: int) -> None:
    """What a command touched right after it, everything from time to time."""
    print(f"seed {seed}")
    model, ledger = AccountModel(capacity()), Ledger()
    full_checks = 0
    for number, (exchange, data) in enumerate(commands(seed, COMMANDS)):
        events = as_events(data)
        ledger.apply(events)
        model.apply(events)
        touched = {a for a, _ in exchange.touched_balances | exchange.touched_positions}
        check_money(model, exchange, touched)
        if number % BETWEEN_FULL_CHECKS == 0:
            full_checks += 1
            check_money(model, exchange, set(exchange.accounts))
            check_live_orders(model, exchange)
    assert full_checks > 1
    assert model.next_event == ledger.next_event
    for (account, currency), balance in ledger.balances.items():
        assert model.account(account).balances.get(currency, (0, 0)) == (
            balance.balance,
            balance.frozen,
        )


# --- history --------------------------------------------------------------------------------------


def check_history(model: AccountModel, history: NaiveHistory, events: np.ndarray) -> None:
    """Every order ever, every fill, every listing."""
    ids = np.unique(events["order_id"])
    for order_id in ids.tolist():
        check_order(model, history, order_id)
    for account in ACCOUNTS:
        mine = [order.order_id for order in history.of_account(account)]
        assert [order.order_id for order in all_orders(model, account)] == mine
        assert [fields(f) for f in all_fills(model, account)] == [
            fill for fill in history.fills[::-1] if fill["account"] == account
        ]


def test_history_in_random_pieces_and_through_a_dump(stream: np.ndarray) -> None:
    """Every field of every order and fill; a model loaded in the middle ends the same."""
    random = np.random.default_rng(5)
    model, history, resumed = AccountModel(capacity()), NaiveHistory(), None
    history.apply(stream)
    for piece in in_pieces(stream, random):
        model.apply(piece)
        if resumed is not None:
            resumed.apply(piece)
        elif model.next_event > len(stream) // 2:
            resumed = AccountModel(capacity())
            resumed.load({name: array.copy() for name, array in model.dump().items()})
            assert resumed.next_event == model.next_event
    assert resumed is not None
    check_history(model, history, stream)
    check_history(resumed, history, stream)
    assert {order.status for order in history.orders.values()} >= set(CLOSED)
    for (session, token), order_id in history.tokens.items():
        for each in (model, resumed):
            found = each.order_by_token(session, token)
            assert found is not None and found.order_id == order_id
    for session, owner in history.sessions.items():
        assert model.account_of_session(session) == owner
        assert model.session_by_username(f"USER{session % 100:02d}") is not None
    for number, account in history.accounts.items():
        ours = model.account(number)
        assert resumed.account(number) == ours
        assert (ours.created_ns, ours.blocked) == (account.opened_ns, account.blocked)
        assert (ours.killed, ours.daily_order_limit) == (account.killed, account.limit)
        assert ours.daily_order_count == account.orders_today
    dumps = model.dump(), resumed.dump()
    assert all(np.array_equal(dumps[0][name], dumps[1][name]) for name in dumps[0])


def test_listings(stream: np.ndarray) -> None:
    """Filters, cursors that are not in the list, limits."""
    random = np.random.default_rng(6)
    model, history = AccountModel(capacity()), NaiveHistory()
    model.apply(stream)
    history.apply(stream)
    for account in ACCOUNTS:
        mine = history.of_account(account)
        fills = [fill for fill in history.fills[::-1] if fill["account"] == account]
        for _ in range(10):
            instrument = [None, 1, 2, 3][random.integers(4)]
            statuses = [None, CLOSED, {OrderStatus.FILLED}, {OrderStatus.NEW}, set()][
                random.integers(5)
            ]
            open_only = bool(random.integers(2))
            before = int(random.integers(1, 2 * COMMANDS)) if random.integers(2) else None
            limit = int(random.integers(1, 20))
            wanted = [
                order.order_id
                for order in mine
                if (instrument is None or order.instrument == instrument)
                and (statuses is None or order.status in statuses)
                and (not open_only or order.open)
                and (before is None or order.order_id < before)
            ]
            found = model.orders(
                account,
                instrument=instrument,
                statuses=statuses,
                open_only=open_only,
                before_order_id=before,
                limit=limit,
            )
            assert [order.order_id for order in found] == wanted[:limit]
            if mine:
                order_id = mine[int(random.integers(len(mine)))].order_id
                matching = [fill for fill in fills if fill["order_id"] == order_id]
                found_fills = model.fills(account, order_id=order_id, limit=10_000)
                assert [fields(fill) for fill in found_fills] == matching
            matching = [
                fill
                for fill in fills
                if (instrument is None or fill["instrument"] == instrument)
                and (before is None or fill["sequence"] < before)
            ]
            found_fills = model.fills(
                account, instrument=instrument, before_sequence=before, limit=limit
            )
            assert [fields(fill) for fill in found_fills] == matching[: len(found_fills)]
            assert limit <= len(found_fills) <= limit + 1 or len(found_fills) == len(matching)


def test_bounded_pages_come_to_everything(
    stream: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few records a page looks at, all pages together are the whole listing."""
    monkeypatch.setattr(accounts, "PAGE_LOOKS", 7)
    model = AccountModel(capacity())
    model.apply(stream)
    for account in model.accounts():
        for filters in ({}, {"instrument": 2}, {"statuses": [OrderStatus.FILLED]}):
            found, before, pages = [], None, 0
            while pages == 0 or before is not None:
                page = model.orders_page(account, before_order_id=before, limit=5, **filters)
                found += page.orders
                before, pages = page.before_order_id, pages + 1
            assert found == model.orders(account, limit=10_000, **filters)
        for filters in ({}, {"instrument": 2}):
            fills, last, pages = [], None, 0
            while pages == 0 or last is not None:
                some = model.fills_page(account, before_sequence=last, limit=3, **filters)
                fills += some.fills
                last, pages = some.before_sequence, pages + 1
            assert fills == model.fills(account, limit=10_000, **filters)


def test_another_accounts_order_has_no_fills_here(stream: np.ndarray) -> None:
    model, history = AccountModel(capacity()), NaiveHistory()
    model.apply(stream)
    history.apply(stream)
    fill = history.fills[-1]
    other = next(account for account in model.accounts() if account != fill["account"])
    assert model.fills(fill["account"], order_id=fill["order_id"])
    assert model.fills(other, order_id=fill["order_id"]) == []


# --- what does not fit ----------------------------------------------------------------------------


def test_gaps_and_events_that_fit_nothing(stream: np.ndarray) -> None:
    model = AccountModel(capacity())
    model.apply(stream[:100])
    with pytest.raises(ReadModelBroken, match="event 100 is missing before event 101"):
        model.apply(stream[101:])
    with pytest.raises(ReadModelBroken, match="not consecutive"):
        model.apply(np.delete(stream[90:200], 40))
    model.apply(stream[:0])
    model.apply(stream[20:80])
    assert model.next_event == 100
    changed = stream.copy()
    trade = int(np.flatnonzero(stream["kind"] == EventKind.TRADE)[0])
    changed["order_id"][trade] += 1 << 40
    with pytest.raises(ReadModelBroken, match=rf"event {trade} \(TRADE\) names an order"):
        model.apply(changed)
    assert model.next_event == trade
    model.apply(stream)
    assert model.next_event == len(stream)


def test_a_dump_of_another_model_is_refused(stream: np.ndarray) -> None:
    model = AccountModel(capacity())
    model.apply(stream)
    dump = model.dump()
    for other in (capacity(orders=1 << 12), capacity(fills=100)):  # smaller ones
        with pytest.raises(ValueError, match=r"capacities|size"):
            AccountModel(other).load(dump)
        assert AccountModel(other).layout_text != model.layout_text
    with pytest.raises(ValueError, match="only a new model"):
        model.load(dump)
    with pytest.raises(ValueError, match="accounts_orders"):
        AccountModel(capacity()).load(dump | {"accounts_orders": dump["accounts_orders"][:-1]})
    empty = AccountModel(capacity())
    empty.load(AccountModel(capacity()).dump())
    empty.apply(stream)
    assert empty.next_event == model.next_event


def test_what_is_asked_for_may_be_anything() -> None:
    model = AccountModel(capacity())
    assert model.order(-1) is None and model.order(1 << 70) is None and model.order(0) is None
    assert model.order_by_token(1, b"short") is None
    assert model.order_by_token(1 << 20, b" " * 14) is None
    assert model.account_of_session(-1) == 0 and model.account_of_session(1 << 20) == 0
    assert model.session_by_username("nobody") is None
    assert model.position(1, 1 << 20) is None
    assert model.orders(1, before_order_id=1 << 70, limit=-5) == []
    assert model.orders(1, before_order_id=-1) == []
    assert model.fills(1, before_sequence=1 << 70, order_id=9, limit=0) == []
    assert model.account(1).created_ns == 0
    for account in (0, -1, 64):
        with pytest.raises(KeyError, match="1 to 63"):
            model.account(account)
