"""The archive against regenerated events: what is repaired and what refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exchange.codes import EventKind
from exchange.errors import ExitStatus
from exchange.records import EVENT, EVENT_LAYOUT, EVENT_SIZE_BYTES, EVENT_WORDS, KIND_OFFSET
from exchange.recovery.archive_check import (
    ArchiveCheck,
    ArchiveDiffers,
    first_difference,
    is_torn,
    open_archive,
)
from journal.archive_writer import ArchiveWriter
from journal.layout import ARCHIVE_SUFFIX, HEADER_BYTES, segment_name

SEGMENT = 100
COUNT = 350  # three whole segments and a part of the fourth


def events_of(first: int, count: int) -> np.ndarray:
    """Events whose bytes are all other than zero, so that every cut of one shows."""
    octets = np.arange(count * EVENT_SIZE_BYTES, dtype=np.int64) * 7 % 255 + 1
    events = octets.astype(np.uint8).view(EVENT)
    events["sequence"] = np.arange(first, first + count)
    events["command_sequence"] = events["sequence"] // 3
    events["kind"] = EventKind.ACCEPTED
    return events


def make_archive(directory: Path, events: np.ndarray) -> None:
    writer = ArchiveWriter(
        directory, EVENT, EVENT_LAYOUT, KIND_OFFSET, segment_records=SEGMENT, next_sequence=0
    )
    writer.append(events)
    writer.close()


def overwrite(directory: Path, sequence: int, offset: int, octets: bytes) -> None:
    path = directory / segment_name(sequence - sequence % SEGMENT, ARCHIVE_SUFFIX)
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + sequence % SEGMENT * EVENT_SIZE_BYTES + offset)
        file.write(octets)


def archived(directory: Path) -> bytes:
    return open_archive(directory).read(0, 1 << 40).tobytes()


@pytest.fixture
def events() -> np.ndarray:
    return events_of(0, COUNT)


@pytest.fixture
def directory(tmp_path: Path, events: np.ndarray) -> Path:
    make_archive(tmp_path / "archive", events)
    return tmp_path / "archive"


def take_in_parts(check: ArchiveCheck, events: np.ndarray, size: int) -> None:
    for start in range(0, len(events), size):
        check.take(start, events[start : start + size])


@pytest.mark.parametrize("size", [1, 99, 100, 101, COUNT])
def test_an_equal_archive_is_left_alone(directory: Path, events: np.ndarray, size: int) -> None:
    check = ArchiveCheck(directory, write=False)
    take_in_parts(check, events, size)
    assert check.finish(COUNT) == 0
    assert (check.appended, check.rewritten) == (0, 0)


# first and last of a segment, in the middle, the very first and the very last event
PLACES = [0, 99, 100, 150, 199, 349]


@pytest.mark.parametrize("sequence", PLACES)
def test_a_changed_event_is_named_and_nothing_is_written(
    directory: Path, events: np.ndarray, sequence: int
) -> None:
    overwrite(directory, sequence, EVENT_SIZE_BYTES - 1, b"\xff")
    before = archived(directory)
    check = ArchiveCheck(directory, write=True)
    with pytest.raises(ArchiveDiffers) as caught:
        check.take(0, events)
    check.close()
    assert caught.value.sequence == sequence and caught.value.status == ExitStatus.JOURNAL_CORRUPT
    assert archived(directory) == before


@pytest.mark.parametrize("sequence", PLACES)
def test_a_changed_event_is_rewritten_on_demand(
    directory: Path, events: np.ndarray, sequence: int
) -> None:
    overwrite(directory, sequence, EVENT_SIZE_BYTES - 1, b"\xff")
    check = ArchiveCheck(directory, write=True, rewrite=True)
    check.take(0, events)
    assert check.finish(COUNT) == 0
    assert (check.rewritten, check.appended) == (1, 0)
    assert archived(directory) == events.tobytes()


@pytest.mark.parametrize("sequence", PLACES)
@pytest.mark.parametrize("kept", [0, 8, 64, 127])
def test_an_event_cut_short_is_completed_without_being_asked(
    directory: Path, events: np.ndarray, sequence: int, kept: int
) -> None:
    overwrite(directory, sequence, kept, bytes(EVENT_SIZE_BYTES - kept))
    check = ArchiveCheck(directory, write=True)
    check.take(0, events)
    assert check.finish(COUNT) == 0
    assert (check.appended, check.rewritten) == (1, 0)
    assert archived(directory) == events.tobytes()


def test_two_damages_of_both_kinds_in_one_take(directory: Path, events: np.ndarray) -> None:
    for sequence in (98, 99, 100, 101):
        overwrite(directory, sequence, 0, bytes(EVENT_SIZE_BYTES))
    overwrite(directory, 340, 64, bytes(64))
    check = ArchiveCheck(directory, write=True)
    check.take(0, events)
    assert (check.finish(COUNT), check.appended) == (0, 5)
    assert archived(directory) == events.tobytes()


def test_a_lost_segment_is_written_again(directory: Path, events: np.ndarray) -> None:
    (directory / segment_name(100, ARCHIVE_SUFFIX)).unlink()
    check = ArchiveCheck(directory, write=True)
    take_in_parts(check, events, 64)
    assert (check.finish(COUNT), check.appended) == (0, 100)
    assert archived(directory) == events.tobytes()


def test_an_archive_that_is_not_there_is_made(tmp_path: Path, events: np.ndarray) -> None:
    check = ArchiveCheck(tmp_path / "archive", write=True, segment_events=SEGMENT)
    assert check.last_command() == -1
    take_in_parts(check, events, 128)
    assert (check.finish(COUNT), check.appended) == (0, COUNT)
    assert archived(tmp_path / "archive") == events.tobytes()


def test_a_missing_event_is_a_difference_for_who_may_not_write(
    directory: Path, events: np.ndarray
) -> None:
    overwrite(directory, 150, 0, bytes(EVENT_SIZE_BYTES))
    check = ArchiveCheck(directory, write=False)
    found = check.compare(0, events)
    assert found is not None and found.sequence == 150 and found.found is None
    with pytest.raises(ArchiveDiffers, match="event 150 is missing"):
        check.take(0, events)


def test_an_event_beyond_the_journal_is_refused_or_cut(directory: Path, events: np.ndarray) -> None:
    check = ArchiveCheck(directory, write=True)
    check.take(0, events[:250])
    with pytest.raises(ArchiveDiffers, match="event 250 exists, but the journal causes no such"):
        check.finish(250)
    check = ArchiveCheck(directory, write=True, rewrite=True)
    check.take(0, events[:250])
    assert check.finish(250) == 100
    assert archived(directory) == events[:250].tobytes()


def test_the_first_archived_event_beyond_a_gap_is_named(directory: Path) -> None:
    for sequence in range(250, 349):
        overwrite(directory, sequence, 0, bytes(EVENT_SIZE_BYTES))
    check = ArchiveCheck(directory, write=False)
    with pytest.raises(ArchiveDiffers) as caught:
        check.finish(250)
    assert caught.value.sequence == 349 and caught.value.found is not None


def test_the_newest_command_is_the_one_before_anything_was_appended(
    directory: Path, events: np.ndarray
) -> None:
    for sequence in range(200, COUNT):
        overwrite(directory, sequence, 0, bytes(EVENT_SIZE_BYTES))
    check = ArchiveCheck(directory, write=True)
    assert check.last_command() == 199 // 3
    check.take(0, events)
    assert check.last_command() == 199 // 3
    check.close()
    assert ArchiveCheck(directory, write=False).last_command() == (COUNT - 1) // 3


def test_the_fields_that_differ_are_named(tmp_path: Path) -> None:
    expected = events_of(0, 1)[0]
    found = expected.copy()
    found["price"] += 1
    found["reason"] ^= 1
    text = str(ArchiveDiffers(tmp_path, 7, expected, found))
    assert "event 7 differs" in text and "in price, " in text and "reason" in text


def test_torn_is_a_beginning_and_nothing_else() -> None:
    whole = events_of(0, 1)
    for kept in range(EVENT_SIZE_BYTES):
        octets = whole.tobytes()[:kept] + bytes(EVENT_SIZE_BYTES - kept)
        assert is_torn(whole[0], np.frombuffer(octets, EVENT)[0])
        if kept:
            changed = bytes([octets[0] ^ 0x80]) + octets[1:]
            assert not is_torn(whole[0], np.frombuffer(changed, EVENT)[0])
    assert not is_torn(whole[0], whole[0])


def test_first_difference_finds_any_word_of_any_event() -> None:
    left = events_of(0, 5).view(np.int64)
    assert first_difference(left, left.copy()) == -1
    for word in range(len(left)):
        right = left.copy()
        right[word] ^= np.int64(-1) << np.int64(63)
        assert first_difference(left, right) == word // EVENT_WORDS
