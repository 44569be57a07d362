"""What is written after each batch leads from one content to the next, whatever the batches are."""

from __future__ import annotations

import random

import numpy as np
import pytest
from memory_redis import MemoryRedis
from store_world import MODEL_CAPACITY, random_events

from exchange.connect.redis.changes import CacheChanges
from exchange.connect.redis.commands import commands_of
from exchange.connect.redis.content import Item, Shape, content
from exchange.connect.redis.models import CacheModels
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.market.model import MarketModel

BATCH_EVENTS = 512
COMMANDS = 3_000
SHAPE = Shape("x", levels=3, trades=7, klines=4, intervals=("1m", "1h"))


def make_models() -> CacheModels:
    market = MarketModel(MODEL_CAPACITY.instruments, trades_kept=7, klines_kept=4)
    return CacheModels(market, AccountModel(MODEL_CAPACITY, track_dirty=True), BATCH_EVENTS)


def items_of(models: CacheModels) -> dict[str, Item]:
    return {item.key: item for item in content(models, SHAPE)}


def batches(events: np.ndarray, seed: int) -> list[np.ndarray]:
    """``events`` in pieces of random sizes, most of them small."""
    numbers, made, at = random.Random(seed), [], 0
    while at < len(events):
        size = numbers.choice((1, 2, 3, 17, BATCH_EVENTS))
        made.append(events[at : at + size])
        at += size
    return made


@pytest.mark.parametrize("seed", range(4))
def test_the_changes_lead_from_one_content_to_the_next(seed: int) -> None:
    models, redis = make_models(), MemoryRedis()
    changes = CacheChanges(models, SHAPE)
    changes.reset()
    kinds = set()
    for number, events in enumerate(batches(random_events(seed, COMMANDS), seed)):
        models.apply(events.copy())
        redis.carry_out(changes.commands().packed)
        kinds |= {key.split(":")[1] for key in redis.items}
        if number % 13 == 0:
            assert redis.items == items_of(models)
    assert redis.items == items_of(models)
    assert kinds >= {"symbols", "ticker", "bids", "asks_levels", "trades", "balances", "positions"}


@pytest.mark.parametrize("seed", range(2))
def test_changes_go_on_from_everything_made_anew(seed: int) -> None:
    events = random_events(seed, COMMANDS)
    models, redis = make_models(), MemoryRedis()
    parts = batches(events, seed)
    for part in parts[: len(parts) // 2]:
        models.apply(part.copy())
        models.take_changes()
    for commands in commands_of(content(models, SHAPE)):
        redis.carry_out(commands.packed)
    assert redis.items == items_of(models)
    changes = CacheChanges(models, SHAPE)
    changes.reset()
    for part in parts[len(parts) // 2 :]:
        models.apply(part.copy())
        redis.carry_out(changes.commands().packed)
    assert redis.items == items_of(models)


def test_a_batch_in_which_nothing_happens_changes_nothing() -> None:
    models = make_models()
    changes = CacheChanges(models, SHAPE)
    models.apply(random_events(0, COMMANDS)[:BATCH_EVENTS].copy())
    changes.reset()
    models.take_changes()
    models.apply(random_events(0, COMMANDS)[:0].copy())
    assert not len(changes.commands())


def test_a_busy_book_is_written_once_a_batch() -> None:
    models = make_models()
    changes = CacheChanges(models, SHAPE)
    changes.reset()
    for events in batches(random_events(1, COMMANDS), 1):
        models.apply(events.copy())
        heads = [b" ".join(packed.split(b"\r\n")[2:5:2]) for packed in changes.commands().packed]
        for name in (b"HSET x:ticker", b"ZADD x:bids", b"HSET x:bids_levels"):
            keys = [head for head in heads if head.startswith(name)]
            assert len(keys) == len(set(keys))
