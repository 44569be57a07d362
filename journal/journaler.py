"""The journaler: makes commands durable, archives their events, releases them.

It is the only writer of the journal and archive directories and of two cursors: *durable* (gates
the command ring) and *released* (gates the event ring; nothing beyond it may leave the process
group). Its work is in ``duty_cycle.py``; here is the agent around it.

Archiving after the commit and in the same thread is deliberate: with one order in flight there is
nothing to overlap, and the commit is what everybody waits for.

The first failed write or fdatasync raises ``FatalJournalError`` before any cursor moves. The
process must exit; the writer's state refuses every later commit.

Decision JRN-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from journal import archive_records, commit, duty_cycle
from journal.archive_writer import ArchiveWriter
from journal.duty_cycle import ARCHIVE_CODES, DUTY_WORDS, DutyState, JournalerMetrics
from journal.layout import SLOT_BYTES
from journal.writer import JournalWriter
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import set_value
from ringbuffer.idle import WAIT_SCRATCH_WORDS
from ringbuffer.jit import compile_for
from ringbuffer.ring import publish

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


class JournalerAgent:
    """The journaler as an agent (see ringbuffer/agent.py).

    ``command_ring``: array of 64-byte records; ``event_ring``: array of event records; both a power
    of two long. ``command_sequence_offset``: byte offset of the int64 command sequence in an event.
    ``wakeups``: (sleeping flag index, eventfd) of everyone who waits for released events;
    ``room_wakeups``: of the producer, which may sleep because a ring is full.
    ``eventfd``: its own, for ``serve``.
    ``counters``: int64 section, ``metrics`` the numbers in it; ``commit_ns`` and ``commit_slots``:
    histograms (int64[HISTOGRAM_WORDS]).

    ``on_start`` publishes the durable and released cursors where the two writers go on. The agent
    owns the writers and closes them.
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
        self._serves = eventfd >= 0 and indices.sleeping >= 0 and indices.stop >= 0
        self._scratch = np.zeros(WAIT_SCRATCH_WORDS, np.int64)
        words = np.zeros(DUTY_WORDS, np.int64)
        words[duty_cycle.COMMAND_PUBLISHED] = indices.command_published
        words[duty_cycle.COMMAND_DURABLE] = indices.command_durable
        words[duty_cycle.EVENT_PUBLISHED] = indices.event_published
        words[duty_cycle.EVENT_RELEASED] = indices.event_released
        words[duty_cycle.STOP] = indices.stop
        words[duty_cycle.SLEEPING] = indices.sleeping
        words[duty_cycle.EVENTFD] = eventfd
        words[duty_cycle.COMMAND_SEQUENCE_WORD] = command_sequence_offset // 8
        words[duty_cycle.EVENT_WORDS] = event_ring.dtype.itemsize // 8
        words[duty_cycle.METRICS :] = metrics
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
        """Publish where the files end: the commands below are durable, the events released.

        The matcher has published its own cursors before: nothing is durable that is not published.
        """
        durable, released = self.writer.next_sequence, self.archive.next_sequence
        cursors, indices = self.duty.cursors, self._indices
        assert durable <= load_acquire(cursors, indices.command_published)
        assert released <= load_acquire(cursors, indices.event_published)
        # release: the archive is complete before anyone reads it because of these cursors
        publish(cursors, indices.command_durable, durable)
        publish(cursors, indices.event_released, released)
        self._count_segments()
        self.compile()

    def compile(self) -> None:
        """Compile, or read back, all that the agent calls; nothing runs."""
        compile_for(duty_cycle.duty_cycle, *self._duty_arguments())
        compile_for(duty_cycle.serve, *self._serve_arguments(0))

    def _duty_arguments(self) -> tuple[np.ndarray, np.ndarray, DutyState]:
        return self.writer.state, self.archive.state, self.duty

    def _serve_arguments(self, timeout_ms: int) -> tuple[Any, ...]:
        return *self._duty_arguments(), timeout_ms, CYCLES, self._scratch

    def do_work(self, limit: int) -> int:
        """One duty cycle; slots made durable plus events released.

        Bounded by the largest frame and the event ring. ``limit`` does not divide a commit: each
        part would cost an fdatasync of its own. Raises ``FatalJournalError``.
        """
        return self._handled(int(duty_cycle.duty_cycle(*self._duty_arguments())))

    def serve(self, limit: int, timeout_ms: int) -> int:
        """Many duty cycles and sleeps without the interpreter (see ringbuffer/agent.py)."""
        assert self._serves, "needs an eventfd, a sleeping flag and a stop word"
        return self._handled(int(duty_cycle.serve(*self._serve_arguments(timeout_ms))))

    def _handled(self, code: int) -> int:
        """Work as it is; a full segment gets its successor; a failure is raised."""
        if code >= 0:
            return code
        if code == commit.SEGMENT_FULL:
            self.writer.roll()
            self._count_segments()
        elif code == ARCHIVE_CODES + archive_records.SEGMENT_FULL:
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
