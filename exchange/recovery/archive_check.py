"""Compares regenerated events with the archive and writes those that it lacks.

Who uses it: ``rebuild`` when the daemon starts (compare and append) and ``exchange-replay verify``
(compare only). Invariant: a record that the archive has is never overwritten with other bytes,
unless the operator asked for that; two kinds of damage are expected after a power cut and are no
difference: a missing record, and a record of which only the beginning was written.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.errors import ArchiveCorrupt
from exchange.records import EVENT, EVENT_LAYOUT, EVENT_WORDS, KIND_OFFSET
from journal.archive_reader import ArchiveReader
from journal.archive_writer import ArchiveWriter
from ringbuffer.jit import jit


class ArchiveDiffers(ArchiveCorrupt):
    """An archived event is not the one that the journal causes: ``sequence`` names it.

    ``expected``: the regenerated event, None where the journal causes none; ``found``: the archived
    one, None where it is missing (EVENT scalars).
    """

    def __init__(
        self, directory: Path, sequence: int, expected: np.void | None, found: np.void | None
    ) -> None:
        self.sequence = sequence
        self.expected = expected
        self.found = found
        if expected is None:
            what = "exists, but the journal causes no such event"
        elif found is None:
            what = "is missing"
        else:
            names = [n for n in EVENT.names or () if expected[n] != found[n]]
            what = f"differs from the one that the journal causes, in {', '.join(names)}"
        super().__init__(
            f"{directory}: event {sequence} {what}; the archive is derived from the journal: "
            "look with exchange-replay verify, then start once with --rebuild-archive"
        )


class DifferentEvent(NamedTuple):
    """Where archive and journal part first. ``None``: no such record on that side."""

    sequence: int
    expected: np.void | None
    found: np.void | None


def open_archive(directory: Path) -> ArchiveReader:
    """Read-only access to the archive of events."""
    return ArchiveReader(directory, EVENT, EVENT_LAYOUT, KIND_OFFSET)


@jit
def first_difference(left: np.ndarray, right: np.ndarray) -> int:
    """Index of the first event in which two arrays of whole events differ; -1 if none.

    ``left``, ``right``: int64[events * EVENT_WORDS].

    A whole event at a time without a branch inside, so that it is compared in vector registers.
    """
    for start in range(0, left.shape[0], EVENT_WORDS):
        unlike = 0
        for i in range(start, start + EVENT_WORDS):
            unlike |= left[i] ^ right[i]
        if unlike != 0:
            return start // EVENT_WORDS
    return -1


def is_torn(expected: np.void, found: np.void) -> bool:
    """Whether ``found`` is a beginning of ``expected`` and zeros after it: a write cut short."""
    wanted, there = expected.tobytes(), found.tobytes()
    length = len(there.rstrip(b"\0"))
    return length < len(wanted) and there[:length] == wanted[:length]


class ArchiveCheck:
    """Takes regenerated events in order; compares, and with ``write`` completes the archive.

    ``rewrite``: replace archived events that differ (``--rebuild-archive``) instead of refusing.
    ``segment_events``: size of a segment where the archive has none yet.
    """

    def __init__(
        self, directory: Path, *, write: bool, rewrite: bool = False, segment_events: int = 1 << 20
    ) -> None:
        self.directory = Path(directory)
        self.reader = open_archive(self.directory)
        self.write = write
        self.rewrite = rewrite
        self.segment_events = segment_events
        self.appended = 0
        self.rewritten = 0
        self._writer: ArchiveWriter | None = None
        self._newest: np.void | None = None
        self._looked = False

    def last_command(self) -> int:
        """Sequence of the command of the newest archived event, which was durable; -1 if none."""
        last = self._last()
        return -1 if last is None else int(last["command_sequence"])

    def compare(self, first: int, events: np.ndarray) -> DifferentEvent | None:
        """The first of ``events`` (EVENT, sequences from ``first`` on) that is not archived so."""
        done = 0
        while done < len(events):
            there = self.reader.places(first + done, len(events) - done)
            if len(there) == 0:
                return DifferentEvent(first + done, events[done].copy(), None)
            part = events[done : done + len(there)]
            at = int(first_difference(part.view(np.int64), there.view(np.int64)))
            if at >= 0:
                sequence = first + done + at
                found = self.reader.read_one(sequence)
                kept = None if found is None else found.copy()
                return DifferentEvent(sequence, part[at].copy(), kept)
            done += len(there)
        return None

    def take(self, first: int, events: np.ndarray) -> None:
        """Compare ``events`` and write what is missing. Raises ``ArchiveDiffers``."""
        while len(events):
            found = self.compare(first, events)
            if found is None:
                return
            skip = found.sequence - first
            first, events = found.sequence, events[skip:]
            if not self.write:
                raise ArchiveDiffers(self.directory, *found)
            if found.found is None:
                count = self._missing_run(first, len(events))
                self.appended += count
            else:
                assert found.expected is not None
                count = 1
                if is_torn(found.expected, found.found):
                    self.appended += 1
                elif self.rewrite:
                    self.rewritten += 1
                else:
                    raise ArchiveDiffers(self.directory, *found)
            self._append(first, events[:count])
            first, events = first + count, events[count:]

    def finish(self, next_event: int) -> int:
        """Nothing may be archived from ``next_event`` on; returns how many were cut (rewrite).

        An event is archived only after its command is durable, so events beyond the end of the
        journal mean that the journal has lost something. Raises ``ArchiveDiffers``.
        """
        last = self._last()
        cut = 0
        if last is not None and int(last["sequence"]) >= next_event:
            if not self.rewrite:
                sequence = next_event
                found = self.reader.read_one(sequence)
                if found is None:
                    sequence, found = int(last["sequence"]), last
                raise ArchiveDiffers(self.directory, sequence, None, found)
            cut = self._writer_at(next_event).truncate(next_event)
        self.close()
        return cut

    def close(self) -> None:
        """Close the writer, if one was needed."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _last(self) -> np.void | None:
        """The newest archived event when this object looked first (``write``), or now."""
        if not self._looked or not self.write:
            # Events appended here lie below the end of the journal, so one look is enough; it has
            # to pass over the zeros at the end of the newest segment.
            last = self.reader.last()
            self._newest = None if last is None else last.copy()
            self._looked = True
        return self._newest

    def _missing_run(self, first: int, limit: int) -> int:
        runs = self.reader.missing(first, first + limit)
        assert runs and runs[0][0] == first
        return runs[0][1] - first

    def _writer_at(self, sequence: int) -> ArchiveWriter:
        if self._writer is None:
            self._writer = ArchiveWriter(
                self.directory,
                EVENT,
                EVENT_LAYOUT,
                KIND_OFFSET,
                segment_records=self.segment_events,
                next_sequence=sequence,
            )
        elif self._writer.next_sequence != sequence:
            self._writer.seek(sequence)
        return self._writer

    def _append(self, first: int, events: np.ndarray) -> None:
        self._writer_at(first).append(events)
