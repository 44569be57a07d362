"""What must hold between commands and events, whatever the commands are: no oracle needed."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import FLAG_LEVEL, EventKind, Side
from tests.model.comparison import Matcher
from tests.model.generator import EPISODES, Episode, Generator
from tests.model.streams import as_events

COMMANDS = 60_000


Stream = tuple[Episode, np.ndarray, bytes]


@pytest.fixture(scope="module", params=[11, 12, 13])
def stream(request: pytest.FixtureRequest) -> Stream:
    """A seeded stream's episode, all its slots, and the matcher's events."""
    seed: int = request.param
    episode = EPISODES[seed % len(EPISODES)]
    print(f"seed {seed}")
    slots = np.concatenate(list(Generator(seed, episode).chunks(COMMANDS)))
    return episode, slots, Matcher(episode.capacities).run(slots)


def test_batches_do_not_matter(stream: Stream) -> None:
    episode, slots, events = stream
    for ring_slots, batch in ((1 << 12, 1), (64, 63), (1 << 12, 1_000)):
        assert Matcher(episode.capacities, ring_slots).run(slots, batch) == events


def test_sequences_and_times(stream: Stream) -> None:
    _, slots, data = stream
    events = as_events(data)
    assert np.array_equal(events["sequence"], np.arange(len(events)))
    assert (np.diff(events["command_sequence"]) >= 0).all()
    assert (np.diff(events["timestamp_ns"]) >= 0).all()
    assert np.array_equal(events["timestamp_ns"], slots["timestamp_ns"][events["command_sequence"]])


def test_session_sequences_have_no_gap(stream: Stream) -> None:
    """Messages of a session are numbered 1, 2, 3, ... every day."""
    events = as_events(stream[2])
    day = np.cumsum(events["kind"] == EventKind.DAY_STARTED)
    trades = events["kind"] == EventKind.TRADE
    parts = [
        (day, events["session"], events["session_sequence"], np.arange(len(events)) * 2),
        (
            day[trades],
            events["contra_session"][trades],
            events["contra_session_sequence"][trades],
            np.nonzero(trades)[0] * 2 + 1,
        ),
    ]
    # `contra_session_sequence` overlaps `firm`, hence only trades above
    days, sessions, numbers, order = (np.concatenate(column) for column in zip(*parts, strict=True))
    reported = numbers > 0
    for key in np.unique(days[reported] * 100_000 + sessions[reported]):
        mine = reported & (days * 100_000 + sessions == key)
        mine_in_order = numbers[mine][np.argsort(order[mine])]
        assert np.array_equal(mine_in_order, np.arange(1, len(mine_in_order) + 1))


def test_books_from_events_alone(stream: Stream) -> None:
    """Levels follow from the events: sums of orders, never crossed, bought equals sold."""
    events = as_events(stream[2])
    orders: dict[int, tuple[int, int, int, int]] = {}  # id -> instrument, is_bid, price, open
    totals: dict[tuple[int, int, int], list[int]] = {}  # level -> quantity, orders
    bought: dict[int, int] = {}
    sold: dict[int, int] = {}
    aggressor = 0
    names = (
        "kind", "order_id", "instrument", "side", "price", "quantity", "flags", "remaining",
        "contra_order_id", "contra_side", "level_quantity", "level_orders", "command_sequence",
    )  # fmt: skip
    columns = [events[name].tolist() for name in names]

    def put(order_id: int, order: tuple[int, int, int, int] | None) -> None:
        old = orders.pop(order_id, None)
        for sign, one in ((-1, old), (1, order)):
            if one is not None:
                level = totals.setdefault(one[:3], [0, 0])
                level[0] += sign * one[3]
                level[1] += sign
                if level == [0, 0]:
                    del totals[one[:3]]
        if order is not None:
            orders[order_id] = order

    for row in zip(*columns, strict=True):
        (kind, order_id, instrument, side, price, quantity, flags, remaining,
         contra_order_id, contra_side, level_quantity, level_orders, command) = row  # fmt: skip
        is_bid = int(side == Side.BUY)
        if kind in (EventKind.ACCEPTED, EventKind.REPLACED):
            aggressor = quantity
            if flags & FLAG_LEVEL:
                put(order_id, (instrument, is_bid, price, quantity))
        elif kind == EventKind.TRADE:
            assert (contra_side == Side.BUY) != (side == Side.BUY)
            assert contra_order_id == command
            aggressor -= quantity
            assert aggressor >= 0
            resting = orders[order_id]
            assert resting[:3] == (instrument, is_bid, price)
            assert resting[3] - quantity == remaining
            put(order_id, (instrument, is_bid, price, remaining) if remaining else None)
            for totals_by_side, is_mine in ((bought, is_bid), (sold, 1 - is_bid)):
                if is_mine:
                    totals_by_side[instrument] = totals_by_side.get(instrument, 0) + quantity
            other = bought if contra_side == Side.BUY else sold
            other[instrument] = other.get(instrument, 0) + quantity
        elif kind == EventKind.RESTED:
            assert quantity == aggressor > 0
            put(order_id, (instrument, is_bid, price, quantity))
        elif kind == EventKind.REMOVED:
            assert orders[order_id][3] == quantity
            put(order_id, None)
        elif kind == EventKind.MODIFIED or (kind == EventKind.CANCELED and flags & FLAG_LEVEL):
            put(order_id, (instrument, is_bid, price, remaining) if remaining else None)
        elif kind == EventKind.CANCELED:
            assert quantity == aggressor > 0
        if flags & FLAG_LEVEL:
            key = (instrument, is_bid, price)
            assert totals.get(key, [0, 0]) == [level_quantity, level_orders], f"level {key}"
    assert bought == sold
    assert sum(bought.values()) > 0
    check_not_crossed(events)


def check_not_crossed(events: np.ndarray) -> None:
    """After every command the best bid is below the best ask, by the level fields alone."""
    levels: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
    with_level = np.nonzero(events["flags"] & FLAG_LEVEL)[0]
    commands = events["command_sequence"][with_level]
    last = np.append(commands[1:] != commands[:-1], True)
    for index, is_last in zip(with_level.tolist(), last.tolist(), strict=True):
        event = events[index]
        sides = levels.setdefault(int(event["instrument"]), ({}, {}))
        side = sides[0] if event["side"] == Side.BUY else sides[1]
        price, quantity = int(event["price"]), int(event["level_quantity"])
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)
        # every 7th look is enough: a crossed book does not heal by itself
        if is_last and index % 7 == 0 and sides[0] and sides[1]:
            assert max(sides[0]) < min(sides[1]), f"crossed after event {index}"
