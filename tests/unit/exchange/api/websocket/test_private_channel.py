"""The private channel on the model tests' random streams, as clients of every account see it.

A client keeps its open orders, balances and positions from the snapshot and what follows, as
docs/websocket.md says; whenever it looks, they are the account model's.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import numpy as np
import orjson
import pytest
import websocket_schema
from market_events import MarketEvents

from exchange.access.keys import KeysDamaged
from exchange.api.errors import ApiError
from exchange.api.orders.json import order_json
from exchange.api.websocket import private_channel
from exchange.api.websocket.private_channel import PrivateChannel
from exchange.codes import EventKind
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import AccountModelCapacity
from exchange.read_model.market.model import MarketModel
from ringbuffer.jit import JIT_DISABLED
from tests.model.generators.orders import EPISODES, Generator
from tests.model.generators.streams import as_events, commands_of
from tests.model.naive.exchange import NaiveExchange

COMMANDS = 1_000 if JIT_DISABLED else 4_000
CLOSED = ("filled", "cancelled", "rejected", "replaced", "expired")


def stream(seed: int) -> np.ndarray:
    episode = EPISODES[seed % len(EPISODES)]._replace(day_commands=COMMANDS // 3)
    exchange, sequence, made = NaiveExchange(episode.capacities), 0, bytearray()
    for slots in Generator(seed, episode).chunks(COMMANDS, 500):
        for number, command, continuation in commands_of(slots, sequence):
            made += b"".join(exchange.apply(number, command, continuation))
        sequence += len(slots)
    return as_events(bytes(made))


class FakeKey(NamedTuple):
    id: str
    account: int


class FakeKeys:
    def __init__(self) -> None:
        self.generation = 1
        self.revoked: set[str] = set()
        self.damaged = False

    def refresh(self) -> int:
        if self.damaged:
            raise KeysDamaged("unreadable")
        return self.generation

    def is_live(self, key_id: str) -> bool:
        return key_id not in self.revoked

    def revoke(self, key_id: str) -> None:
        self.revoked.add(key_id)
        self.generation += 1


class Listener:
    """A subscriber that keeps what docs/websocket.md says a client keeps."""

    def __init__(self, account: int) -> None:
        self.account = account
        self.closing = False
        self.closed_with: int | None = None
        self.errors: list[ApiError] = []
        self.messages: list[dict[str, Any]] = []
        self.orders: dict[int, dict[str, Any]] = {}
        self.balances: dict[str, tuple[int, int]] = {}
        self.positions: dict[str, tuple[int, int, int]] = {}
        self.reports: list[dict[str, Any]] = []

    def write(self, frames: bytes) -> int:
        assert not self.closing
        while frames:
            size, start = frames[1], 2
            if size == 126:
                size, start = int.from_bytes(frames[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(frames[2:10], "big"), 10
            self.take(orjson.loads(frames[start : start + size]))
            frames = frames[start + size :]
        return 0

    def take(self, message: dict[str, Any]) -> None:
        if message.get("event") != "rejected":
            # a command of the generator that is rejected may have any bytes in it
            websocket_schema.check(message)
        self.messages.append(message)
        kind = message["type"]
        if kind == "orders_snapshot":
            assert message["account"] == self.account
            self.orders |= {order["order_id"]: order for order in message["orders"]}
        elif kind == "gap":
            self.orders.clear()
        elif kind == "execution_report":
            self.reports.append(message)
            order = message["order"]
            self.orders[order["order_id"]] = order
            if order["replaces"] is not None:
                self.orders.pop(order["replaces"], None)
            if order["status"] in CLOSED:
                del self.orders[order["order_id"]]
        elif kind == "balance":
            self.balances[message["currency"]] = (message["balance"], message["frozen_balance"])
        elif kind == "position":
            self.positions[message["symbol"]] = (
                message["quantity"],
                message["frozen_quantity"],
                message["total_cost"],
            )

    def close(self, code: int, reason: str) -> None:
        self.closing, self.closed_with = True, code

    def refuse(self, error: ApiError) -> None:
        self.errors.append(error)


class World:
    """Models, the channel, and the archive that it resumes from."""

    def __init__(self, events: np.ndarray) -> None:
        self.events = events
        self.market = MarketModel(64)
        self.accounts = AccountModel(
            AccountModelCapacity(
                accounts=64, sessions=64, instruments=64, positions=512, orders=1 << 15,
                fills=1 << 15,
            )
        )  # fmt: skip
        self.keys = FakeKeys()
        self.at = 0
        self.channel = PrivateChannel(
            self.market,
            self.accounts,
            self.keys,  # type: ignore[arg-type]
            describe=self.describe,
            history=lambda first, count: self.events[: self.at][first : first + min(count, 300)],
        )

    def describe(self, order: Any) -> dict[str, Any]:
        instrument = self.market.instruments.get(order.instrument)
        return order_json(order, "" if instrument is None else instrument.symbol)

    def apply(self, count: int) -> None:
        piece = self.events[self.at : self.at + count]
        self.at += len(piece)
        self.market.apply(piece)
        self.accounts.apply(piece)
        self.channel.learn(piece)

    def subscribe(self, listener: Listener, since: int | None = None) -> Any:
        key = FakeKey(f"key of {listener.account}", listener.account)
        member = self.channel.sign_in(listener, key, listener.refuse)  # type: ignore[arg-type]
        asyncio.run(self.channel.subscribe(member, since))
        return member

    def check(self, listener: Listener) -> None:
        """What the listener has is what the models have."""
        account = listener.account
        found = {
            order.order_id: self.describe(order)
            for order in self.accounts.orders(account, open_only=True, limit=10_000)
        }
        assert listener.orders.keys() == found.keys()
        for order_id, order in found.items():
            ours = listener.orders[order_id]
            for name in ("remaining_quantity", "filled_quantity", "status", "quantity", "side"):
                assert ours[name] == order[name], (name, ours, order)
        codes = {number: each.code for number, each in self.accounts.currencies().items()}
        assert listener.balances == {
            codes[number]: balance
            for number, balance in self.accounts.account(account).balances.items()
        }
        assert listener.positions == {
            self.market.instruments[p.instrument].symbol: (p.quantity, p.frozen, p.total_cost)
            for p in self.accounts.positions(account)
        }


@pytest.mark.parametrize("seed", range(4))
def test_clients_that_come_at_any_time_know_their_account(seed: int):
    world = World(stream(seed))
    random = np.random.default_rng(seed)
    listeners: list[Listener] = []
    kinds = world.events["kind"]
    # a listener needs to know when a command's events are all there: money moves at its end
    ends = np.flatnonzero(np.append(np.diff(world.events["command_sequence"]) != 0, True))
    while world.at < len(world.events):
        wanted = world.at + int(random.choice([1, 20, 100, 300]))
        end = int(ends[min(len(ends) - 1, int(np.searchsorted(ends, wanted)))]) + 1
        world.apply(end - world.at)
        world.channel.look_after()
        for listener in listeners:
            world.check(listener)
        known = world.accounts.accounts()
        if known and len(listeners) < 12 and random.random() < 0.5:
            listeners.append(Listener(int(random.choice(known))))
            world.subscribe(listeners[-1])
            world.check(listeners[-1])
    assert JIT_DISABLED or sum(len(listener.reports) for listener in listeners) > 100
    for listener in listeners:
        for report in listener.reports:
            order = world.accounts.order(report["order"]["order_id"])
            assert order is not None and order.account == listener.account
    assert (kinds == EventKind.TRADE).any()


@pytest.mark.parametrize("seed", range(2))
def test_a_resume_brings_what_was_missed(seed: int):
    world = World(stream(seed + 10))
    world.apply(len(world.events) // 3)
    account = max(
        world.accounts.accounts(), key=lambda a: len(world.accounts.orders(a, limit=10_000))
    )
    steady, absent = Listener(account), Listener(account)
    world.subscribe(steady)
    member = world.subscribe(absent)
    world.apply(len(world.events) // 3)
    assert absent.reports, "nothing happened to the account"
    since = absent.reports[-1]["sequence"]
    world.channel.leave(member)
    world.apply(len(world.events) // 4)
    again = Listener(account)
    world.subscribe(again, since)
    world.apply(len(world.events))
    missed = [r for r in steady.reports if r["sequence"] > since]
    assert len(missed) > 20
    compared = ("sequence", "event", "last_price", "last_quantity", "fee", "liquidity")
    assert [[r[n] for n in compared] for r in again.reports] == [
        [r[n] for n in compared] for r in missed
    ]
    assert [r["order"]["order_id"] for r in again.reports] == [
        r["order"]["order_id"] for r in missed
    ]


@pytest.mark.parametrize("seed", range(2))
def test_a_snapshot_in_parts_while_everything_changes(seed: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(private_channel, "ORDERS_IN_MESSAGE", 3)
    world = World(stream(seed + 40))
    world.apply(2 * len(world.events) // 3)
    account = max(
        world.accounts.accounts(),
        key=lambda a: len(world.accounts.orders(a, open_only=True, limit=10_000)),
    )
    assert len(world.accounts.orders(account, open_only=True, limit=10_000)) > 6
    listener = Listener(account)

    async def meanwhile() -> None:
        key = FakeKey(f"key of {account}", account)
        member = world.channel.sign_in(listener, key, listener.refuse)  # type: ignore[arg-type]
        subscribing = asyncio.create_task(world.channel.subscribe(member, None))
        while not subscribing.done():
            await asyncio.sleep(0)
            world.apply(40)
        await subscribing

    asyncio.run(meanwhile())
    parts = [m for m in listener.messages if m["type"] == "orders_snapshot"]
    assert len(parts) > 3 and [part["last"] for part in parts] == [False] * (len(parts) - 1) + [
        True
    ]
    # money moves at the end of a command
    command = world.events["command_sequence"]
    while 0 < world.at < len(world.events) and command[world.at] == command[world.at - 1]:
        world.apply(1)
    world.channel.look_after()
    world.check(listener)


def test_a_resume_from_too_long_ago_is_a_gap_and_a_snapshot(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(private_channel, "REPLAYED_REPORTS", 5)
    world = World(stream(20))
    world.apply(len(world.events))
    account = max(
        world.accounts.accounts(), key=lambda a: len(world.accounts.orders(a, limit=10_000))
    )
    listener = Listener(account)
    world.subscribe(listener, since=10)
    kinds = [message["type"] for message in listener.messages]
    assert kinds[:3] == ["subscribed", "gap", "orders_snapshot"]
    assert listener.messages[1]["first_sequence"] == 11
    world.check(listener)


@pytest.mark.parametrize("limit", ["REPORTS_AT_ONCE", "REPORTS_PER_SECOND"])
def test_more_reports_than_can_be_sent_at_once_are_a_gap(
    limit: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(private_channel, limit, 3)
    monkeypatch.setattr(private_channel, "RESYNC_S", 0.0)
    world = World(stream(21))
    world.apply(len(world.events) // 2)
    listeners = [Listener(account) for account in world.accounts.accounts()]
    for listener in listeners:
        world.subscribe(listener)

    async def rest() -> None:
        world.apply(len(world.events))
        world.channel.look_after()  # the fees of others' trades
        while any(member.stale_since is not None for member in world.channel._members) or (
            world.channel._tasks
        ):
            await asyncio.sleep(0)

    asyncio.run(rest())
    assert any(m["type"] == "gap" for listener in listeners for m in listener.messages)
    for listener in listeners:
        world.check(listener)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_revoked_key_is_told_nothing_more(damaged: bool):
    events = MarketEvents()
    events.open_market()
    events.add(EventKind.SESSION_DEFINED, session=1, quantity=1)
    events.add(EventKind.BALANCE_CHANGED, account=1, currency=1, quantity=5, remaining=5)
    first = events.sequence
    events.add(EventKind.BALANCE_CHANGED, account=1, currency=1, quantity=2, remaining=7)
    events.add(EventKind.BALANCE_CHANGED, account=1, currency=1, quantity=2, remaining=9)
    world = World(events.take())
    world.apply(first)
    listener = Listener(1)
    world.subscribe(listener)
    assert listener.balances == {"TWD": (5, 0)}
    world.apply(1)
    assert listener.balances == {"TWD": (7, 0)}
    if damaged:
        world.keys.damaged = True
    else:
        world.keys.revoke("key of 1")
    world.apply(1)
    assert listener.balances == {"TWD": (7, 0)}
    assert listener.closed_with == 4002
    assert [error.code for error in listener.errors] == [5002 if damaged else 2002]
    assert not world.channel._members and not world.channel._watched
