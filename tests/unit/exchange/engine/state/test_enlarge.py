"""A state that was enlarged is one that was made large and has had the same commands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from exchange.codes import OrderType
from exchange.core.capacity import EngineCapacity
from exchange.engine.book import order_pool, tokens
from exchange.engine.invariants.check import check_state
from exchange.engine.money import positions
from exchange.engine.state import enlarge, layout
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.create import capacity_of, create_state
from exchange.engine.state.enlarge import enlarged
from exchange.engine.state.layout import EngineState
from tests.harness.small_engine import SEED, SMALL, Exchange, enter, opened
from tests.model.generators.orders import EPISODES, Generator
from tests.unit.exchange.engine.test_engine_state import WIDE, names, whole_commands

# As small as the generated commands allow: with less they would be refused for want of room, and
# they try the first numbers beyond the tables of instruments, sessions and accounts.
TIGHT = WIDE._replace(orders=1024, leaves=1024, nodes=2048, tokens=4000, positions=128)
ROOMY = SMALL._replace(orders=128, tokens=512)
# arrays whose places depend on what went through them: compared as sets of rows
BY_HASH = {"positions": layout.POSITION_WORDS, "order_ids": 1}
WITHOUT_MEANING = ("leaf_cache", "scratch", "selection")
MODULUS = (1 << 64) - 1


def today(state: EngineState) -> np.ndarray:
    """The token index's words of the current day."""
    words = state.token_index
    generation = (words >> tokens.ENTRY_BITS) & tokens.GENERATION_MASK
    found: np.ndarray = words[generation == state.scalars[layout.TOKEN_GENERATION]]
    return found


def means_the_same(left: EngineState, right: EngineState) -> None:
    """Whether two states of one size differ in nothing but the places in their hash tables."""
    for name, ours, theirs in zip(left._fields, left, right, strict=True):
        if name in WITHOUT_MEANING:
            continue
        if name == "token_index":
            ours, theirs = np.sort(today(left)), np.sort(today(right))
        elif name == "token_log":  # what is beyond the day's tokens is of earlier days
            end = (int(left.scalars[layout.TOKENS_USED]) + 1) * layout.TOKEN_WORDS
            ours, theirs = ours[:end], theirs[:end]
        elif name in BY_HASH:
            ours, theirs = (
                rows[np.lexsort(rows.T[::-1])]
                for rows in (ours.reshape(-1, BY_HASH[name]), theirs.reshape(-1, BY_HASH[name]))
            )
        assert np.array_equal(ours, theirs), name


@pytest.mark.parametrize(("seed", "episode"), [(1, 0), (2, 1), (3, 2), (4, 3)])
def test_it_is_as_if_it_had_been_large_from_the_start(seed: int, episode: int) -> None:
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    generator = Generator(seed, EPISODES[episode % len(EPISODES)])
    parts = whole_commands(np.concatenate(list(generator.chunks(2_000, 500))))
    large = Exchange(WIDE, create_state(WIDE, SEED))
    growing = Exchange(TIGHT, create_state(TIGHT, SEED))
    between = [
        TIGHT._replace(
            **{
                name: int(random.integers(getattr(TIGHT, name), getattr(WIDE, name) + 1))
                for name in TIGHT._fields
            }
        ),
        WIDE,
    ]
    cuts = sorted(random.integers(20, len(parts), 2).tolist())
    for first, end in zip([0, *cuts], [*cuts, len(parts)], strict=True):
        if first:
            before = growing.state
            copies = [array.copy() for array in before]
            capacity = between.pop(0)
            growing.state = enlarged(before, capacity)
            assert capacity_of(growing.state) == capacity
            assert all(map(np.array_equal, before, copies)), "the smaller one is left alone"
            check_state(growing.state)
            if not between:
                means_the_same(large.state, growing.state)
        for at in range(first, end, 400):
            slots = np.concatenate(parts[at : min(at + 400, end)])
            assert large.run(slots).tobytes() == growing.run(slots).tobytes()
    check_state(growing.state)
    means_the_same(large.state, growing.state)
    assert chain_digest(large.state) == chain_digest(growing.state)
    assert large.state.scalars[layout.TRADES] > 0
    assert large.state.scalars[layout.LEAVES_USED] > 0


