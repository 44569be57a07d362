"""The journaler's duty cycle, jitted: make commands durable, archive their events, release them.

Who uses it: ``journaler.py``, the agent around it. One duty cycle::

    command ring [durable, published) --one pwritev, one fdatasync--> journal
        publish durable
    event ring   [released, first event of a command >= durable) --pwritev--> archive
        publish released, wake those who wait for it

Group commit makes itself: what is published while one fdatasync runs is the next frame.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from journal.archive_records import NEXT_SEQUENCE as ARCHIVE_NEXT_SEQUENCE
from journal.archive_records import append
from journal.commit import CLOCK, SYNC_NS, WRITE_NS, commit
from journal.commit import NEXT_SEQUENCE as JOURNAL_NEXT_SEQUENCE
from journal.layout import FRAME_HEADER_BYTES, SLOT_BYTES, SLOT_WORDS
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import add, record, set_value, wait_began, wait_ended
from ringbuffer.idle import announce_sleep, block, cancel_sleep, wake
from ringbuffer.jit import jit
from ringbuffer.ring import available, producer_may_wait, publish
from ringbuffer.system_calls import CLOCK_MONOTONIC, clock_ns

# Results of ``duty_cycle`` below 0: those of ``commit``, and those of ``append`` this much lower.
ARCHIVE_CODES = -100
_NO_METRIC = -1
# Events archived before the released cursor moves: consumers start on the first of many.
RELEASE_CHUNK = 16_384


class JournalerMetrics(NamedTuple):
    """Counter numbers (see ringbuffer/counters.py); -1: not counted."""

    heartbeat_ns: int = _NO_METRIC
    commits: int = _NO_METRIC
    committed_slots: int = _NO_METRIC
    committed_bytes: int = _NO_METRIC
    last_commit_slots: int = _NO_METRIC
    archived_events: int = _NO_METRIC
    archived_bytes: int = _NO_METRIC
    segments: int = _NO_METRIC
    idle_ns: int = _NO_METRIC


# Words of DutyState.words: word indices in the cursor array, sizes, then counter numbers.
COMMAND_PUBLISHED = 0
COMMAND_DURABLE = 1
EVENT_PUBLISHED = 2
EVENT_RELEASED = 3
STOP = 4  # a cursor word that is not 0 when the agent shall not sleep any more
SLEEPING = 5  # the agent's own sleeping flag
EVENTFD = 6  # the descriptor that wakes the agent
COMMAND_SEQUENCE_WORD = 7  # word of the command sequence in an event
EVENT_WORDS = 8  # words of an event
METRICS = 9  # the fields of JournalerMetrics, in their order
DUTY_WORDS = METRICS + len(JournalerMetrics._fields)
_HEARTBEAT, _COMMITS, _SLOTS, _BYTES, _LAST, _EVENTS, _EVENT_BYTES, _, _IDLE = range(
    METRICS, DUTY_WORDS
)


class DutyState(NamedTuple):
    """The parameters of a duty cycle, as int64 arrays."""

    words: np.ndarray  # [DUTY_WORDS], see above
    cursors: np.ndarray
    command_words: np.ndarray  # the command ring
    event_words: np.ndarray  # the event ring
    wakeups: np.ndarray  # [n, 2] sleeping flag, eventfd: woken at every release
    room_wakeups: np.ndarray  # [n, 2] woken when a ring was half full or more before
    counters: np.ndarray
    commit_ns: np.ndarray  # histogram: checksum, write and fdatasync of one frame
    commit_slots: np.ndarray  # histogram


@jit
def _count(duty: DutyState, metric: int, amount: int) -> None:
    """Add ``amount`` to the counter of ``metric`` (an index in ``duty.words``), if it has one."""
    number = duty.words[metric]
    if number >= 0:
        add(duty.counters, number, amount)


@jit
def _gauge(duty: DutyState, metric: int, value: int) -> None:
    """Set the counter of ``metric`` (an index in ``duty.words``), if it has one."""
    number = duty.words[metric]
    if number >= 0:
        set_value(duty.counters, number, value)


@jit
def _wake_all(cursors: np.ndarray, wakeups: np.ndarray) -> None:
    """Wake the sleepers of ``wakeups``, int64[n, 2]: index of a flag in ``cursors``, eventfd."""
    for i in range(wakeups.shape[0]):
        wake(cursors, wakeups[i, 0], wakeups[i, 1])


@jit
def first_not_durable(
    event_words: np.ndarray,
    first: int,
    end: int,
    durable: int,
    words_per_event: int,
    command_word: int,
) -> int:
    """The first sequence in [first, end) whose event's command sequence is >= ``durable``; or end.

    ``event_words``: int64, the event ring: a power of two of events of ``words_per_event`` words;
    word ``command_word`` of each is its command sequence. Binary search: command sequences never
    decrease along the event stream.
    """
    mask = event_words.shape[0] // words_per_event - 1
    while first < end:
        middle = (first + end) >> 1
        if event_words[(middle & mask) * words_per_event + command_word] < durable:
            first = middle + 1
        else:
            end = middle
    return first


@jit
def _commit_published(writer: np.ndarray, duty: DutyState) -> int:
    """Make what is published durable, as one frame. Slots, or a negative code of ``commit``.

    ``writer``: int64[STATE_SIZE] of commit.py.
    """
    cursors = duty.cursors
    first = writer[JOURNAL_NEXT_SEQUENCE]
    capacity = duty.command_words.shape[0] // SLOT_WORDS
    count = available(cursors, duty.words[COMMAND_PUBLISHED], first, capacity)
    if count <= 0:
        return 0
    count = commit(writer, duty.command_words, count)
    if count <= 0:
        return count
    # release: publishes durability, and that we are done reading the slots (the ring is gated)
    publish(cursors, duty.words[COMMAND_DURABLE], first + count)
    if producer_may_wait(cursors, duty.words[COMMAND_PUBLISHED], first, capacity):
        _wake_all(cursors, duty.room_wakeups)
    _count(duty, _COMMITS, 1)
    _count(duty, _SLOTS, count)
    _count(duty, _BYTES, FRAME_HEADER_BYTES + count * SLOT_BYTES)
    _gauge(duty, _LAST, count)
    record(duty.commit_ns, writer[SYNC_NS] + writer[WRITE_NS])
    record(duty.commit_slots, count)
    return count


@jit
def _release_durable(writer: np.ndarray, archive: np.ndarray, duty: DutyState) -> int:
    """Archive and release every event of a durable command. Events, or ARCHIVE_CODES + code.

    ``writer``: int64[STATE_SIZE] of commit.py; ``archive``: that of archive_records.py.
    """
    cursors = duty.cursors
    words = duty.words
    first = archive[ARCHIVE_NEXT_SEQUENCE]
    words_per_event = words[EVENT_WORDS]
    capacity = duty.event_words.shape[0] // words_per_event
    count = available(cursors, words[EVENT_PUBLISHED], first, capacity)
    if count <= 0:
        return 0
    end = first_not_durable(
        duty.event_words,
        first,
        first + count,
        writer[JOURNAL_NEXT_SEQUENCE],
        words_per_event,
        words[COMMAND_SEQUENCE_WORD],
    )
    sequence = first
    while sequence < end:
        count = append(archive, duty.event_words, min(end - sequence, RELEASE_CHUNK))
        if count < 0:
            # What was archived before the roll is released already; the caller calls again.
            return ARCHIVE_CODES + count
        sequence += count
        # release: the archive has the events, and we are done reading them from the ring
        publish(cursors, words[EVENT_RELEASED], sequence)
        _wake_all(cursors, duty.wakeups)
        _count(duty, _EVENTS, count)
        _count(duty, _EVENT_BYTES, count * words_per_event * 8)
    if producer_may_wait(cursors, words[EVENT_PUBLISHED], first, capacity):
        _wake_all(cursors, duty.room_wakeups)
    released: int = end - first
    return released


@jit
def duty_cycle(writer: np.ndarray, archive: np.ndarray, duty: DutyState) -> int:
    """One commit, then every release that it allows. Slots and events, or a negative code.

    ``writer``: int64[STATE_SIZE] of commit.py; ``archive``: that of archive_records.py.
    """
    committed = _commit_published(writer, duty)
    if committed < 0:
        return committed
    released = _release_durable(writer, archive, duty)
    if released < 0:
        return released
    if duty.words[_HEARTBEAT] >= 0:
        _gauge(duty, _HEARTBEAT, clock_ns(CLOCK_MONOTONIC, writer[CLOCK : CLOCK + 2]))
    return committed + released


@jit
def _wait(writer: np.ndarray, duty: DutyState, timeout_ms: int, scratch: np.ndarray) -> bool:
    """``block`` on the agent's eventfd, counted as idle time. False: nobody ended it.

    ``writer``: int64[STATE_SIZE] of commit.py, for its clock; ``scratch``:
    int64[WAIT_SCRATCH_WORDS].
    """
    number = duty.words[_IDLE]
    clock = writer[CLOCK : CLOCK + 2]
    if number >= 0:
        wait_began(duty.counters, number, clock_ns(CLOCK_MONOTONIC, clock))
    woken: bool = block(duty.words[EVENTFD], timeout_ms, scratch)
    if number >= 0:
        wait_ended(duty.counters, number, clock_ns(CLOCK_MONOTONIC, clock))
    return woken


@jit
def serve(
    writer: np.ndarray,
    archive: np.ndarray,
    duty: DutyState,
    timeout_ms: int,
    cycles: int,
    scratch: np.ndarray,
) -> int:
    """Duty cycles and sleeps without the interpreter; work done, or a negative code.

    Returns after ``cycles`` cycles, a failure, the stop word, or a sleep of ``timeout_ms`` that
    nobody ended. The sleep is the protocol of ringbuffer/idle.py. ``writer``: int64[STATE_SIZE] of
    commit.py; ``archive``: that of archive_records.py; ``scratch``:
    int64[WAIT_SCRATCH_WORDS].
    """
    cursors, words = duty.cursors, duty.words
    total = 0
    for _ in range(cycles):
        done = duty_cycle(writer, archive, duty)
        if done < 0:
            return done
        total += done
        if done > 0:
            continue
        announce_sleep(cursors, words[SLEEPING])
        done = duty_cycle(writer, archive, duty)
        woken = True
        # acquire: orders nothing, but makes this a look at memory every time
        if done == 0 and load_acquire(cursors, words[STOP]) == 0:
            woken = _wait(writer, duty, timeout_ms, scratch)
        cancel_sleep(cursors, words[SLEEPING])
        if done < 0:
            return done
        total += done
        if not woken or load_acquire(cursors, words[STOP]) != 0:
            break
    return total
