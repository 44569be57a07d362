"""Events are published at least every quarter of the ring: readers that do not gate rely on it."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.core import pipeline
from exchange.engine.matcher import apply_commands
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import NEXT_EVENT
from exchange.engine.state.pointers import Rings, make_links
from exchange.records import EVENT
from ringbuffer.ring import UNGATED, maximum_batch
from tests.harness.small_engine import SMALL, enter, opening

RING = 16


@pytest.mark.parametrize("makers", [2, 3, 4, 17, 40])
def test_one_command_never_has_more_than_a_quarter_unpublished(makers: int) -> None:
    orders = [enter(f"m{i}", 1, 1, 100) for i in range(makers)]
    commands = np.concatenate([opening(), *orders, enter("taker", 0, makers, 100)])
    ring = np.zeros(128, commands.dtype)
    ring[: len(commands)] = commands
    state = create_state(SMALL, 1)
    cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
    cursors[pipeline.EVENT_RELEASED] = UNGATED
    events = np.zeros(RING, EVENT)
    wakeups = np.full(pipeline.AGENTS, -1, np.int64)
    apply_commands(state, Rings(ring, events, 0, cursors, wakeups, make_links()), 0, len(commands))
    produced = int(state.scalars[NEXT_EVENT])
    unpublished = produced - int(cursors[pipeline.EVENT_PUBLISHED])
    assert produced > 2 * makers
    assert 0 <= unpublished <= maximum_batch(RING)