def flow(first: int, end: int) -> Iterator[np.ndarray]:
    """Trades, resting orders far apart, stops that wait and trigger, orders that expire."""
    for i in range(first, end):
        side, number = i & 1, 1 + i % 3
        yield enter(f"t{i}", side, 5, 5_000 + 70 * (i % 7 - 3), instrument=number)
        yield enter(f"far{i}", side, 5, 5_000 + (2 * side - 1) * (200 + 90 * i), instrument=number)
        if i % 2:
            terms = {"order_type": OrderType.STOP_LIMIT, "stop_price": 5_000 + 140 * (1 - 2 * side)}
            yield enter(f"stop{i}", side, 3, 5_000, instrument=number, **terms)
        yield enter(f"good{i}", side, 2, 3_000 + 4_000 * side, instrument=number, time_in_force=600)


@pytest.mark.parametrize("name", EngineCapacity._fields)
def test_each_capacity_grows_alone(name: str) -> None:
    growing = opened(ROOMY, instruments=3)
    larger = ROOMY._replace(**{name: getattr(ROOMY, name) * 3 + 1})
    large = opened(larger, instruments=3)
    for slots in flow(0, 12):
        assert growing.run(slots).tobytes() == large.run(slots).tobytes()
    assert growing.state.scalars[layout.WAITING_ORDERS] > 0
    growing.state = enlarged(growing.state, larger)
    check_state(growing.state)
    means_the_same(large.state, growing.state)
    for slots in flow(12, 24):
        assert growing.run(slots).tobytes() == large.run(slots).tobytes()
    means_the_same(large.state, growing.state)


def test_what_was_refused_for_want_of_room_is_taken_afterwards() -> None:
    exchange = opened(SMALL._replace(orders=3))
    for i in range(3):
        exchange.run(enter(f"t{i}", 0, 1, 100 + i))
    assert names(exchange.run(enter("full", 0, 1, 100))) == ["REJECTED"]
    exchange.state = enlarged(exchange.state, SMALL._replace(orders=4))
    assert names(exchange.run(enter("room", 0, 1, 100))) == ["ACCEPTED"]
    assert names(exchange.run(enter("full again", 0, 1, 100))) == ["REJECTED"]
    check_state(exchange.state)


def test_of_the_same_size_it_is_the_state_itself() -> None:
    state = create_state(SMALL)
    assert enlarged(state, SMALL) is state


def test_nothing_becomes_smaller() -> None:
    with pytest.raises(ValueError, match=r"tokens \d+ \(of \d+\)"):
        enlarged(create_state(SMALL), SMALL._replace(tokens=SMALL.tokens - 1, orders=1 << 12))


@pytest.mark.parametrize("size", [64, 1024])
def test_a_table_that_is_filled_at_once_is_probed_as_one_filled_one_by_one(size: int) -> None:
    random = np.random.default_rng(size)
    for _ in range(200):
        count = int(random.integers(0, size))
        # crowded at the end, so that some go on at the start
        homes = np.minimum(random.integers(0, size, count), random.integers(size // 2, size))
        if random.integers(2):
            homes = size - 1 - homes
        taken = np.zeros(size, bool)
        for home in homes.tolist():
            while taken[home]:
                home = (home + 1) % size
            taken[home] = True
        places = enlarge._probed(homes.astype(np.int64), size)
        assert len(set(places.tolist())) == count
        assert np.array_equal(np.flatnonzero(taken), np.sort(places))
        free_before = np.cumsum(~taken)
        for home, place in zip(homes.tolist(), places.tolist(), strict=True):
            wraps = free_before[-1] if place < home else 0
            assert free_before[place] + wraps == free_before[home] - (not taken[home])


def test_the_hashes_are_the_engines() -> None:
    assert int(enlarge.SPREAD) == order_pool._SPREAD & MODULUS == positions._SPREAD & MODULUS
    assert int(enlarge.MULTIPLIER_0) == tokens._MULTIPLIER_0 & MODULUS
    assert int(enlarge.MULTIPLIER_1) == tokens._MULTIPLIER_1 & MODULUS
    assert enlarge.ENTRY_BITS == tokens.ENTRY_BITS
    assert enlarge.TAG_SHIFT == tokens._TAG_SHIFT
    assert enlarge.ID_BLOCK_BITS == order_pool._BLOCK_BITS
    assert positions._HASH_SHIFT == 32
