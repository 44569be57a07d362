"""The end of a journal: where it is, what is cut, and how it is made durable."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest

from exchange.errors import ExitStatus, exit_status
from journal.errors import FatalJournalError
from journal.layout import (
    HEADER_BYTES,
    segment_name,
)
from journal.recovery import RecoveryReport, recover
from tests.harness.built_journal import (
    HASH,
    Built,
    outcome,
    overwrite,
    payload,
    read_values,
)


def test_the_built_journal_is_good(tmp_path: Path) -> None:
    built = Built(tmp_path, [[1, 2, 3], [4, 1], [2]])
    assert outcome(tmp_path) == ("end", 13)
    assert read_values(tmp_path) == payload(0, 13)
    report = recover(tmp_path, HASH, repair=True)
    assert (report.next_sequence, report.last_checksum) == (13, built.last_checksum)
    assert report.segment_number == 2
    assert segment_name(report.segment_sequence, ".wal") == built.paths[2].name
    assert report.append_offset == HEADER_BYTES + 64 * 3
    assert (report.segments, report.frames, report.repaired) == (3, 6, False)


def test_an_acknowledged_last_frame_is_not_cut_when_that_is_known(tmp_path: Path) -> None:
    built = Built(tmp_path, [[1, 2]])
    path = built.paths[0]
    damaged = bytearray(path.read_bytes())
    damaged[built.frames[0][1][0] + 70] ^= 1
    overwrite(path, damaged)
    assert outcome(tmp_path) == ("cut", 1)
    assert outcome(tmp_path, durable_sequence=1) == ("cut", 1)
    assert outcome(tmp_path, durable_sequence=2) == ("ACKNOWLEDGED_LOST", built.frames[0][1][0])
    assert path.read_bytes() == damaged, "a refusal repairs nothing"


def test_a_cut_is_repaired_and_stays_repaired(tmp_path: Path) -> None:
    built = Built(tmp_path, [[1], [2, 3]])
    path = built.paths[1]
    good = path.read_bytes()
    at = built.frames[1][1][0]
    path.write_bytes(good[: at + 150].ljust(len(good), b"\0"))
    size = path.stat().st_size
    first = recover(tmp_path, HASH, repair=False)
    # 150 bytes are there of the frame: its header says how many records that loses.
    assert 64 < first.torn_bytes <= 152  # whole words
    assert (first.torn_records, first.repaired, first.next_sequence) == (3, False, 3)
    second = recover(tmp_path, HASH, repair=True)
    assert second == first._replace(repaired=True)
    third = recover(tmp_path, HASH, repair=True)
    assert third == first._replace(torn_bytes=0, torn_records=0)
    assert path.read_bytes() == good[:at].ljust(size, b"\0")
    assert path.stat().st_size == size


def test_recovery_makes_the_last_frame_durable_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed fdatasync the cache shows what the disk lost: write it again, then trust."""
    built = Built(tmp_path, [[1], [2, 3]])
    calls: list[tuple[str, object]] = []
    good = built.paths[1].read_bytes()
    pwrite, fdatasync, fsync = os.pwrite, os.fdatasync, os.fsync

    def spy_pwrite(descriptor: int, data: bytes, offset: int) -> int:
        calls.append(("pwrite", (bytes(data), offset)))
        return pwrite(descriptor, data, offset)

    def spy_fdatasync(descriptor: int) -> None:
        calls.append(("fdatasync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fdatasync(descriptor)

    def spy_fsync(descriptor: int) -> None:
        calls.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "pwrite", spy_pwrite)
    monkeypatch.setattr(os, "fdatasync", spy_fdatasync)
    monkeypatch.setattr(os, "fsync", spy_fsync)
    recover(tmp_path, HASH, repair=False)
    assert calls == []
    recover(tmp_path, HASH, repair=True)
    at, _, count = built.frames[1][1]
    assert calls == [
        ("pwrite", (good[at : at + 64 * (1 + count)], at)),
        ("fdatasync", str(built.paths[1])),
        ("fsync", str(tmp_path)),
    ]
    assert built.paths[1].read_bytes() == good


def test_torn_records_without_a_header_are_bounded_by_the_bytes(tmp_path: Path) -> None:
    built = Built(tmp_path, [[1, 4]])
    path = built.paths[0]
    damaged = bytearray(path.read_bytes())
    at = built.frames[0][1][0]
    damaged[at : at + 64] = bytes(64)
    overwrite(path, damaged)
    report = recover(tmp_path, HASH, repair=False)
    assert (report.next_sequence, report.torn_records) == (1, 4)


def test_old_segments_may_be_gone_when_a_snapshot_covers_them(tmp_path: Path) -> None:
    built = Built(tmp_path, [[1, 2], [2], [1]])
    built.paths[0].unlink()
    assert outcome(tmp_path, from_sequence=3) == ("end", 6)
    assert outcome(tmp_path, from_sequence=2)[0] == "NO_SUCH_SEQUENCE"
    assert read_values(tmp_path, 3) == payload(3, 3)


def test_a_lost_last_segment_is_noticed_when_something_newer_is_known(tmp_path: Path) -> None:
    built = Built(tmp_path, [[1, 2], [2]])
    built.paths[1].unlink()
    assert outcome(tmp_path) == ("end", 3)
    assert outcome(tmp_path, from_sequence=5)[0] == "NO_SUCH_SEQUENCE"
    assert outcome(tmp_path, durable_sequence=5)[0] == "ACKNOWLEDGED_LOST"


def test_an_empty_directory_is_the_first_start_unless_something_is_known(tmp_path: Path) -> None:
    report = recover(tmp_path / "none", HASH, repair=True)
    assert (report.next_sequence, report.segment_sequence, report.segment_number) == (0, -1, -1)
    assert outcome(tmp_path, from_sequence=1)[0] == "MISSING_SEGMENT"
    assert outcome(tmp_path, durable_sequence=1)[0] == "MISSING_SEGMENT"


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "fsync"])
@pytest.mark.parametrize("torn", [False, True])
def test_a_tail_that_cannot_be_made_durable_is_a_failed_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, torn: bool
) -> None:
    built = Built(tmp_path, [[1, 2]])
    path = built.paths[0]
    at = built.frames[0][1][0]
    if torn:
        damaged = bytearray(path.read_bytes())
        damaged[at + 70] ^= 1
        overwrite(path, damaged)

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(FatalJournalError) as caught:
        recover(tmp_path, HASH, repair=True)
    assert (caught.value.errno, caught.value.path) == (errno.EIO, path)
    assert caught.value.offset == (built.frames[0][0][0] if torn else at)
    assert exit_status(caught.value) == ExitStatus.JOURNAL_FAILED


def test_a_report_can_be_sent_to_another_process(tmp_path: Path) -> None:
    Built(tmp_path, [[1], [2, 3]])
    report = recover(tmp_path, HASH, repair=True)
    sent = msgspec.json.encode(report)
    assert msgspec.json.decode(sent, type=RecoveryReport) == report
