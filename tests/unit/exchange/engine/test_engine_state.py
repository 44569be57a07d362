"""The engine's own promises: consistency, bounds, independence of how commands are cut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exchange.codes import FLAG_LEVEL, CommandKind, EventKind, Reject
from exchange.core.capacity import EngineCapacity
from exchange.engine.invariants.check import InvariantBroken, check_state
from exchange.engine.state import layout
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.create import capacity_of, create_state
from exchange.engine.state.pointers import Rings, make_links
from tests.harness.small_engine import (
    SEED,
    SMALL,
    Exchange,
    cancel,
    command,
    enter,
    opened,
    opening,
    replace,
)
from tests.model.generators.orders import EPISODES, Generator

REPOSITORY = Path(__file__).resolve().parents[4]
WIDE = EngineCapacity(
    instruments=64,
    sessions=64,
    orders=4096,
    leaves=4096,
    nodes=8192,
    tokens=20000,
    accounts=64,
    positions=1024,  # small: plain Python checks all of it
)
SEEDS = [1, 2, 3]


def whole_commands(slots: np.ndarray) -> list[np.ndarray]:
    """The slots of each command."""
    parts, at = [], 0
    while at < len(slots):
        size = 2 if slots["flags"][at] & 1 else 1
        parts.append(slots[at : at + size])
        at += size
    return parts


def stream(seed: int, commands: int) -> np.ndarray:
    return np.concatenate(list(Generator(seed, EPISODES[0]).chunks(commands, 500)))


def names(events: np.ndarray) -> list[str]:
    return [EventKind(int(kind)).name for kind in events["kind"]]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_state_is_consistent_after_every_command(seed: int) -> None:
    print(f"seed {seed}")
    exchange = Exchange(WIDE)
    for part in whole_commands(stream(seed, 1_200)):
        exchange.run(part)
        check_state(exchange.state)
    assert exchange.state.scalars[layout.TRADES] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_events_do_not_depend_on_how_commands_are_cut(seed: int) -> None:
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    parts = whole_commands(stream(seed, 3_000))
    one_by_one = Exchange(WIDE)
    expected = b"".join(one_by_one.run(part).tobytes() for part in parts)
    for largest in (2, 31, 33, 700):
        exchange = Exchange(WIDE)
        found, at = [], 0
        while at < len(parts):
            count = int(random.integers(1, largest + 1))
            found.append(exchange.run(np.concatenate(parts[at : at + count])).tobytes())
            at += count
        assert b"".join(found) == expected
        assert chain_digest(exchange.state) == chain_digest(one_by_one.state)


def test_events_do_not_depend_on_the_token_seed() -> None:
    slots = stream(4, 1_000)
    found = {
        Exchange(WIDE, create_state(WIDE, seed)).run(slots).tobytes() for seed in (0, 1, 1 << 63)
    }
    assert len(found) == 1


def test_every_byte_of_an_event_is_written() -> None:
    slots = stream(5, 1_000)
    clean, dirty = Exchange(WIDE), Exchange(WIDE)
    dirty.events.view(np.uint8)[:] = 0xAA
    assert clean.run(slots).tobytes() == dirty.run(slots).tobytes()


def test_a_full_order_pool_rejects_and_recovers() -> None:
    exchange = opened(SMALL._replace(orders=3))
    for i in range(3):
        assert names(exchange.run(enter(f"t{i}", 0, 1, 100 + i))) == ["ACCEPTED"]
    # also an order that would not rest
    events = exchange.run(enter("full", 1, 1, 100, time_in_force=0))
    assert names(events) == ["REJECTED"]
    assert events["reason"][0] == Reject.ORDER_POOL_FULL
    exchange.run(cancel("t1"))
    assert names(exchange.run(enter("again", 0, 1, 500))) == ["ACCEPTED"]
    check_state(exchange.state)


def test_a_full_token_table_rejects_until_the_next_day() -> None:
    exchange = opened(SMALL._replace(tokens=2))
    exchange.run(enter("a", 0, 1, 100))
    exchange.run(replace("a", "b", 2, 101))
    events = exchange.run(enter("c", 0, 1, 100))
    assert events["reason"].tolist() == [Reject.TOKEN_TABLE_FULL]
    events = exchange.run(replace("b", "c", 2, 102))
    assert (names(events), events["reason"].tolist()) == (["REJECTED"], [Reject.TOKEN_TABLE_FULL])
    # a token that was used is ignored, full or not
    assert len(exchange.run(enter("a", 0, 1, 100))) == 0
    exchange.run(command(CommandKind.END_OF_DAY))
    exchange.run(command(CommandKind.START_OF_DAY))
    assert names(exchange.run(enter("a", 0, 1, 100))) == ["ACCEPTED"]
    check_state(exchange.state)


@pytest.mark.parametrize("pool", ["leaves", "nodes"])
def test_a_full_level_pool_rejects_and_changes_nothing(pool: str) -> None:
    small = {"leaves": 2} if pool == "leaves" else {"nodes": 5}
    exchange = opened(SMALL._replace(**small))
    far = 1 << 19  # another node on every step but the root
    exchange.run(enter("a", 0, 1, 100))
    exchange.run(enter("b", 0, 1, 200 if pool == "leaves" else 300))
    if pool == "nodes":
        assert exchange.state.scalars[layout.NODES_USED] == 4
    before = [array.copy() for array in exchange.state]
    events = exchange.run(enter("c", 0, 1, far))
    assert events["reason"].tolist() == [Reject.LEVEL_POOL_FULL]
    for name in ("levels", "leaves", "nodes", "books", "orders", "order_ids"):
        at = exchange.state._fields.index(name)
        assert (before[at] == exchange.state[at]).all(), name
    # a price whose block exists is still welcome, and one that needs no new block
    assert names(exchange.run(enter("d", 0, 1, 101))) == ["ACCEPTED"]
    # an order that does not rest needs no block
    assert names(exchange.run(enter("e", 0, 1, far, time_in_force=0))) == ["ACCEPTED", "CANCELED"]
    # a replacement that finds none cancels
    assert names(exchange.run(replace("a", "f", 1, far))) == ["CANCELED"]
    exchange.run(cancel("d"))
    exchange.run(cancel("b"))
    assert names(exchange.run(enter("g", 0, 1, far))) == ["ACCEPTED"]
    check_state(exchange.state)


def test_everything_freed_is_zero_again() -> None:
    exchange = opened(WIDE)
    random = np.random.default_rng(7)
    for i in range(500):
        exchange.run(enter(f"t{i}", int(random.integers(2)), 5, int(random.integers(1, 900_000))))
    exchange.run(command(CommandKind.END_OF_DAY))
    state = exchange.state
    assert not state.levels.any()
    assert not state.order_ids.any()
    assert not state.books.any()
    leaves = state.leaves.reshape(-1, layout.LEAF_WORDS)
    assert not leaves[:, :2].any()
    nodes = state.nodes.reshape(-1, layout.NODE_WORDS)
    assert not nodes[:, :33].any()
    assert (state.scalars[[layout.LIVE_ORDERS, layout.LEAVES_USED, layout.NODES_USED]] == 0).all()
    check_state(state)


def test_the_next_best_price_is_found_across_gaps_of_every_width() -> None:
    prices = [1 + (1 << power) for power in range(19)]
    exchange = opened(SMALL)
    for i, price in enumerate(prices):
        exchange.run(enter(f"s{i}", 1, 1, price))
    events = exchange.run(enter("buy", 0, len(prices), 1_000_000))
    trades = events[events["kind"] == EventKind.TRADE]
    assert trades["price"].tolist() == prices
    assert (trades["flags"] == FLAG_LEVEL).all()
    # and downwards, as minimum quantity walks it
    for i, price in enumerate(prices):
        exchange.run(enter(f"b{i}", 0, 1, price))
    count = len(prices)
    short = exchange.run(enter("no", 1, count + 1, 1, time_in_force=0, minimum_quantity=count + 1))
    assert names(short) == ["ACCEPTED", "CANCELED"]
    enough = exchange.run(enter("yes", 1, count, 1, time_in_force=0, minimum_quantity=count))
    assert names(enough) == ["ACCEPTED"] + ["TRADE"] * count
    check_state(exchange.state)


def test_orders_that_expired_unseen_for_weeks_expire_in_order() -> None:
    exchange = opened(SMALL)
    second = 1_000_000_000
    weeks = layout.WHEEL_SECONDS * 2 + 3
    exchange.run(enter("old", 0, 1, 100, time_in_force=10, timestamp_ns=0))
    # the same bucket of the wheel, and one between
    exchange.run(enter("new", 0, 1, 101, time_in_force=7, timestamp_ns=weeks * second))
    exchange.run(enter("last", 0, 1, 102, time_in_force=9, timestamp_ns=weeks * second))
    check_state(exchange.state)
    events = exchange.run(command(CommandKind.TIMER, timestamp_ns=(weeks + 8) * second))
    assert events["price"].tolist() == [100, 101]
    check_state(exchange.state)
    events = exchange.run(command(CommandKind.TIMER, timestamp_ns=(weeks + 9) * second))
    assert events["price"].tolist() == [102]
    check_state(exchange.state)


def test_token_generations_wrap() -> None:
    exchange = opened(SMALL)
    exchange.state.scalars[layout.TOKEN_GENERATION] = 4095
    exchange.state.token_index[:] = 0
    exchange.state.scalars[layout.TOKENS_USED] = 0
    exchange.run(enter("a", 0, 1, 100))
    exchange.run(command(CommandKind.END_OF_DAY))
    exchange.run(command(CommandKind.START_OF_DAY))
    assert exchange.state.scalars[layout.TOKEN_GENERATION] == 1
    assert not exchange.state.token_index.any()
    assert names(exchange.run(enter("a", 0, 1, 100))) == ["ACCEPTED"]


def test_a_broken_state_is_noticed() -> None:
    exchange = opened(SMALL)
    exchange.run(enter("a", 0, 5, 100))
    exchange.state.orders[layout.ORDER_WORDS] += 1
    with pytest.raises(InvariantBroken, match="quantity"):
        check_state(exchange.state)


@pytest.mark.parametrize(
    "wrong",
    [
        {"instruments": 1},
        {"sessions": 70_000},
        {"orders": 0},
        {"tokens": 1 << 28},
        {"leaves": 0},
        {"nodes": 3},
    ],
)
def test_capacities_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        create_state(SMALL._replace(**wrong))


def test_a_state_knows_its_capacity() -> None:
    assert capacity_of(create_state(WIDE, SEED)) == WIDE


def test_a_long_command_at_the_end_waits_for_its_second_slot() -> None:
    exchange = Exchange()
    exchange.run(opening())
    exchange.run(enter("a", 0, 1, 100))
    scalars = exchange.state.scalars
    first = int(scalars[layout.NEXT_COMMAND])
    parts = replace("a", "b", 2, 100)
    exchange.ring[np.arange(first, first + 2)] = parts
    from exchange.engine.matcher import apply_commands

    base = int(scalars[layout.NEXT_EVENT])
    rings = Rings(
        exchange.ring, exchange.events, base, exchange.cursors, exchange.wakeups, make_links()
    )
    assert apply_commands(exchange.state, rings, first, first + 1) == 0
    assert scalars[layout.NEXT_COMMAND] == first
    assert apply_commands(exchange.state, rings, first, first + 2) == 2


_OTHER_MODE = """
import sys
from tests.unit.exchange.engine.test_engine_state import WIDE, Exchange, stream, whole_commands
import numpy as np
exchange = Exchange(WIDE)
parts = whole_commands(stream(int(sys.argv[1]), 3000))
out = [exchange.run(np.concatenate(parts[i:i + 50])) for i in range(0, len(parts), 50)]
sys.stdout.buffer.write(b"".join(e.tobytes() for e in out))
"""


@pytest.mark.needs_jit  # compares the compiled engine with the interpreted one
def test_without_the_jit_the_events_are_the_same_bytes() -> None:
    seed = 6
    outputs = []
    for disabled in ("0", "1"):
        environment = os.environ | {"NUMBA_DISABLE_JIT": disabled, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", _OTHER_MODE, str(seed)],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            timeout=1200,
        )
        assert done.returncode == 0, done.stderr.decode()
        outputs.append(done.stdout)
    assert len(outputs[0]) > 100_000
    assert outputs[0] == outputs[1]
