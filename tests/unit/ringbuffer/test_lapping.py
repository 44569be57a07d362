"""A reader that does not gate against a real second process that overwrites at full speed."""

from __future__ import annotations

import numpy as np
import pytest
from numba import types

from ringbuffer.atomics import load_acquire
from ringbuffer.jit import jit
from ringbuffer.ring import available, copy_batch, safe_capacity

pytestmark = pytest.mark.needs_jit  # atomics across processes

sched_yield = types.ExternalFunction("sched_yield", types.int32())
ROUNDS = 20_000
RECORD_WORDS = 16


@jit
def torn(target: np.ndarray, first: int, count: int) -> int:
    """How many records are not wholly the ones of their sequence."""
    wrong = 0
    for i in range(count):
        bad = False
        for k in range(RECORD_WORDS):
            bad = bad or target[i]["words"][k] != first + i
        wrong += bad
    return wrong


@jit
def read_and_verify(
    slots: np.ndarray, cursors: np.ndarray, producer: int, rounds: int, target: np.ndarray
) -> tuple[int, int, int, int]:
    """(records accepted, wrong ones among them, times lapped, torn copies that were refused)."""
    good = wrong = times_lapped = refused_torn = 0
    position = load_acquire(cursors, producer)
    for turn in range(rounds):
        limit = 1 + turn % target.shape[0]
        count = available(cursors, producer, position, limit)
        copied = count > 0 and copy_batch(slots, cursors, producer, position, count, target)
        if copied:
            wrong += torn(target, position, count)
            good += count
            position += count
        else:
            if count > 0:
                times_lapped += 1
                refused_torn += torn(target, position, count) > 0
            # Let the other one run, should both share a processor; then begin again as far behind
            # as is allowed: the most dangerous place.
            sched_yield()
            position = max(0, load_acquire(cursors, producer) - safe_capacity(slots.shape[0]))
    return good, wrong, times_lapped, refused_torn


def test_what_is_accepted_is_whole_and_lapping_is_noticed(
    make_region, region_name, worker, start_worker, wait_until
):
    seed = 4_242
    print(f"seed {seed}")
    region = make_region(worker.SECTIONS)
    cursors, slots = region.arrays["cursors"], region.arrays["slots"]
    target = np.zeros(worker.SLOTS // 2, worker.RECORD)
    read_and_verify(slots, cursors, worker.REQUEST, 0, target)  # compiles
    process = start_worker("produce", region_name, seed)
    good = times_lapped = refused_torn = 0

    def enough() -> bool:
        nonlocal good, times_lapped, refused_torn
        found = read_and_verify(slots, cursors, worker.REQUEST, ROUNDS, target)
        assert found[1] == 0, f"{found[1]} torn or foreign records were accepted"
        good += found[0]
        times_lapped += found[2]
        refused_torn += found[3]
        return good > 200_000 and times_lapped > 300

    wait_until(lambda: cursors[worker.REQUEST] > 10_000, process)
    wait_until(enough, process)
    cursors[worker.STOP] = 1
    process.wait(300)
    assert process.returncode == 0
    print(
        f"{good} records accepted, lapped {times_lapped} times, {refused_torn} refused copies torn"
    )
