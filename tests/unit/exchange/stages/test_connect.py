"""What the stage of a connector tells the core's shared memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from exchange.connect.connector import Progress, State
from exchange.core.counters import COUNTER_WORDS, Counter
from exchange.core.stage_names import StageName
from exchange.stages.connect import StageSurroundings
from ringbuffer.counters import read_counters


def test_progress_is_counted_for_the_stage() -> None:
    counters = np.zeros(COUNTER_WORDS, np.int64)
    consumed: list[int] = []
    stage = SimpleNamespace(
        role=StageName.CONNECT_REDIS,
        counters=counters,
        consumed=consumed.append,
        archive=lambda: None,
    )
    around = StageSurroundings(cast(Any, stage))
    around.report(Progress(State.RETRYING, 70, 50, 3, 2, 1, "nobody answers"))
    found = {name: value for name, value in read_counters(counters, Counter).items() if value}
    assert found == {
        "connect_redis_state": State.RETRYING,
        "connect_redis_next_event": 70,
        "connect_redis_records": 50,
        "connect_redis_writes": 3,
        "connect_redis_retries": 2,
        "connect_redis_lapped": 1,
    }
    assert consumed == [70]
