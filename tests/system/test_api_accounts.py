"""What the API says of accounts beside what the journal says of them, in a whole exchange.

Two accounts trade through REST, one of them also through OUCH; orders of every type are entered,
reduced, replaced, cancelled and filled. Then `/accounts/me`, `/positions` and the orders must equal
what `exchange admin account show` rebuilds from the journal, and go on to after the process api was
killed, and after the whole exchange was stopped, with and without its checkpoints.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from exchange_process import PASSWORD, RunningExchange, wait_until
from patient_client import PatientClient

from exchange.client import ApiKey, NewOrder, RequestFailed, RestClient
from exchange.client.types import Fill, Order

pytestmark = pytest.mark.needs_jit

ACCOUNTS = (1, 2)
SEED = 20
SYMBOLS = {"AAPL": (1_500_000, 100), "2330.TW": (60_000, 50)}  # price and tick of the quotes
CHECKPOINT_EVENTS = 1_024
MANY = 700  # orders over OUCH, so that a checkpoint is due
DEADLINE_S = 180.0


class Seen(NamedTuple):
    """Everything that the API says of an account."""

    account: dict[str, Any]
    positions: dict[str, dict[str, Any]]
    orders: list[Order]
    fills: list[Fill]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    directory: Path = tmp_path_factory.mktemp("api-accounts")
    running = RunningExchange(
        directory,
        settings={
            "api": {
                "requests_per_second_per_ip": 1_000_000,
                "requests_per_second_per_key": 1_000_000,
                "burst": 100_000,
            },
            "risk": {"maker_fee_basis_points": -1, "taker_fee_basis_points": 3},
            "read_model": {"checkpoint_events": CHECKPOINT_EVENTS},
        },
        account_keys={1: {"orders_per_day": 5_000}},
        sessions=2,
        web=True,
    )
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def keys(exchange: RunningExchange) -> dict[int, ApiKey]:
    made = {account: ApiKey(*exchange.make_key(account)) for account in ACCOUNTS}
    asyncio.run(trade(exchange.url, made))
    trade_over_ouch(exchange.port)
    return made


# --- trading --------------------------------------------------------------------------------------


async def trade(url: str, keys: dict[int, ApiKey]) -> None:
    """Some hundred requests of both accounts, one after another; seeded."""
    dice = random.Random(SEED)
    clients = {account: RestClient(url, key) for account, key in keys.items()}
    made: list[tuple[int, Order]] = []
    refused = 0
    for client in clients.values():
        await client.__aenter__()
    try:
        for _ in range(160):
            account = dice.choice(ACCOUNTS)
            client = clients[account]
            try:
                if made and dice.random() < 0.3:
                    await change(dice, client, [o for a, o in made if a == account][-20:])
                else:
                    made.append((account, await client.place(some_order(dice))))
            except RequestFailed as error:
                assert error.code == 4003 or error.code > 10_000, error
                refused += 1
    finally:
        for client in clients.values():
            await client.close()
    assert len(made) > 80 and refused < 60


def some_order(dice: random.Random) -> NewOrder:
    symbol = dice.choice(list(SYMBOLS))
    middle, tick = SYMBOLS[symbol]
    side = dice.choice(["buy", "sell"])
    lots = dice.randint(1, 9)
    lot = 1_000 if symbol == "2330.TW" else 10
    terms: dict[str, Any] = {"symbol": symbol, "side": side, "quantity": lots * lot}
    sign = 1 if side == "buy" else -1
    price = middle - sign * tick * dice.randint(-2, 6)
    kind = dice.random()
    if kind < 0.1:
        return NewOrder(**terms, type="market", time_in_force="ioc")
    if kind < 0.2:
        return NewOrder(**terms, type="stop", stop_price=middle + sign * tick * dice.randint(1, 9))
    if kind < 0.25:
        return NewOrder(
            **terms, type="stop_limit", stop_price=middle + sign * tick * 3, price=price
        )
    if kind < 0.35:
        return NewOrder(**terms, price=price, display_quantity=lot)
    if kind < 0.45:
        return NewOrder(**terms, price=price, time_in_force="ioc")
    if kind < 0.55:
        return NewOrder(**terms, price=price, time_in_force="gtt", expire_seconds=3_600)
    return NewOrder(**terms, price=price)


async def change(dice: random.Random, client: RestClient, own: list[Order]) -> None:
    if not own:
        return
    order = await client.order(dice.choice(own).order_id)
    middle, tick = SYMBOLS[order.symbol]
    lot = 1_000 if order.symbol == "2330.TW" else 10
    draw = dice.random()
    if draw < 0.4:
        await client.cancel(order.order_id)
    elif draw < 0.7 and order.quantity > lot and order.is_open:
        await client.amend(order.order_id, quantity=order.quantity - lot)
    elif order.is_open and order.type == "limit":
        sign = 1 if order.side == "buy" else -1
        price = middle - sign * tick * dice.randint(0, 9)
        await client.amend(order.order_id, quantity=order.quantity + lot, price=price)


def trade_over_ouch(port: int) -> None:
    """Account 1 also has orders of its OUCH session: many that rest, one that trades."""
    with PatientClient("127.0.0.1", port) as client:
        client.login("S1", PASSWORD, sequence=1)
        client.enter("ouch1", "B", 70, "AAPL", 1_400_000)
        client.enter("ouch2", "S", 30, "AAPL", 1_000_000)
        for number in range(MANY):
            client.enter(f"many{number}", "B", 1, "AAPL", 1_300_000 + 100 * (number % 50))
        client.cancel("ouch1", 50)
        letters = ""
        for message in client.messages(DEADLINE_S):
            letters += message.letter
            if message.letter == "C":
                break
        assert letters.count("A") == 2 + MANY and "E" in letters
        client.logout()


# --- looking --------------------------------------------------------------------------------------


async def look(url: str, key: ApiKey) -> Seen:
    """All of it, all pages."""
    async with RestClient(url, key) as client:
        orders, fills = [], []
        cursor = None
        while True:
            page = await client.orders(cursor=cursor, limit=150)
            orders += page.orders
            cursor = page.next_cursor
            if cursor is None:
                break
        while True:
            trades = await client.fills(cursor=cursor, limit=30)
            fills += trades.trades
            cursor = trades.next_cursor
            if cursor is None:
                break
        account = await client._get("/accounts/me", dict[str, Any])
        positions = (await client._get("/positions", dict[str, Any]))["positions"]
        return Seen(account, {held["symbol"]: held for held in positions}, orders, fills)


def look_at_all(exchange: RunningExchange, keys: dict[int, ApiKey]) -> dict[int, Seen]:
    async def main() -> dict[int, Seen]:
        return {account: await look(exchange.url, key) for account, key in keys.items()}

    return asyncio.run(main())


def check_against_the_journal(seen: Seen, shown: dict[str, Any]) -> None:
    """The API's integers are the journal's decimals."""
    scale = {}
    account = seen.account
    assert account["open_orders"] == shown["live_orders"]
    assert account["daily_order_count"] == shown["orders_today"]
    assert account["killed"] == shown["killed"]
    balances = {balance["currency"]: balance for balance in account["balances"]}
    for code, money in shown["money"].items():
        found = balances.get(code)
        if found is None:
            assert Decimal(money["balance"]) == 0
            continue
        scale[code] = Decimal(10) ** found["decimals"]
        for name, ours in (
            ("balance", "balance"),
            ("frozen", "frozen_balance"),
            ("available", "available_balance"),
        ):
            assert Decimal(money[name]) * scale[code] == found[ours], (code, name)
    assert seen.positions.keys() == shown["positions"].keys()
    for symbol, held in shown["positions"].items():
        found = seen.positions[symbol]
        assert held["quantity"] == found["quantity"]
        assert held["frozen"] == found["frozen_quantity"]
        assert held["available"] == found["available_quantity"]
        assert Decimal(held["total_cost"]) * scale[found["currency"]] == found["total_cost"]
        if held["average_cost"] is not None:
            average = Decimal(held["average_cost"]) * scale[found["currency"]]
            assert average == found["average_price"]


def check_orders(seen: Seen) -> None:
    """Orders and fills say the same; ids go down; what replaced what is said at both."""
    ids = [order.order_id for order in seen.orders]
    assert ids == sorted(ids, reverse=True) and len(set(ids)) == len(ids)
    by_id = {order.order_id: order for order in seen.orders}
    assert sum(order.is_open for order in seen.orders) == seen.account["open_orders"]
    filled: dict[int, list[int]] = {order_id: [0, 0] for order_id in ids}
    for fill in seen.fills:
        filled[fill.order_id][0] += fill.quantity
        filled[fill.order_id][1] += fill.quantity * fill.price
    for order in reversed(seen.orders):
        if order.replaces is not None:
            before = by_id[order.replaces]
            assert before.status == "replaced" and before.replaced_by == order.order_id
        assert [order.filled_quantity, order.filled_value] == filled[order.order_id]
        parts = order.filled_quantity, order.remaining_quantity, order.prevented_quantity
        assert order.quantity == sum(parts) + order.cancelled_quantity
        assert not (order.cancelled_quantity if order.is_open else order.remaining_quantity)
        assert (order.status == "filled") == (order.filled_at is not None)
        assert (order.status in ("cancelled", "expired")) == (order.cancelled_at is not None)


# --- the tests ------------------------------------------------------------------------------------


def test_api_and_journal_agree(exchange: RunningExchange, keys: dict[int, ApiKey]) -> None:
    for account, seen in look_at_all(exchange, keys).items():
        check_against_the_journal(seen, exchange.admin("account", "show", str(account)))
        check_orders(seen)
        statuses = {order.status for order in seen.orders}
        assert {"new", "filled", "cancelled", "replaced"} <= statuses
        assert any(order.replaces for order in seen.orders)
    tokens = {order.client_order_id for order in look_at_all(exchange, keys)[1].orders}
    assert {"ouch1", "ouch2"} <= tokens


def other_api(exchange: RunningExchange, pid: int) -> bool:
    """Whether a process api runs that is not ``pid``; between two there is none."""
    state = exchange.state()
    return state is not None and "api" in state.stages and state.stages["api"].pid != pid


def test_a_killed_api_says_the_same_again(
    exchange: RunningExchange, keys: dict[int, ApiKey]
) -> None:
    before = look_at_all(exchange, keys)
    pid = exchange.pid("api")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: other_api(exchange, pid), DEADLINE_S, "another process api")
    exchange.wait_ready()
    assert look_at_all(exchange, keys) == before


def test_a_new_start_says_the_same_again(
    exchange: RunningExchange, keys: dict[int, ApiKey]
) -> None:
    """From a checkpoint; then with one that is damaged, from the archive."""
    before = look_at_all(exchange, keys)
    directory = exchange.data_directory / "read_model" / "api"
    wait_until(lambda: any(directory.glob("*.checkpoint")), DEADLINE_S, "a checkpoint")
    for is_damaged in (False, True):
        assert exchange.stop() == 0
        for path in directory.glob("*.checkpoint") if is_damaged else ():
            path.write_bytes(b"damaged")
        log_size = exchange.log_file.stat().st_size
        exchange.start()
        # this start begins no new day: every count stays
        assert look_at_all(exchange, keys) == before
        log = exchange.log_file.read_text()[log_size:]
        assert ("is not used: it is no checkpoint" in log) == is_damaged
        assert ('"next_event":0' in log.replace(" ", "")) == is_damaged
