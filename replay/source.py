"""A data directory seen by the replay tool: commands and events by sequence or time, read-only.

Who uses it: every command of ``exchange-replay``. Everything is opened for reading only, so nothing
in the directory changes, and it may be read while the daemon writes it: what is seen then is what
was there when it was looked at. Memory is constant: records come in chunks.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.codes import FLAG_LONG, CommandKind
from exchange.core.capacity import CapacityHistory
from exchange.engine.state.layout import NEXT_COMMAND
from exchange.errors import ArchiveCorrupt, DataDirectoryUnavailable
from exchange.records import COMMAND, COMMAND_LAYOUT
from exchange.recovery.archive_check import open_archive
from exchange.recovery.rebuild import newest_state
from exchange.runtime.data_directory import archive_directory, journal_directory, load_capacities
from journal.layout import (
    FRAME_HEADER_BYTES,
    FRAME_HEADER_WORDS,
    HEADER_BYTES,
    HEADER_WORDS,
    JOURNAL_SUFFIX,
    SLOT_BYTES,
    SLOT_WORDS,
)
from journal.reader import JournalReader
from journal.segment import list_segments, map_words
from replay.directory import Directory
from ringbuffer.jit import jit

_DEFINING = (CommandKind.CURRENCY, CommandKind.INSTRUMENT, CommandKind.SESSION)
CHUNK_SLOTS = 1 << 15
CHUNK_EVENTS = 1 << 15


class CommandChunk(NamedTuple):
    """Some commands in order. ``slots``: COMMAND, contiguous; ``starts``: index of each command's
    first slot; ``first_sequence``: the sequence of ``slots[0]``."""

    first_sequence: int
    slots: np.ndarray
    starts: np.ndarray

    @property
    def commands(self) -> np.ndarray:
        """First slots only: COMMAND array, a copy."""
        first_slots: np.ndarray = self.slots[self.starts]
        return first_slots

    @property
    def sequences(self) -> np.ndarray:
        """Sequence of each command: int64."""
        numbers: np.ndarray = self.first_sequence + self.starts
        return numbers

    def continuation(self, index: int) -> np.void | None:
        """Second slot of the command with this index, or None if it has none."""
        start = int(self.starts[index])
        if int(self.slots[start]["flags"]) & FLAG_LONG and start + 1 < len(self.slots):
            second: np.void = self.slots[start + 1]
            return second
        return None

    def where(self, mask: np.ndarray) -> CommandChunk:
        """Only the commands for which ``mask`` (bool, one a command) is true."""
        return self._replace(starts=self.starts[mask])


@jit
def find_starts(flags: np.ndarray, long_mask: int, starts: np.ndarray) -> int:
    """Write the index of every record's first slot into ``starts``; returns how many.

    ``flags``: uint8[slots]; the first slot must begin a record. ``starts``: int64[slots].
    """
    count = 0
    i = 0
    while i < flags.shape[0]:
        starts[count] = i
        count += 1
        i += 2 if flags[i] & long_mask else 1
    return count


class JournalView:
    """Journal and archive of ``data_dir``.

    Raises ``DataDirectoryUnavailable`` when it is not a data directory, ``JournalCorrupt`` or
    ``ArchiveCorrupt`` when a file in it is damaged.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = Path(data_dir)
        if not self.data_dir.is_dir():
            raise DataDirectoryUnavailable(f"{self.data_dir}: no such directory")
        self.journal = journal_directory(self.data_dir)
        if not self.journal.is_dir() or not list_segments(self.journal, JOURNAL_SUFFIX):
            raise DataDirectoryUnavailable(
                f"{self.data_dir}: not a data directory of the exchange: no journal in it"
            )
        self.archive = open_archive(archive_directory(self.data_dir))

    def capacities(self) -> CapacityHistory:
        """The engine's capacities, from ``engine.json``."""
        capacities = load_capacities(self.data_dir)
        if capacities is None:
            raise DataDirectoryUnavailable(
                f"{self.data_dir}: engine.json is missing: without the engine's capacities its "
                "state cannot be rebuilt"
            )
        return capacities

    # --- commands ---------------------------------------------------------------------------

    def segments(self) -> list[tuple[int, Path]]:
        """(first sequence, path) of every journal segment, ascending."""
        return list_segments(self.journal, JOURNAL_SUFFIX)

    @property
    def first_command(self) -> int:
        """The oldest sequence that the journal still has."""
        return self.segments()[0][0]

    @property
    def next_command(self) -> int:
        """The sequence after the last command that the journal has now."""
        reader = self.reader(self.segments()[-1][0])
        for _ in reader.frames():
            pass
        return reader.next_sequence

    def commands(self, first: int = 0, end: int | None = None) -> Iterator[CommandChunk]:
        """Commands with ``first`` <= sequence < ``end`` (None: to the end so far), in chunks.

        A long command that begins before ``end`` is whole.
        """
        segments = self.segments()
        at = bisect.bisect_right([sequence for sequence, _ in segments], first) - 1
        # A segment begins with a command; a sequence in the middle of one might be a second slot.
        reader = self.reader(segments[max(at, 0)][0])
        ring = np.zeros(CHUNK_SLOTS, COMMAND)
        while end is None or reader.next_sequence < end:
            before = reader.next_sequence
            count = reader.read_into(ring, before + len(ring))
            if count == 0:
                if self._frame_slots(reader) <= len(ring):
                    return
                ring = np.zeros(len(ring) * 2, COMMAND)
                continue
            start = before & (len(ring) - 1)
            slots = np.concatenate((ring[start:], ring[:start]))[:count]
            starts = np.empty(count, np.int64)
            found = int(find_starts(slots["flags"], FLAG_LONG, starts))
            starts = starts[:found]
            sequences = before + starts
            low, high = np.searchsorted(
                sequences, [first, end if end is not None else before + count]
            )
            if high > low:
                yield CommandChunk(before, slots, starts[low:high])

    def _frame_slots(self, reader: JournalReader) -> int:
        """Slots of the frame that the reader stands before; 0 at the end so far."""
        probe = self.reader(reader.next_sequence)
        for _, slots in probe.frames():
            return len(slots)
        return 0

    def frames(self, first: int = 0) -> Iterator[tuple[int, int, int]]:
        """(first sequence, slots, committed_ns) of every frame from ``first`` on."""
        reader = self.reader(first)
        for sequence, slots in reader.frames():
            yield sequence, len(slots), reader.committed_ns

    def command_at_time(self, timestamp_ns: int) -> int:
        """Sequence of the first command whose stamp is not before ``timestamp_ns``."""
        segments = self.segments()
        firsts = [_first_timestamp(path) for _, path in segments]
        at = max(bisect.bisect_left(firsts, timestamp_ns) - 1, 0)
        end = segments[at][0]
        for chunk in self.commands(segments[at][0]):
            times = chunk.commands["timestamp_ns"]
            if times[-1] >= timestamp_ns:
                return int(chunk.sequences[np.searchsorted(times, timestamp_ns)])
            end = chunk.first_sequence + len(chunk.slots)
        return end

    def reader(self, first: int) -> JournalReader:
        """A reader of COMMAND slots from sequence ``first`` on."""
        return JournalReader(self.journal, COMMAND, COMMAND_LAYOUT, first)

    # --- events -------------------------------------------------------------------------------

    @property
    def first_event(self) -> int:
        """The oldest event sequence that the archive still has."""
        return self.archive.oldest()

    @property
    def next_event(self) -> int:
        """The sequence after the newest event that the archive has now."""
        last = self.archive.last()
        return self.archive.oldest() if last is None else int(last["sequence"]) + 1

    def events(self, first: int = 0, end: int | None = None) -> Iterator[np.ndarray]:
        """Archived events with ``first`` <= sequence < ``end`` (None: to the end so far).

        EVENT arrays, views of the mapped files: no copy. A hole in the archive is an error
        (``verify`` finds it, the daemon's next start fills it).
        """
        first = max(first, self.first_event)
        bound = self.next_event if end is None else min(end, self.next_event)
        while first < bound:
            part = self.archive.view(first, min(CHUNK_EVENTS, bound - first))
            if len(part) == 0:
                raise ArchiveCorrupt(f"{self.archive.directory}: event {first} is missing")
            yield part
            first += len(part)

    def event_of_command(self, command_sequence: int) -> int:
        """Sequence of the first archived event of a command not before ``command_sequence``."""
        return self._first_event_where("command_sequence", command_sequence)

    def event_at_time(self, timestamp_ns: int) -> int:
        """Sequence of the first archived event that is not before ``timestamp_ns``."""
        return self._first_event_where("timestamp_ns", timestamp_ns)

    def _first_event_where(self, field: str, value: int) -> int:
        """Binary search: neither field ever decreases along the archive."""
        low, high = self.first_event, self.next_event
        while low < high:
            middle = (low + high) // 2
            event = self.archive.read_one(middle)
            if event is None:
                raise ArchiveCorrupt(f"{self.archive.directory}: event {middle} is missing")
            if int(event[field]) < value:
                low = middle + 1
            else:
                high = middle
        return low

    # --- names --------------------------------------------------------------------------------

    def directory(self) -> Directory:
        """Names of instruments and sessions: the newest snapshot's, and the commands after it."""
        names = Directory()
        first = self.first_command
        state = newest_state(self.data_dir)
        if state is not None:
            names.learn_state(state)
            first = max(first, int(state.scalars[NEXT_COMMAND]))
        for chunk in self.commands(first):
            defining = chunk.where(np.isin(chunk.commands["kind"], _DEFINING))
            for i, command in enumerate(defining.commands):
                names.learn_command(command, defining.continuation(i))
        return names


def _first_timestamp(path: Path) -> int:
    """Stamp of a segment's first command; a large number while it has none."""
    words = map_words(path)
    at = HEADER_WORDS + FRAME_HEADER_WORDS
    stamp = int(words[at]) if len(words) > at else 0
    return stamp if stamp else 1 << 62


assert HEADER_BYTES % SLOT_BYTES == 0 and FRAME_HEADER_BYTES == SLOT_BYTES and SLOT_WORDS == 8
