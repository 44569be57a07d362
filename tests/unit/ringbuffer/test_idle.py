"""Sleeping and waking: one process first, then two at full speed for millions of hand-overs."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from ringbuffer.idle import (
    ASLEEP,
    AWAKE,
    WAIT_SCRATCH_WORDS,
    Block,
    BusySpin,
    Yield,
    announce_sleep,
    block,
    cancel_sleep,
    wake,
)
from ringbuffer.ring import CURSOR_STRIDE, publish

CURSOR, FLAG = 0, CURSOR_STRIDE
needs_jit = pytest.mark.needs_jit  # system calls exist only under the JIT

HAND_OVERS = 2_000_000
BOUND_S = 15.0
PINNED_S = 5.0


@pytest.fixture
def cursors():
    return np.zeros(2 * CURSOR_STRIDE, np.int64)


@pytest.fixture
def eventfd():
    descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    yield descriptor
    os.close(descriptor)


def pending(eventfd: int) -> int:
    try:
        return os.eventfd_read(eventfd)
    except BlockingIOError:
        return 0


def test_wake_writes_only_to_a_sleeper(cursors, eventfd):
    wake(cursors, FLAG, eventfd)
    assert pending(eventfd) == 0
    announce_sleep(cursors, FLAG)
    assert cursors[FLAG] == ASLEEP
    wake(cursors, FLAG, eventfd)
    wake(cursors, FLAG, eventfd)
    assert cursors[FLAG] == AWAKE
    assert pending(eventfd) == 1
    announce_sleep(cursors, FLAG)
    cancel_sleep(cursors, FLAG)
    wake(cursors, FLAG, eventfd)
    assert pending(eventfd) == 0


def test_nobody_to_wake(cursors):
    announce_sleep(cursors, FLAG)
    wake(cursors, FLAG, -1)
    assert cursors[FLAG] == ASLEEP


@needs_jit
def test_compiled_block_ends_by_a_wake_up_or_a_timeout(eventfd):
    scratch = np.zeros(WAIT_SCRATCH_WORDS, np.int64)
    assert not block(eventfd, 1, scratch)  # nobody came
    os.eventfd_write(eventfd, 3)
    assert block(eventfd, 60_000, scratch)
    assert pending(eventfd) == 0  # and it has drained the eventfd


def test_block_announces_and_drains(cursors, eventfd):
    idle = Block(cursors, FLAG, eventfd, timeout_ms=60_000)
    for wakeups in (1, 2):
        idle.prepare()
        assert cursors[FLAG] == ASLEEP
        wake(cursors, FLAG, eventfd)
        idle.wait()
        idle.resume()
        assert cursors[FLAG] == AWAKE
        assert pending(eventfd) == 0
        assert (idle.wakeups, idle.timeouts) == (wakeups, 0)


def test_a_forgotten_wake_is_counted_as_a_timeout(cursors, eventfd):
    """The safety net works, and the count by which the tests judge notices that it was needed."""
    idle = Block(cursors, FLAG, eventfd, timeout_ms=1)
    idle.prepare()
    publish(cursors, CURSOR, 1)  # and no wake
    idle.wait()
    idle.resume()
    assert (idle.wakeups, idle.timeouts) == (0, 1)


def test_interrupt_ends_a_block_from_a_signal_handler(cursors, eventfd):
    idle = Block(cursors, FLAG, eventfd, timeout_ms=60_000)
    previous = signal.signal(signal.SIGALRM, lambda number, frame: idle.interrupt())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        idle.wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert (idle.wakeups, idle.timeouts) == (1, 0)


@pytest.mark.parametrize("strategy", [BusySpin(), Yield()])
def test_strategies_that_do_not_block(strategy):
    assert not strategy.blocks
    for step in (strategy.prepare, strategy.wait, strategy.resume, strategy.interrupt):
        assert step() is None


@needs_jit
def test_no_wake_up_is_lost_between_two_processes(
    make_region, region_name, worker, start_worker, wait_until
):
    """Two processes hand numbers to and fro; each sleeps as soon as it has nothing to do.

    Every hand-over needs the other one's wake-up if the receiver sleeps. A lost one would show as
    a safety timeout although the number is there. Ends after HAND_OVERS or BOUND_S.
    """
    seed = 20_261_120
    print(f"seed {seed}")
    region = make_region(worker.SECTIONS)
    cursors = region.arrays["cursors"]
    ours, theirs = os.eventfd(0), os.eventfd(0)
    all_cpus = os.sched_getaffinity(0)
    try:
        process = start_worker(
            "answer", region_name, theirs, ours, seed + 1, pass_fds=(ours, theirs)
        )
        wait_until(lambda: cursors[worker.READY] == 1, process)
        # First truly at the same time, if there are two processors; then wherever the kernel likes.
        os.sched_setaffinity(0, {min(all_cpus)})
        os.sched_setaffinity(process.pid, {max(all_cpus)})
        scratch = np.zeros(WAIT_SCRATCH_WORDS, np.int64)
        done = lost = sleeps = 0
        start = time.monotonic()
        pinned = True
        while 2 * done < HAND_OVERS and time.monotonic() - start < BOUND_S:
            if pinned and time.monotonic() - start > PINNED_S:
                pinned = False
                os.sched_setaffinity(0, all_cpus)
                os.sched_setaffinity(process.pid, all_cpus)
            more_lost, more_sleeps = worker.hand_over(
                cursors,
                worker.REQUEST,
                worker.REPLY,
                worker.FLAG_A,
                worker.FLAG_B,
                ours,
                theirs,
                done + 1,
                1000,
                False,
                seed + done,
                scratch,
            )
            done += 1000
            lost += more_lost
            sleeps += more_sleeps
        cursors[worker.STOP] = 1
        publish(cursors, worker.REQUEST, done + 1)
        os.eventfd_write(theirs, 1)
        process.wait(60)
        print(f"{2 * done} hand-overs, {sleeps} sleeps on this side")
        assert process.returncode == 0
        assert cursors[worker.REPLY] >= done
        assert lost == 0
        assert cursors[worker.TIMEOUTS_B] == 0
        assert sleeps > 0, "nobody ever slept: the test shows nothing"
    finally:
        os.sched_setaffinity(0, all_cpus)
        os.close(ours)
        os.close(theirs)
