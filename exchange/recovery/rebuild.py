"""The state of the exchange from its files: newest valid snapshot, then the journal.

Who uses it: the matcher stage at its start, the replay tool, the recovery benchmark. Invariants:

- same commands, same events, to the bit: what was archived before is compared with what comes out
  now, and a difference is refused, never overwritten unless told so;
- a snapshot is used only when all of it is valid *and* the archive (where one is to be written)
  has every event before it; otherwise the next older one, otherwise the journal from its start;
- nothing is modified unless ``repair`` or ``write_archive`` say so.

A data directory::

    engine.json                        capacities of the engine, see below
    journal/<first command>.wal        the truth
    archive/<first event>.evt          derived: the events that the journal's commands cause
    snapshots/<next command>.snap      derived: the engine's state after all commands below it

The engine's capacities decide which orders are refused (pool full), so they belong to the data and
not to the configuration of the day: ``engine.json`` holds those of the first start, and each later
start that has enlarged them with its first command. Replay enlarges the state there.

Decisions ENG-4, ENG-15 and JRN-3.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.codes import FLAG_LONG, CommandKind
from exchange.core.capacity import CapacityHistory
from exchange.core.pipeline import AGENTS, CURSOR_WORDS, EVENT_RELEASED
from exchange.engine.matcher import apply_commands
from exchange.engine.state.create import capacity_of, create_state
from exchange.engine.state.enlarge import enlarged
from exchange.engine.state.layout import NEXT_COMMAND, NEXT_EVENT, EngineState
from exchange.engine.state.pointers import Rings, make_links
from exchange.errors import DataDirectoryUnavailable
from exchange.records import COMMAND, COMMAND_LAYOUT, EVENT, FLAGS_OFFSET
from exchange.recovery.archive_check import ArchiveCheck
from exchange.recovery.newer import refuse_unknown
from exchange.recovery.snapshots import read_snapshots
from exchange.runtime.data_directory import (
    CAPACITY_FILE,
    archive_directory,
    journal_directory,
    load_capacities,
    snapshot_directory,
)
from journal.commit import whole_records
from journal.errors import Finding, JournalCorrupt
from journal.layout import (
    HEADER_BYTES,
    JOURNAL_SUFFIX,
    SLOT_BYTES,
)
from journal.reader import JournalReader
from journal.recovery import RecoveryReport, recover
from journal.segment import list_segments
from ringbuffer.ring import UNGATED

# The ring that frames are read into; a journal with longer frames gets a larger one.
CHUNK_SLOTS = 1 << 16
# Applied at once, so that the events are compared while they are in the cache: 512 KiB of commands
# and about 1 MiB of events.
STEP_SLOTS = 1 << 13
# What one live order can still cause until it is gone (docs/matching.md): each of an iceberg's
# parts, at most 100, ends with two events about a prevented self-trade and one that shows the next
# part; then triggered, released, rested, cancelled, a warning, and the level in an auction.
EVENTS_PER_ORDER = 3 * 100 + 16
# What one command can emit beyond that: ENTER: accepted, terms, held or a partial fill, checkpoint;
# REPLACE one more; and all that the order which it makes can cause.
EVENTS_PER_SLOT = EVENTS_PER_ORDER + 8
# Commands in one call of the matcher that speak to every session or about every instrument: its
# state, its auction, two levels there, its reference price. One more for halts that end by timer.
BROAD_PER_CALL = 8
EVENTS_PER_INSTRUMENT = 6
_BROAD_KINDS = (
    int(CommandKind.START_OF_DAY),
    int(CommandKind.END_OF_DAY),
    int(CommandKind.INSTRUMENT_STATE),
)
_MAP_NORESERVE = 0x4000  # from Linux's asm-generic/mman.h; Python's mmap does not name it

EventsConsumer = Callable[[int, np.ndarray], None]
Progress = Callable[[int, int], None]


class RebuildResult(NamedTuple):
    """The result of ``rebuild``, and what it was made from."""

    state: EngineState
    next_command: int  # the sequence that the next command gets
    next_event: int
    commands_replayed: int  # slots; a long command counts two
    events_replayed: int
    snapshot_used: Path | None
    snapshots_refused: list[str]  # one line each: why a newer snapshot was not used
    archive_appended: int  # events that the archive lacked
    archive_rewritten: int  # events that differed and were replaced (rebuild_archive)
    recovery: RecoveryReport | None  # None without repair
    seconds: float
    recovery_seconds: float  # of them: checking the journal
    snapshot_seconds: float  # of them: reading the snapshot

    @property
    def torn_records(self) -> int:
        """Slots of a torn last frame that were cut; 0 without repair."""
        return 0 if self.recovery is None else self.recovery.torn_records


def _reserved_events(count: int) -> np.ndarray:
    """EVENT array for at least ``count`` events, a power of two. Raises OSError.

    Never touched beyond what a chunk emits, so never resident: tens of gigabytes of addresses that
    the kernel is asked not to count as promised memory.
    """
    room = mmap.mmap(
        -1,
        EVENT.itemsize << (count - 1).bit_length(),
        flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE,
    )
    return np.frombuffer(room, EVENT)


class Replayer:
    """Applies journal slots to a state with private rings: no gates, no wake-ups.

    ``history``: where the state is enlarged on the way; None: nowhere.
    """

    def __init__(
        self,
        state: EngineState,
        chunk_slots: int = CHUNK_SLOTS,
        history: CapacityHistory | None = None,
    ) -> None:
        self.state = state
        self._later = [each for each in history or () if each.from_command >= self.next_command]
        self._cursors = np.zeros(CURSOR_WORDS, np.int64)
        self._cursors[EVENT_RELEASED] = UNGATED
        self._wakeups = np.full(AGENTS, -1, np.int64)
        self._links = make_links()
        self.resize(chunk_slots)

    def resize(self, chunk_slots: int) -> None:
        """Make the rings right for chunks of ``chunk_slots`` (a power of two) slots."""
        self.chunk_slots = chunk_slots
        self.commands = np.zeros(chunk_slots, COMMAND)
        self._make_room()

    def _make_room(self) -> None:
        """The ring of events, for the size of the state and of the chunks."""
        capacity = capacity_of(self.state)
        live = EVENTS_PER_ORDER * capacity.orders
        broad = (BROAD_PER_CALL + 1) * (
            capacity.sessions + EVENTS_PER_INSTRUMENT * capacity.instruments + 2
        )
        needed = live + broad + EVENTS_PER_SLOT * self.chunk_slots + 1
        usual = capacity.orders + broad + 16 * self.chunk_slots
        try:
            self.events = _reserved_events(needed)
        except OSError:
            # A kernel that counts every address (vm.overcommit_memory = 2): room for everything but
            # thousands of icebergs in one chunk, which the assert in ``_run`` would find.
            self.events = _reserved_events(usual)

    @property
    def next_command(self) -> int:
        return int(self.state.scalars[NEXT_COMMAND])

    @property
    def next_event(self) -> int:
        return int(self.state.scalars[NEXT_EVENT])

    @property
    def next_enlargement(self) -> int:
        """The command before which the state is to be enlarged next; UNGATED if there is none."""
        return self._later[0].from_command if self._later else UNGATED

    def enlarge_if_due(self) -> None:
        """Let the state have the capacities with which its next command is applied."""
        if self.next_command < self.next_enlargement:
            return
        self.state = enlarged(self.state, self._later.pop(0).capacity)
        self._make_room()

    def whole_commands(self, end_sequence: int) -> int:
        """``end_sequence``, or one more where that would cut a long command in two."""
        first = self.next_command
        octets = self.commands.view(np.uint8)
        limit = end_sequence - first
        count = int(whole_records(octets, first, limit, FLAGS_OFFSET, FLAG_LONG))
        return first + count + (2 if count < limit else 0)

    def apply(self, end_sequence: int) -> np.ndarray:
        """Apply the commands of the ring from the state's next one to before ``end_sequence``.

        Returns their events: EVENT array, a view that the next call overwrites. Raises
        WrittenByNewer, and then has applied none.
        """
        first = self.next_command
        base = self.next_event
        mask = len(self.commands) - 1
        start, stop = first & mask, end_sequence & mask
        kinds, flags = self.commands["kind"], self.commands["flags"]
        places = (slice(start, stop),) if start < stop else (slice(start, None), slice(0, stop))
        parts = [kinds[place] for place in places]
        refuse_unknown(first, np.concatenate(parts), np.concatenate([flags[p] for p in places]))
        broad = sum(int(np.count_nonzero(part == kind)) for part in parts for kind in _BROAD_KINDS)
        if broad <= BROAD_PER_CALL:
            self._run(first, end_sequence, base)
            return self.events[: self.next_event - base]
        # More than the ring has room for: one command at a time.
        gathered = []
        while self.next_command < end_sequence:
            before = self.next_event
            self._run(self.next_command, self.whole_commands(self.next_command + 1), before)
            gathered.append(self.events[: self.next_event - before].copy())
        # As bytes: numpy would repack a record whose fields overlap.
        return np.concatenate([part.view(np.uint8) for part in gathered]).view(EVENT)

    def _run(self, first: int, end: int, base: int) -> None:
        rings = Rings(self.commands, self.events, base, self._cursors, self._wakeups, self._links)
        apply_commands(self.state, rings, first, end)
        assert self.next_command == end, (self.next_command, end)
        assert self.next_event - base < len(self.events), "more events than the bound allows"


def rebuild(
    data_dir: Path,
    capacities: CapacityHistory | None = None,
    *,
    upto_sequence: int | None = None,
    from_snapshot: bool = True,
    repair: bool = False,
    write_archive: bool = False,
    rebuild_archive: bool = False,
    archive_segment_events: int = 1 << 20,
    on_events: EventsConsumer | None = None,
    progress: Progress | None = None,
) -> RebuildResult:
    """Rebuild the engine's state from ``data_dir``.

    ``capacities``: None reads ``engine.json``. ``upto_sequence``: only commands below it (None:
    all). ``repair``: cut a torn tail; only for the process that holds the data directory's lock.
    Without it the journal is read as it stands, and may be written meanwhile. ``write_archive``:
    compare all regenerated events with the archive and append those that it lacks, in segments of
    ``archive_segment_events`` where there are none yet; ``rebuild_archive`` replaces those that
    differ. ``on_events(first_event, events)``: gets the events of each chunk, in order, as a view
    that is overwritten afterwards. ``progress(slots done, slots in all or 0)``: now and then.

    Raises ``journal.errors.JournalCorrupt`` (journal damaged: file and offset), ``ArchiveDiffers``,
    ``WrittenByNewer``, ``journal.errors.FatalJournalError`` (the repair cannot be written),
    ``DataDirectoryUnavailable`` (capacities missing or other than the snapshot's), OSError.
    """
    started = time.perf_counter()
    if capacities is None:
        capacities = stored_capacities(data_dir)
    check: ArchiveCheck | None = None
    if write_archive:
        check = _archive_check(data_dir, rebuild_archive, archive_segment_events)
    # an archived event proves that its command was durable
    durable_sequence = 0 if check is None or rebuild_archive else check.last_command() + 1
    start = _NO_SNAPSHOT
    if from_snapshot:
        start = newest_snapshot(data_dir, capacities, upto_sequence, check)
    replayer = Replayer(start.state or create_state(capacities.at(0)), history=capacities)
    first_command, first_event = replayer.next_command, replayer.next_event
    snapshot_read = time.perf_counter()
    try:
        _replay(data_dir, replayer, upto_sequence, _consumers(check, on_events), progress)
        recovery_began = time.perf_counter()
        recovery = None
        if repair:
            recovery = _recover(
                data_dir, replayer.next_command, durable_sequence, whole=upto_sequence is None
            )
        recovery_ended = time.perf_counter()
        if check is not None and upto_sequence is None:
            check.finish(replayer.next_event)
    finally:
        if check is not None:
            check.close()
    return RebuildResult(
        state=replayer.state,
        next_command=replayer.next_command,
        next_event=replayer.next_event,
        commands_replayed=replayer.next_command - first_command,
        events_replayed=replayer.next_event - first_event,
        snapshot_used=start.path,
        snapshots_refused=start.refused,
        archive_appended=0 if check is None else check.appended,
        archive_rewritten=0 if check is None else check.rewritten,
        recovery=recovery,
        seconds=time.perf_counter() - started,
        recovery_seconds=recovery_ended - recovery_began,
        snapshot_seconds=snapshot_read - started,
    )


def stored_capacities(data_dir: Path) -> CapacityHistory:
    """The capacities in ``engine.json``. Raises DataDirectoryUnavailable where there are none."""
    capacities = load_capacities(data_dir)
    if capacities is None:
        raise DataDirectoryUnavailable(f"{data_dir / CAPACITY_FILE} is missing")
    return capacities


def _archive_check(data_dir: Path, rewrite: bool, segment_events: int) -> ArchiveCheck:
    return ArchiveCheck(
        archive_directory(data_dir), write=True, rewrite=rewrite, segment_events=segment_events
    )


def _consumers(
    check: ArchiveCheck | None, on_events: EventsConsumer | None
) -> list[EventsConsumer]:
    consumers: list[EventsConsumer] = []
    if check is not None:
        consumers.append(check.take)
    if on_events is not None:
        consumers.append(on_events)
    return consumers


def _replay(
    data_dir: Path,
    replayer: Replayer,
    upto_sequence: int | None,
    consumers: list[EventsConsumer],
    progress: Progress | None,
) -> None:
    """Apply the journal's commands below ``upto_sequence`` (None: all), events to ``consumers``."""
    directory = journal_directory(data_dir)
    first = replayer.next_command
    reader = JournalReader(directory, COMMAND, COMMAND_LAYOUT, first)
    end = UNGATED if upto_sequence is None else upto_sequence
    total = _slots_after(data_dir, first) if upto_sequence is None else end - first
    for base, events in replay_chunks(reader, replayer, end):
        for consume in consumers:
            consume(base, events)
        if progress is not None:
            progress(replayer.next_command - first, total)
    if upto_sequence is not None and replayer.next_command < upto_sequence:
        detail = f"the journal ends before it, at sequence {replayer.next_command}"
        raise JournalCorrupt(Finding.NO_SUCH_SEQUENCE, directory, -1, upto_sequence, detail)


def _recover(
    data_dir: Path, replayed_sequence: int, durable_sequence: int, *, whole: bool
) -> RecoveryReport:
    """Find the journal's end, cut a torn tail and make the rest durable.

    After the replay: the reader has checked every frame up to ``replayed_sequence`` by the same
    rules, so only the last segment is looked at twice. ``whole``: that was all of the journal.
    """
    try:
        report = recover(
            journal_directory(data_dir),
            COMMAND_LAYOUT,
            repair=True,
            from_sequence=replayed_sequence,
            durable_sequence=durable_sequence,
        )
    except JournalCorrupt as error:
        raise _explained(error) from None
    assert report.next_sequence == replayed_sequence or not whole, (
        "replay and recovery disagree about the end of the journal"
    )
    return report


def _explained(error: JournalCorrupt) -> JournalCorrupt:
    """``error``, with the way out where two copies do not fit."""
    if error.finding != Finding.ACKNOWLEDGED_LOST:
        return error
    return JournalCorrupt(
        error.finding,
        error.path,
        error.offset,
        error.sequence,
        f"{error.detail}: the archive has its events. If both are copies, journal/ was copied "
        "before archive/ and is older: take a copy of journal/ that is not older than archive/, "
        "or one that `exchange backup` has made. Only if there is none, move archive/ and the "
        "snapshots that are newer than this journal away and start: the exchange is then as this "
        "journal says, and what was acknowledged after it is lost",
    )


def _slots_after(data_dir: Path, first_command: int) -> int:
    """About how many slots the journal has from ``first_command`` on, by the sizes of its files."""
    slots = 0
    directory = journal_directory(data_dir)
    if directory.is_dir():
        for first, path in list_segments(directory, JOURNAL_SUFFIX):
            slots = first + (path.stat().st_size - HEADER_BYTES) // SLOT_BYTES
    return max(slots - first_command, 0)


class Start(NamedTuple):
    """A snapshot's state and file, None without one; why newer ones were not used."""

    state: EngineState | None
    path: Path | None
    refused: list[str]


_NO_SNAPSHOT = Start(None, None, [])


def newest_snapshot(
    data_dir: Path,
    capacities: CapacityHistory,
    upto_sequence: int | None,
    check: ArchiveCheck | None,
) -> Start:
    """The newest snapshot that may be used; with ``check``: whose archive has what is before it.

    Raises DataDirectoryUnavailable when it was made with other capacities.
    """
    refused: list[str] = []
    for snapshot in read_snapshots(snapshot_directory(data_dir), newest_first=True):
        if upto_sequence is not None and snapshot.sequence > upto_sequence:
            continue
        state, path = snapshot.state, snapshot.path
        if state is None:
            refused.append(snapshot.problem)
            continue
        if other := other_capacity(state, capacities):
            raise DataDirectoryUnavailable(f"{path}: {other}")
        next_event = int(state.scalars[NEXT_EVENT])
        if check is not None and next_event > 0 and check.reader.read_one(next_event - 1) is None:
            refused.append(f"{path}: the archive lacks event {next_event - 1}, which is before it")
            continue
        return Start(state, path, refused)
    return Start(None, None, refused)


def other_capacity(state: EngineState, capacities: CapacityHistory) -> str:
    """How a snapshot's capacity contradicts ``capacities``; empty if it does not."""
    sequence, found = int(state.scalars[NEXT_COMMAND]), capacity_of(state)
    if capacities.allow(found, sequence):
        return ""
    return f"made with {found}, but {CAPACITY_FILE} says {capacities.at(sequence)}"


def newest_state(data_dir: Path) -> EngineState | None:
    """The state in the newest valid snapshot, whatever its capacities; None if there is none."""
    for snapshot in read_snapshots(snapshot_directory(data_dir), newest_first=True):
        if snapshot.state is not None:
            return snapshot.state
    return None


def replay_chunks(
    reader: JournalReader,
    replayer: Replayer,
    end_sequence: int,
    step_slots: int | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Read and apply commands below ``end_sequence``: (first event, events) of each chunk.

    Stops at the end of the journal so far. A long command that begins below it is applied whole.
    The state is enlarged on the way, where the replayer's history says so.
    ``step_slots``: at most so many slots a chunk (1: one command), None: as is best for the cache.
    """
    step_slots = STEP_SLOTS if step_slots is None else step_slots
    while replayer.next_command < end_sequence:
        replayer.enlarge_if_due()
        bound = min(end_sequence, replayer.next_enlargement)
        # Whole frames only, so the reader may be ahead of what is applied, never behind.
        if reader.next_sequence == replayer.next_command:
            before = reader.next_sequence
            if reader.read_into(replayer.commands, before + replayer.chunk_slots) == 0:
                if not _frame_follows(reader):
                    return
                # A frame longer than the ring: the journal was written with longer commits.
                replayer.resize(replayer.chunk_slots * 2)
                continue
        stop = min(reader.next_sequence, replayer.next_command + step_slots)
        if stop > bound or stop < reader.next_sequence:
            stop = replayer.whole_commands(min(stop, bound))
        base = replayer.next_event
        yield base, replayer.apply(stop)


def _frame_follows(reader: JournalReader) -> bool:
    probe = JournalReader(
        reader.directory, reader.record_dtype, reader.dtype_hash, reader.next_sequence
    )
    return next(probe.frames(), None) is not None
