"""Damage: cuts at every byte, a flip of every bit, the whole decision table, lost pages, fuzz.

The oracle: a journal of known frames. Whatever is done to the bytes, recovery must either end at
exactly the frames before the damage (a torn tail: nothing valid follows) or refuse; and a reader
must never hand out a record that was not written.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from journal.errors import Finding, JournalCorrupt
from journal.frames import BAD, BROKEN_CHAIN, EMPTY, FULL, GAP, OTHER_SEGMENT
from journal.layout import (
    FRAME_CHECKSUM_WORD,
    HEADER_BYTES,
    JOURNAL_MAGIC,
    SegmentHeader,
    pack_header,
    segment_name,
    unpack_header,
)
from journal.recovery import DECISIONS, Action, Rest, recover
from tests.harness.built_journal import (
    HASH,
    SEED,
    Built,
    frame,
    outcome,
    overwrite,
    payload,
    read_values,
)


def check_reader_is_honest(directory: Path, whole: bytes) -> None:
    """A reader hands out a prefix of what was written, then stops or refuses."""
    try:
        got = read_values(directory)
    except JournalCorrupt:
        return
    assert whole.startswith(got)


def test_last_segment_zeroed_from_every_byte(tmp_path: Path) -> None:
    """Everything from byte B on was never written: the tail is cut, whole frames stay."""
    built = Built(tmp_path, [[2, 1], [1, 2, 1]], 4096 + 1024)
    path, frames = built.paths[1], built.frames[1]
    good = path.read_bytes()
    data_end = frames[-1][0] + 64 * (1 + frames[-1][2])
    for cut in range(HEADER_BYTES, data_end + 1):
        overwrite(path, good[:cut].ljust(len(good), b"\0"))
        kept = [f for f in frames if f[0] + 64 * (1 + f[2]) <= cut]
        # The bytes that were lost may have been zeros already.
        same = path.read_bytes() == good
        expected = built.end_sequence if same else 3 + sum(f[2] for f in kept)
        kind, sequence = outcome(tmp_path)
        if kind == "end" and sequence > expected:
            # Only zeros of the next frame were lost, so the frame is whole.
            at = next(f for f in frames if f[1] + f[2] == sequence)
            end = at[0] + 64 * (1 + at[2])
            assert path.read_bytes()[at[0] : end] == good[at[0] : end]
        else:
            assert sequence == expected, cut
        check_reader_is_honest(tmp_path, payload(0, built.end_sequence))


def test_truncating_a_file_at_every_byte_is_refused(tmp_path: Path) -> None:
    built = Built(tmp_path, [[2, 1], [1, 2, 1]], 4096 + 1024)
    for path in built.paths:
        good = path.read_bytes()
        for size in range(len(good) - 1, -1, -1):
            os.truncate(path, size)
            kind, offset = outcome(tmp_path)
            assert kind == "TRUNCATED_FILE"
            assert offset == size
        overwrite(path, good)
    assert outcome(tmp_path) == ("end", 7)


@pytest.mark.parametrize("segment", [0, 1])
def test_a_flip_of_every_bit(tmp_path: Path, segment: int) -> None:
    """Each of the bits of headers and frames, and a sample of the zeros behind them."""
    built = Built(tmp_path, [[1, 2], [2, 1]], 4096 + 640)
    path, frames = built.paths[segment], built.frames[segment]
    good = path.read_bytes()
    data_end = frames[-1][0] + 64 * (1 + frames[-1][2])
    whole = payload(0, built.end_sequence)
    # The middle of the header block is covered by one checksum: every bit of its fields, then
    # every 61st byte.
    places = [*range(96), *range(96, HEADER_BYTES - 8, 61), *range(HEADER_BYTES - 8, len(good))]
    for offset in places:
        for bit in range(8):
            damaged = bytearray(good)
            damaged[offset] ^= 1 << bit
            overwrite(path, damaged)
            kind, where = outcome(tmp_path)
            if offset < HEADER_BYTES:
                assert kind == "BAD_HEADER", (offset, bit)
            elif segment == 0:
                # A sealed segment: whatever is damaged, the place is named.
                assert kind == "BAD_FRAME", (offset, bit)
                expected = max(f[0] for f in frames if f[0] <= min(offset, data_end - 1))
                assert where == (expected if offset < data_end else data_end)
            elif offset < frames[-1][0]:
                assert (kind, where) == ("BAD_FRAME", frames[0][0]), (offset, bit)
            elif offset < data_end:
                assert (kind, where) == ("cut", frames[-1][1]), (offset, bit)
            else:
                assert (kind, where) == ("cut", built.end_sequence), (offset, bit)
            check_reader_is_honest(tmp_path, whole)


# --- the decision table -------------------------------------------------------------------------


def place_code(built: Built, code: int) -> None:
    """Make the code stand after the first frame of the first segment."""
    path = built.paths[0]
    data = bytearray(path.read_bytes())
    at, sequence, count = built.frames[0][1]
    end = at + 64 * (1 + count)
    previous = int(np.frombuffer(data, "<i8")[built.frames[0][0][0] // 8 + FRAME_CHECKSUM_WORD])
    if code in (EMPTY, FULL):
        data[at:end] = bytes(end - at)
    elif code == BAD:
        data[at + 9] ^= 0xFF
        data[at + 64 :] = bytes(len(data) - at - 64)
        data[at : at + 16] = b"damaged damaged "
    elif code == GAP:
        data[at:end] = frame(sequence + 1, count, previous, 0)[0]
    elif code == BROKEN_CHAIN:
        data[at:end] = frame(sequence, count, previous ^ 1, 0)[0]
    elif code == OTHER_SEGMENT:
        data[at:end] = frame(sequence, count, previous, 7)[0]
    overwrite(path, data)


def can_exist(code: int, rest: Rest) -> bool:
    """Where no frame header fits no frame follows; where something stands it is not zeros."""
    if code == FULL:
        return rest != Rest.VALID_FRAME
    return code == EMPTY or rest != Rest.ZEROS


@pytest.mark.parametrize(
    ("code", "last", "rest"), [key for key in DECISIONS if can_exist(key[0], key[2])]
)
def test_decision_table(tmp_path: Path, code: int, last: bool, rest: Rest) -> None:
    """Every row whose combination can exist, on real files."""
    action, finding = DECISIONS[code, last, rest]
    # FULL: a segment that its first frame fills up to 64 bytes.
    size = 4096 + 64 * 4 if code == FULL else 4096 + 1024
    built = Built(tmp_path, [[2]] if code == FULL else [[2, 1]], size)
    path = built.paths[0]
    if code != FULL:
        place_code(built, code)
    data = bytearray(path.read_bytes())
    at = HEADER_BYTES + 64 * 3
    if rest == Rest.DAMAGE:
        data[-8:] = b"leftover"
    elif rest == Rest.VALID_FRAME:
        data[at + 256 : at + 384] = frame(17, 1, 99, 0)[0]
    overwrite(path, data)
    if not last:
        header = SegmentHeader(
            JOURNAL_MAGIC,
            1,
            64,
            HASH,
            1,
            2,
            int(np.frombuffer(data, "<i8")[HEADER_BYTES // 8 + FRAME_CHECKSUM_WORD]),
            1,
            4096 + 1024,
        )
        block = pack_header(header).ljust(header.file_size, b"\0")
        (tmp_path / segment_name(2, ".wal")).write_bytes(block)
    result = outcome(tmp_path)
    if action == Action.REFUSE:
        assert finding is not None
        assert result == (finding.name, at)
    elif action == Action.CUT:
        assert result == ("cut", 2)
    else:
        assert result == ("end", 2)
    check_reader_is_honest(tmp_path, payload(0, 2))


def test_the_table_has_a_row_for_every_combination() -> None:
    codes = (EMPTY, FULL, BAD, GAP, BROKEN_CHAIN, OTHER_SEGMENT)
    assert set(DECISIONS) == {(c, last, r) for c in codes for last in (True, False) for r in Rest}
    for action, finding in DECISIONS.values():
        assert (action == Action.REFUSE) == (finding is not None)


# --- files --------------------------------------------------------------------------------------


def rewrite_header(path: Path, **changes: int) -> None:
    data = path.read_bytes()
    header, good = unpack_header(data[:HEADER_BYTES])
    assert good
    path.write_bytes(pack_header(header._replace(**changes)) + data[HEADER_BYTES:])


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"magic": 1}, Finding.BAD_HEADER),
        ({"version": 2}, Finding.WRONG_VERSION),
        ({"record_size": 128}, Finding.WRONG_RECORD_LAYOUT),
        ({"dtype_hash": HASH ^ 1}, Finding.WRONG_RECORD_LAYOUT),
        ({"first_sequence": 4}, Finding.WRONG_NAME),
        ({"file_size": 12288}, Finding.TRUNCATED_FILE),
        ({"segment_number": 2}, Finding.MISSING_SEGMENT),
        ({"previous_checksum": 5}, Finding.CHAIN_MISMATCH),
    ],
)
def test_wrong_headers(tmp_path: Path, changes: dict[str, int], finding: Finding) -> None:
    built = Built(tmp_path, [[1, 2], [2]])
    rewrite_header(built.paths[1], **changes)
    with pytest.raises(JournalCorrupt) as caught:
        recover(tmp_path, HASH, repair=True)
    assert caught.value.finding == finding
    assert caught.value.path == built.paths[1]
    assert str(built.paths[1]) in str(caught.value)
    check_reader_is_honest(tmp_path, payload(0, 5))


@pytest.mark.parametrize("gone", [0, 1])
def test_a_missing_segment_is_refused(tmp_path: Path, gone: int) -> None:
    built = Built(tmp_path, [[1, 2], [2], [1]])
    built.paths[gone].unlink()
    with pytest.raises(JournalCorrupt) as caught:
        recover(tmp_path, HASH, repair=True)
    expected = Finding.NO_SUCH_SEQUENCE if gone == 0 else Finding.MISSING_SEGMENT
    assert caught.value.finding == expected
    with pytest.raises(JournalCorrupt):
        read_values(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "0.wal",
        f"{0:020d}.wal.bak",
        f"{0:020d}.evt",
        f"{'x' * 20}.wal",
        f"{9:021d}.wal",
    ],
)
def test_a_segment_under_another_name_is_refused(tmp_path: Path, name: str) -> None:
    """What cannot be a segment is passed over: tests/faults/test_foreign_files.py."""
    built = Built(tmp_path, [[1, 2]])
    (tmp_path / name).write_bytes(built.paths[0].read_bytes())
    assert outcome(tmp_path)[0] == "FOREIGN_FILE"


def test_a_segment_that_is_a_link_or_a_directory_is_refused(tmp_path: Path) -> None:
    built = Built(tmp_path / "a", [[1, 2]])
    target = tmp_path / "elsewhere"
    shutil.move(built.paths[0], target)
    built.paths[0].symlink_to(target)
    assert outcome(tmp_path / "a")[0] == "FOREIGN_FILE"
    built.paths[0].unlink()
    built.paths[0].mkdir()
    assert outcome(tmp_path / "a")[0] == "FOREIGN_FILE"


def test_segments_swapped_or_duplicated_are_refused(tmp_path: Path) -> None:
    built = Built(tmp_path, [[1, 2], [2], [1]])
    first, second = built.paths[0].read_bytes(), built.paths[1].read_bytes()
    built.paths[1].write_bytes(first)
    assert outcome(tmp_path)[0] == "WRONG_NAME"
    built.paths[1].write_bytes(second)
    (tmp_path / segment_name(6, ".wal")).write_bytes(second)
    assert outcome(tmp_path)[0] == "WRONG_NAME"


def test_the_tail_of_a_sealed_segment_lost_is_a_gap(tmp_path: Path) -> None:
    built = Built(tmp_path, [[1, 2], [2]])
    path = built.paths[0]
    data = bytearray(path.read_bytes())
    data[built.frames[0][1][0] :] = bytes(len(data) - built.frames[0][1][0])
    overwrite(path, data)
    assert outcome(tmp_path)[0] == "SEQUENCE_GAP"
    with pytest.raises(JournalCorrupt):
        read_values(tmp_path)


# --- power cut: any subset of the last frame's unsynced pages is lost -----------------------------


def test_lost_pages_of_the_last_frame(tmp_path: Path) -> None:
    """The writer has synced everything before the last frame; of it, any pages may be missing."""
    built = Built(tmp_path, [[30, 40, 190]], 32768)
    path = built.paths[0]
    good = path.read_bytes()
    at, first, count = built.frames[0][2]
    end = at + 64 * (1 + count)
    before = good[:at].ljust(len(good), b"\0")
    pages = list(range(at // 4096, (end - 1) // 4096 + 1))
    assert len(pages) >= 4
    for subset in range(1 << len(pages)):
        data = bytearray(before)
        for i, page in enumerate(pages):
            if subset >> i & 1:
                data[page * 4096 : page * 4096 + 4096] = good[page * 4096 : page * 4096 + 4096]
        overwrite(path, data)
        kind, sequence = outcome(tmp_path)
        if subset == (1 << len(pages)) - 1:
            assert (kind, sequence) == ("end", first + count)
        elif subset == 0:
            assert (kind, sequence) == ("end", first)
        else:
            assert (kind, sequence) == ("cut", first)
        report = recover(tmp_path, HASH, repair=True)
        assert report.next_sequence == sequence
        assert read_values(tmp_path) == payload(0, sequence)
        assert outcome(tmp_path) == ("end", sequence)


# --- fuzz ---------------------------------------------------------------------------------------


def test_random_damage(tmp_path: Path) -> None:
    """Seeded: some bytes, ranges, moved blocks. Never a wrong record, never a lost valid frame."""
    generator = np.random.default_rng(SEED)
    built = Built(tmp_path, [[3, 1, 5], [2, 2, 6], [4, 1, 1]], 4096 + 2048)
    good = [path.read_bytes() for path in built.paths]
    whole = payload(0, built.end_sequence)
    outcomes: dict[str, int] = {}
    for round_number in range(3000):
        segment = int(generator.integers(0, 3))
        data = bytearray(good[segment])
        low = HEADER_BYTES if generator.random() < 0.9 else 0
        kind = int(generator.integers(0, 4))
        offset = int(generator.integers(low, len(data)))
        length = int(min(generator.integers(1, 200), len(data) - offset))
        if kind == 0:
            data[offset] ^= int(generator.integers(1, 256))
        elif kind == 1:
            data[offset : offset + length] = generator.integers(0, 256, length, np.uint8).tobytes()
        elif kind == 2:
            data[offset : offset + length] = bytes(length)
        else:
            source = int(generator.integers(low // 64, (len(data) - length) // 64)) * 64
            target = offset // 64 * 64
            block = data[source : source + length]
            data[target : target + len(block)] = block
            del data[len(good[segment]) :]
        if data == good[segment]:
            continue
        overwrite(built.paths[segment], data)
        result, place = outcome(tmp_path)
        outcomes[result] = outcomes.get(result, 0) + 1
        context = (SEED, round_number, segment, kind, offset, length, result, place)
        if segment < 2:
            assert result not in ("cut", "end"), context
        elif result in ("cut", "end"):
            # No valid frame may stand behind the end: look with independent eyes.
            octets = bytes(data)
            end = max(
                [HEADER_BYTES]
                + [at + 64 * (1 + n) for at, s, n in built.frames[2] if s + n <= place]
            )
            assert place <= built.end_sequence, context
            for at, _sequence, count in built.frames[2]:
                stop = at + 64 * (1 + count)
                assert at < end or octets[at:stop] != good[2][at:stop], context
        check_reader_is_honest(tmp_path, whole)
        overwrite(built.paths[segment], good[segment])
    assert outcomes["cut"] > 100
    assert outcomes["BAD_FRAME"] > 100
