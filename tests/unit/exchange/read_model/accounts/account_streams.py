"""Random streams of events and looks at whole listings: what tests of the account model share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import AccountModelCapacity
from ringbuffer.jit import JIT_DISABLED
from tests.model.generators.orders import EPISODES, Generator
from tests.model.generators.streams import as_events, commands_of
from tests.model.naive.exchange import NaiveExchange
from tests.model.naive.history import NaiveHistory

COMMANDS = 2_000 if JIT_DISABLED else 12_000
ACCOUNTS = range(1, 16)  # also those that are never opened: their orders are rejected


def capacity(orders: int = 1 << 17, fills: int = 1 << 17) -> AccountModelCapacity:
    return AccountModelCapacity(
        accounts=64, sessions=64, instruments=64, positions=512, orders=orders, fills=fills
    )


def commands(seed: int, count: int) -> Iterator[tuple[NaiveExchange, bytes]]:
    """The naive exchange after each command that had events, and their bytes."""
    episode = EPISODES[seed % len(EPISODES)]._replace(day_commands=count // 3)
    exchange, sequence = NaiveExchange(episode.capacities), 0
    for slots in Generator(seed, episode).chunks(count, 500):
        for number, command, continuation in commands_of(slots, sequence):
            events = b"".join(exchange.apply(number, command, continuation))
            if events:
                yield exchange, events
        sequence += len(slots)


def in_pieces(events: np.ndarray, random: np.random.Generator) -> Iterator[np.ndarray]:
    """``events`` cut at random, some of them twice."""
    start = 0
    while start < len(events):
        size = int(random.choice([1, 2, 5, 40, 600]))
        yield events[max(0, start - int(random.integers(0, 3))) : start + size]
        start += size


def fields(struct: Any) -> dict[str, Any]:
    return msgspec.structs.asdict(struct)


def stream_of(seed: int) -> np.ndarray:
    """All events of a stream."""
    return as_events(b"".join(events for _, events in commands(seed, COMMANDS)))


def all_orders(model: AccountModel, account: int, **filters: Any) -> list[Any]:
    """All pages of a listing."""
    found = page = model.orders(account, limit=50, **filters)
    while len(page) == 50:
        page = model.orders(account, limit=50, before_order_id=page[-1].order_id, **filters)
        found = found + page
    return found


def all_fills(model: AccountModel, account: int, **filters: Any) -> list[Any]:
    found = page = model.fills(account, limit=7, **filters)
    while len(page) >= 7:
        page = model.fills(account, limit=7, before_sequence=page[-1].sequence, **filters)
        found = found + page
    return found


def check_order(model: AccountModel, history: NaiveHistory, order_id: int) -> None:
    """Both know the order and every field of it, or both do not."""
    ours, theirs = model.order(order_id), history.order(order_id)
    assert (fields(ours) if ours is not None else None) == theirs
