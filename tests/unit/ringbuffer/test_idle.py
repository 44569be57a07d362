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
    cancel_sleep,
    wait_for_cursor,
    wake,
)
from ringbuffer.ring import CURSOR_STRIDE, publish

CURSOR, FLAG, OTHER_FLAG = 0, CURSOR_STRIDE, 2 * CURSOR_STRIDE
needs_jit = pytest.mark.needs_jit  # system calls exist only under the JIT

HAND_OVERS = 2_000_000
BOUND_S = 15.0
PINNED_S = 5.0


@pytest.fixture
def cursors():
    return np.zeros(3 * CURSOR_STRIDE, np.int64)


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
def test_wait_for_cursor(cursors, eventfd):
    scratch = np.zeros(WAIT_SCRATCH_WORDS, np.int64)
    assert wait_for_cursor(cursors, CURSOR, 0, FLAG, eventfd, 1, scratch)  # nothing came
    assert not wait_for_cursor(cursors, CURSOR, 5, FLAG, eventfd, 60_000, scratch)  # is there
    os.eventfd_write(eventfd, 3)
    assert not wait_for_cursor(cursors, CURSOR, 0, FLAG, eventfd, 60_000, scratch)  # woken
    assert pending(eventfd) == 0
    assert cursors[FLAG] == AWAKE


def test_block_announces_every_flag_and_drains(cursors, eventfd):
    other = os.eventfd(0, os.EFD_CLOEXEC)
    try:
        block = Block(cursors, [FLAG, OTHER_FLAG], [eventfd, other], timeout_ms=60_000)
        for flag, descriptor in ((FLAG, eventfd), (OTHER_FLAG, other)):
            block.prepare()
            assert cursors[FLAG] == cursors[OTHER_FLAG] == ASLEEP
            wake(cursors, flag, descriptor)
            block.wait()
            block.resume()
            assert cursors[FLAG] == cursors[OTHER_FLAG] == AWAKE
            assert pending(descriptor) == 0
        assert (block.wakeups, block.timeouts) == (2, 0)
    finally:
        os.close(other)


def test_a_forgotten_wake_is_counted_as_a_timeout(cursors, eventfd):
    """The safety net works, and the count by which the tests judge notices that it was needed."""
    block = Block(cursors, [FLAG], [eventfd], timeout_ms=1)
    block.prepare()
    publish(cursors, CURSOR, 1)  # and no wake
    block.wait()
    block.resume()
    assert (block.wakeups, block.timeouts) == (0, 1)


def test_interrupt_ends_a_block_from_a_signal_handler(cursors, eventfd):
    block = Block(cursors, [FLAG], [eventfd], timeout_ms=60_000)
    previous = signal.signal(signal.SIGALRM, lambda number, frame: block.interrupt())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        start = time.monotonic()
        block.wait()
        assert time.monotonic() - start < 30
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert block.wakeups == 1


def test_one_eventfd_for_each_flag(cursors):
    with pytest.raises(ValueError, match="one eventfd"):
        Block(cursors, [FLAG, OTHER_FLAG], [1])


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
