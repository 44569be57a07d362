"""The journaler: makes commands durable, archives their events, releases them.

It is the only writer of the journal and archive directories and of two cursors: *durable* (gates
the command ring) and *released* (gates the event ring; nothing beyond it may leave the process
group). One duty cycle::

    command ring [durable, published) --one pwritev, one fdatasync--> journal
        publish durable
    event ring   [released, first event of a command >= durable) --pwritev--> archive
        publish released, wake those who wait for it

Group commit makes itself: what is published while one fdatasync runs is the next frame.

Archiving after the commit and in the same thread is deliberate: with one order in flight there is
nothing to overlap, and the commit is what everybody waits for.

The first failed write or fdatasync raises ``FatalJournalError`` before any cursor moves. The
process must exit; the writer's state refuses every later commit.

Decision JRN-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from journal import archive as archives
from journal import writer as writers
from journal.archive import ArchiveWriter
from journal.layout import FRAME_HEADER_BYTES, SLOT_BYTES, SLOT_WORDS
from journal.writer import CLOCK, SYNC_NS, WRITE_NS, JournalWriter, commit
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import add, record, set_value
from ringbuffer.idle import WAIT_SCRATCH_WORDS, announce_sleep, block, cancel_sleep, wake
from ringbuffer.jit import jit
from ringbuffer.ring import available, producer_may_wait, publish
from ringbuffer.system_calls import CLOCK_MONOTONIC, clock_ns

# Codes of ``duty`` below 0: those of the writer, and those of the archive this much lower.
ARCHIVE_CODES = -100
_NO_METRIC = -1
# Events archived before the released cursor moves: consumers start on the first of many.
RELEASE_CHUNK = 16_384
# Duty cycles without a return to the interpreter: some milliseconds when each commits.
CYCLES = 16


class JournalerCursors(NamedTuple):
    """Word indices in the cursor array."""

    command_published: int
    command_durable: int
    event_published: int
    event_released: int
    stop: int = -1  # a word that is not 0 when the agent shall not sleep any more; -1: none
    sleeping: int = -1  # the agent's own sleeping flag; -1: it does not sleep by itself


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


# Words of DutyState.words: cursor indices, then counter numbers.
_PUBLISHED, _DURABLE, _EVENT_PUBLISHED, _RELEASED = 0, 1, 2, 3
_EVENT_COMMAND_WORD = 4  # word of the command sequence in an event
_EVENT_WORDS = 5  # words of an event
_METRICS = 6
_WORDS = _METRICS + len(JournalerMetrics._fields)
_HEARTBEAT, _COMMITS, _SLOTS, _BYTES, _LAST, _EVENTS, _EVENT_BYTES = range(_METRICS, _WORDS - 1)


class DutyState(NamedTuple):
    """What a duty cycle needs, as arrays: int64 unless said otherwise."""

    words: np.ndarray  # [_WORDS]
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
    number = duty.words[metric]
    if number >= 0:
        add(duty.counters, number, amount)


@jit
def _gauge(duty: DutyState, metric: int, value: int) -> None:
    number = duty.words[metric]
    if number >= 0:
        set_value(duty.counters, number, value)


@jit
def _wake_all(cursors: np.ndarray, wakeups: np.ndarray) -> None:
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

    Binary search: command sequences never decrease along the event stream.
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
    """Make what is published durable, as one frame. Slots, or a negative code of ``commit``."""
    cursors = duty.cursors
    first = writer[writers.NEXT_SEQUENCE]
    capacity = duty.command_words.shape[0] // SLOT_WORDS
    count = available(cursors, duty.words[_PUBLISHED], first, capacity)
    if count <= 0:
        return 0
    count = commit(writer, duty.command_words, count)
    if count <= 0:
        return count
    # release: publishes durability, and that we are done reading the slots (the ring is gated)
    publish(cursors, duty.words[_DURABLE], first + count)
    if producer_may_wait(cursors, duty.words[_PUBLISHED], first, capacity):
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
    """Archive and release every event of a durable command. Events, or ARCHIVE_CODES + code."""
    cursors = duty.cursors
    words = duty.words
    first = archive[archives.NEXT_SEQUENCE]
    words_per_event = words[_EVENT_WORDS]
    capacity = duty.event_words.shape[0] // words_per_event
    count = available(cursors, words[_EVENT_PUBLISHED], first, capacity)
    if count <= 0:
        return 0
    end = first_not_durable(
        duty.event_words,
        first,
        first + count,
        writer[writers.NEXT_SEQUENCE],
        words_per_event,
        words[_EVENT_COMMAND_WORD],
    )
    sequence = first
    while sequence < end:
        count = archives.append(archive, duty.event_words, min(end - sequence, RELEASE_CHUNK))
        if count < 0:
            # What was archived before the roll is released already; the caller calls again.
            return ARCHIVE_CODES + count
        sequence += count
        # release: the archive has the events, and we are done reading them from the ring
        publish(cursors, words[_RELEASED], sequence)
        _wake_all(cursors, duty.wakeups)
        _count(duty, _EVENTS, count)
        _count(duty, _EVENT_BYTES, count * words_per_event * 8)
    if producer_may_wait(cursors, words[_EVENT_PUBLISHED], first, capacity):
        _wake_all(cursors, duty.room_wakeups)
    return end - first


@jit
def duty_cycle(writer: np.ndarray, archive: np.ndarray, duty: DutyState) -> int:
    """One commit, then every release that it allows. Work done, or a negative code."""
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
def serve(
    writer: np.ndarray,
    archive: np.ndarray,
    duty: DutyState,
    stop: int,
    flag_index: int,
    eventfd: int,
    timeout_ms: int,
    cycles: int,
    scratch: np.ndarray,
) -> int:
    """Duty cycles and sleeps without the interpreter; work done, or a negative code.

    Returns after ``cycles`` cycles, a failure, the stop word, or a sleep that nobody ended. The
    sleep is the protocol of ringbuffer/idle.py.
    """
    total = 0
    for _ in range(cycles):
        done = duty_cycle(writer, archive, duty)
        if done < 0:
            return done
        total += done
        if done > 0:
            continue
        announce_sleep(duty.cursors, flag_index)
        done = duty_cycle(writer, archive, duty)
        woken = True
        # acquire: orders nothing, but makes this a look at memory every time
        if done == 0 and load_acquire(duty.cursors, stop) == 0:
            woken = block(eventfd, timeout_ms, scratch)
        cancel_sleep(duty.cursors, flag_index)
        if done < 0:
            return done
        total += done
        if not woken or load_acquire(duty.cursors, stop) != 0:
            break
    return total


class JournalerAgent:
    """The journaler as an agent (see ringbuffer/agent.py).

    ``command_ring``: array of 64-byte records; ``event_ring``: array of event records; both a power
    of two long. ``command_sequence_offset``: byte offset of the int64 command sequence in an event.
    ``wakeups``: (sleeping flag index, eventfd) of everyone who waits for released events;
    ``room_wakeups``: of the producer, which may sleep because a ring is full.
    ``eventfd``: its own, for ``serve``.
    ``counters``: int64 section, ``metrics`` the numbers in it; ``commit_ns`` and ``commit_slots``:
    histograms (int64[HISTOGRAM_WORDS]).

    Before the start the durable and released cursors must stand at the sequences at which the two
    writers go on. The agent owns the writers and closes them.
    """

    def __init__(
        self,
        writer: JournalWriter,
        archive: ArchiveWriter,
        command_ring: np.ndarray,
        event_ring: np.ndarray,
        cursors: np.ndarray,
        indices: JournalerCursors,
        *,
        command_sequence_offset: int,
        wakeups: Sequence[tuple[int, int]],
        room_wakeups: Sequence[tuple[int, int]],
        counters: np.ndarray,
        metrics: JournalerMetrics,
        commit_ns: np.ndarray,
        commit_slots: np.ndarray,
        eventfd: int = -1,
        name: str = "journaler",
    ) -> None:
        assert command_ring.dtype.itemsize == SLOT_BYTES
        assert command_sequence_offset % 8 == 0
        assert len(command_ring) & (len(command_ring) - 1) == 0
        assert len(event_ring) & (len(event_ring) - 1) == 0
        self.name = name
        self.writer = writer
        self.archive = archive
        self._metrics = metrics
        self._indices = indices
        self._eventfd = eventfd
        self._scratch = np.zeros(WAIT_SCRATCH_WORDS, np.int64)
        words = np.zeros(_WORDS, np.int64)
        words[_PUBLISHED] = indices.command_published
        words[_DURABLE] = indices.command_durable
        words[_EVENT_PUBLISHED] = indices.event_published
        words[_RELEASED] = indices.event_released
        words[_EVENT_COMMAND_WORD] = command_sequence_offset // 8
        words[_EVENT_WORDS] = event_ring.dtype.itemsize // 8
        words[_METRICS:] = metrics
        self.duty = DutyState(
            words=words,
            cursors=cursors,
            command_words=command_ring.view(np.int64),
            event_words=event_ring.view(np.int64),
            wakeups=np.array(list(wakeups), np.int64).reshape(-1, 2),
            room_wakeups=np.array(list(room_wakeups), np.int64).reshape(-1, 2),
            counters=counters,
            commit_ns=commit_ns,
            commit_slots=commit_slots,
        )

    def on_start(self) -> None:
        """Check that the cursors stand where the files end."""
        duty = self.duty
        assert duty.cursors[duty.words[_DURABLE]] == self.writer.next_sequence
        assert duty.cursors[duty.words[_RELEASED]] == self.archive.next_sequence
        self._count_segments()

    def do_work(self, limit: int) -> int:
        """One duty cycle; slots made durable plus events released.

        Bounded by the largest frame and the event ring. ``limit`` does not divide a commit: each
        part would cost an fdatasync of its own. Raises ``FatalJournalError``.
        """
        return self._handled(int(duty_cycle(self.writer.state, self.archive.state, self.duty)))

    def serve(self, limit: int, timeout_ms: int) -> int:
        """Many duty cycles and sleeps without the interpreter (see ringbuffer/agent.py)."""
        assert self._eventfd >= 0 and self._indices.sleeping >= 0 and self._indices.stop >= 0
        return self._handled(
            int(
                serve(
                    self.writer.state,
                    self.archive.state,
                    self.duty,
                    self._indices.stop,
                    self._indices.sleeping,
                    self._eventfd,
                    timeout_ms,
                    CYCLES,
                    self._scratch,
                )
            )
        )

    def _handled(self, code: int) -> int:
        """Work as it is; a full segment gets its successor; a failure is raised."""
        if code >= 0:
            return code
        if code == writers.SEGMENT_FULL:
            self.writer.roll()
            self._count_segments()
        elif code == ARCHIVE_CODES + archives.SEGMENT_FULL:
            self.archive.roll()
        elif code <= ARCHIVE_CODES:
            raise self.archive.failure()
        else:
            raise self.writer.failure()
        return 1

    def on_close(self) -> None:
        """Close both writers. What was not committed was never acknowledged."""
        self.writer.close()
        self.archive.close()

    def _count_segments(self) -> None:
        if self._metrics.segments >= 0:
            count = sum(1 for _ in self.writer.directory.glob("*.wal"))
            set_value(self.duty.counters, self._metrics.segments, count)
