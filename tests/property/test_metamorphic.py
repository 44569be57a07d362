"""What must hold between commands and events, whatever the commands are: no oracle needed."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import EventKind
from tests.model.comparison import Matcher
from tests.model.generators.orders import EPISODES, Episode, Generator
from tests.model.generators.streams import as_events
from tests.property.event_books import EventBooks

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
    """Levels follow from the events: sums of what orders show, crossed only in a call phase."""
    events = as_events(stream[2])
    books = EventBooks()
    books.read(events)
    assert books.traded > 0
    assert books.levels_checked > 1_000
