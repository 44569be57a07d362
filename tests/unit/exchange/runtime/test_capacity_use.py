"""What is in use of what all share: how much, from when on it is said, and how often."""

from __future__ import annotations

import logging

import msgspec
import numpy as np
import pytest

from exchange.core.capacity import EngineCapacity
from exchange.core.counters import COUNTER_WORDS, Counter
from exchange.runtime.capacity_use import (
    COUNTED,
    CapacityWatch,
    Use,
    sizes_of,
    table_sizes,
    use_warnings,
    uses,
)
from exchange.settings import DEFAULT_FILE, load
from ringbuffer.counters import COUNTER_STRIDE


def counters(**values: int) -> np.ndarray:
    found = np.zeros(COUNTER_WORDS, np.int64)
    for name, value in values.items():
        found[Counter[name] * COUNTER_STRIDE] = value
    return found


def test_everything_counted_has_a_size() -> None:
    settings = load(DEFAULT_FILE).settings
    without = sizes_of(settings, EngineCapacity())
    assert "feed_1_websockets" not in without
    feed = msgspec.structs.replace(settings.feed, workers=4, connections=77)
    sizes = sizes_of(msgspec.structs.replace(settings, feed=feed), EngineCapacity())
    assert sizes.keys() == COUNTED.keys()
    assert sizes["feed_4_websockets"] == 77
    assert table_sizes(EngineCapacity(sessions=10))["sessions"] == 9


def test_use_and_warnings() -> None:
    found = uses(
        counters(TOKENS_USED=80, LIVE_ORDERS=79), {"tokens_per_day": 100, "live_orders": 100}
    )
    assert found == [Use("tokens_per_day", 80, 100), Use("live_orders", 79, 100)]
    assert use_warnings(found, False) == ["tokens_per_day: 80 % in use (80 of 100)"]
    assert use_warnings([], True) == ["no new orders: the disk is nearly full; cancels work"]


def test_the_disk() -> None:
    found = uses(counters(DISK_BYTES=1_000, DISK_FREE_BYTES=100), {})
    assert found == [Use("disk_bytes", 900, 1_000)]


def test_descriptors_of_each_process_that_runs() -> None:
    found = uses(
        counters(API_DESCRIPTORS=800, DAEMON_DESCRIPTORS=40, DESCRIPTORS_ALLOWED=1_000), {}
    )
    assert found == [
        Use("daemon_descriptors", 40, 1_000),
        Use("api_descriptors", 800, 1_000),
    ]
    assert use_warnings(found, False) == ["api_descriptors: 80 % in use (800 of 1,000)"]


def test_a_warning_comes_once(caplog: pytest.LogCaptureFixture) -> None:
    shared = counters(POSITIONS_USED=8)
    watch = CapacityWatch(shared, {"positions": 10})
    word = Counter.POSITIONS_USED * COUNTER_STRIDE
    with caplog.at_level(logging.WARNING):
        for used in (8, 9, 8, 7, 8):
            shared[word] = used
            watch.look()
    assert [record.getMessage() for record in caplog.records] == ["positions: 80 % in use"] * 2
