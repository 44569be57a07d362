"""The other process of the two-process tests: run as a script, told by its arguments what to be."""

from __future__ import annotations

import os
import sys

import numpy as np

from ringbuffer.atomics import load_acquire, pause
from ringbuffer.idle import WAIT_SCRATCH_WORDS, announce_sleep, block, cancel_sleep, wake
from ringbuffer.jit import jit
from ringbuffer.region import Region, Section
from ringbuffer.ring import CURSOR_STRIDE, maximum_batch, publish

REQUEST = 0 * CURSOR_STRIDE
REPLY = 1 * CURSOR_STRIDE
FLAG_A = 2 * CURSOR_STRIDE
FLAG_B = 3 * CURSOR_STRIDE
STOP = 4 * CURSOR_STRIDE
TIMEOUTS_B = 5 * CURSOR_STRIDE
READY = 6 * CURSOR_STRIDE
CURSOR_WORDS = 8 * CURSOR_STRIDE
SLOTS = 64
RECORD_WORDS = 16
RECORD = np.dtype([("words", np.int64, (RECORD_WORDS,))])
SAFETY_TIMEOUT_MS = 5000
DELAYS = 16  # pauses, of some 40 ns each: the range of the random delays before a publish
LOOKS = 128  # the range of the random looks before a sleep

SECTIONS = [Section("cursors", np.int64, CURSOR_WORDS), Section("slots", RECORD, SLOTS)]


@jit
def next_random(state: int) -> int:
    """xorshift, 63 bits."""
    state ^= (state << 13) & 0x7FFFFFFFFFFFFFFF
    state ^= state >> 7
    state ^= (state << 17) & 0x7FFFFFFFFFFFFFFF
    return state


@jit
def hand_over(
    cursors: np.ndarray,
    mine: int,
    theirs: int,
    my_flag: int,
    their_flag: int,
    my_eventfd: int,
    their_eventfd: int,
    first: int,
    count: int,
    answering: bool,
    seed: int,
    scratch: np.ndarray,
) -> tuple[int, int]:
    """Publish and await ``count`` numbers from ``first`` on. Returns (lost wake-ups, sleeps).

    Each wait begins with a random number of looks without sleeping, and each publish comes after a
    random delay, so that announcing, looking again and blocking meet the other side's publish at
    every possible distance. A wake-up is lost when the safety timeout ends a sleep although the
    awaited number is there. (With the two fences of ``ringbuffer.idle`` removed, this finds lost
    wake-ups on x86-64.) The sleep is the one of the matcher's and the journaler's ``serve``.
    """
    lost = 0
    sleeps = 0
    random = seed
    for number in range(first, first + count):
        random = next_random(random)
        for _ in range((random >> 16) % DELAYS):
            pause()
        if not answering:
            publish(cursors, mine, number)
            wake(cursors, their_flag, their_eventfd)
        for _ in range(random % LOOKS):
            if load_acquire(cursors, theirs) >= number:
                break
            pause()
        while load_acquire(cursors, theirs) < number:
            sleeps += 1
            announce_sleep(cursors, my_flag)
            woken = True
            if load_acquire(cursors, theirs) < number:
                woken = block(my_eventfd, SAFETY_TIMEOUT_MS, scratch)
            cancel_sleep(cursors, my_flag)
            if not woken and load_acquire(cursors, theirs) >= number:
                lost += 1
            if load_acquire(cursors, STOP) != 0:
                return lost, sleeps
        if answering:
            for _ in range((random >> 32) % DELAYS):
                pause()
            publish(cursors, mine, number)
            wake(cursors, their_flag, their_eventfd)
    return lost, sleeps


@jit
def produce_ungated(slots: np.ndarray, cursors: np.ndarray, seed: int, rounds: int) -> int:
    """Write records in random batches without any gate; every word of record s is s.

    A batch is at most the ``maximum_batch`` that a non-gating reader relies on, and often that.
    """
    capacity = slots.shape[0]
    next_sequence = load_acquire(cursors, REQUEST)
    random = seed
    for _ in range(rounds):
        random = next_random(random)
        count = min(1 + random % capacity, maximum_batch(capacity))
        for sequence in range(next_sequence, next_sequence + count):
            for k in range(RECORD_WORDS):
                slots[sequence & (capacity - 1)]["words"][k] = sequence
        next_sequence += count
        publish(cursors, REQUEST, next_sequence)
        for _ in range(random >> 32 & 255):
            pause()
    return random


def main() -> int:
    role, name, *rest = sys.argv[1:]
    if role == "crash":
        Region.create(name, SECTIONS)
        os.kill(os.getpid(), 9)
    region = Region.attach(name, SECTIONS)
    cursors = region.arrays["cursors"]
    parent = os.getppid()
    if role == "answer":
        my_eventfd, their_eventfd, seed = map(int, rest)
        scratch = np.zeros(WAIT_SCRATCH_WORDS, np.int64)
        sides = (REPLY, REQUEST, FLAG_B, FLAG_A, my_eventfd, their_eventfd)
        hand_over(cursors, *sides, 1, 0, True, seed, scratch)
        publish(cursors, READY, 1)
        number = 1
        while cursors[STOP] == 0 and os.getppid() == parent:
            lost, _ = hand_over(cursors, *sides, number, 1000, True, seed, scratch)
            cursors[TIMEOUTS_B] += lost
            number += 1000
    elif role == "produce":
        random = int(rest[0])
        while cursors[STOP] == 0 and os.getppid() == parent:
            random = int(produce_ungated(region.arrays["slots"], cursors, random, 1000))
    elif role == "attach":
        print(len(region.arrays))
    region.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
