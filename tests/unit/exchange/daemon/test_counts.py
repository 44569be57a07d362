"""The daemon's counters in the core's shared memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from exchange.core.counters import COUNTER_WORDS, Counter
from exchange.daemon.counts import count_recovery, count_restarts
from ringbuffer.counters import read_counters


def test_what_is_counted_is_read() -> None:
    words = np.zeros(COUNTER_WORDS, np.int64)
    core: Any = SimpleNamespace(region=SimpleNamespace(arrays={"counters": words}))
    facts: Any = SimpleNamespace(
        recovery=SimpleNamespace(torn_bytes=5),
        replayed_commands=1,
        replayed_events=2,
        duration_ns=3,
        snapshot_sequence=4,
    )
    count_recovery(core, facts)
    count_restarts(core, 6, 7, 8)
    found = {name: value for name, value in read_counters(words, Counter).items() if value}
    assert found == {
        "recovered_commands": 1,
        "recovered_events": 2,
        "recovery_duration_ns": 3,
        "recovery_snapshot_sequence": 4,
        "recovery_torn_bytes": 5,
        "core_restarts": 6,
        "stage_restarts": 7,
        "stages_hung": 8,
    }
