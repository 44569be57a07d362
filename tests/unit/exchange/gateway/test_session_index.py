"""The session index against the events that it indexes."""

from __future__ import annotations

import random

import numpy as np

from exchange.gateway.session_index import SessionIndex


def test_the_index_finds_a_place_at_or_before_each_message() -> None:
    source = random.Random(5)
    sessions, events = 5, 4000
    owner = [source.randrange(sessions) for _ in range(events)]
    index = SessionIndex(sessions)
    index.restart(100)
    numbers = np.zeros(sessions, np.int64)
    at: dict[tuple[int, int], int] = {}
    for position, session in enumerate(owner):
        if position and position % 64 == 0:
            index.add(100 + position, numbers)
        numbers[session] += 1
        at[session, int(numbers[session])] = 100 + position
    for (session, number), event in at.items():
        found = index.find(session, number)
        assert event - 64 <= found <= event
    assert index.find(0, int(numbers[0]) + 1) <= 100 + events
    index.restart(9000)
    assert index.find(0, 1) == 9000
