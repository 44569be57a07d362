"""Layouts and names of segment files."""

from __future__ import annotations

import numpy as np

from journal.layout import (
    FRAME_MAGIC,
    HEADER_BYTES,
    JOURNAL_MAGIC,
    SegmentHeader,
    layout_hash,
    pack_header,
    parse_segment_name,
    segment_name,
    unpack_header,
)

HEADER = SegmentHeader(JOURNAL_MAGIC, 1, 64, -5, 3, 77, -9, 1234, 8192)


def test_header_round_trip_and_byte_layout() -> None:
    block = pack_header(HEADER)
    assert len(block) == HEADER_BYTES
    assert unpack_header(block) == (HEADER, True)
    assert block[:8] == b"XWALSEG\0"
    assert np.frombuffer(block[:72], "<i8").tolist() == list(HEADER)
    assert set(block[72:4088]) == {0}


def test_names() -> None:
    assert segment_name(12, ".wal") == "00000000000000000012.wal"
    assert parse_segment_name("00000000000000000012.wal", ".wal") == 12
    for bad in ("12.wal", "00000000000000000012.evt", "0000000000000000001x.wal", ".wal", ""):
        assert parse_segment_name(bad, ".wal") is None
    assert parse_segment_name("²" * 20 + ".wal", ".wal") is None


def test_the_layout_hash_sees_every_change() -> None:
    base = {"names": ["a", "b"], "formats": ["<i8", "<i4"], "offsets": [0, 8], "itemsize": 64}
    changes = [
        {"names": ["a", "c"]},
        {"formats": ["<i8", "<u4"]},
        {"formats": ["<i8", ">i4"]},
        {"offsets": [0, 12]},
        {"itemsize": 128},
    ]
    hashes = {layout_hash(np.dtype({**base, **change})) for change in [{}, *changes]}
    assert len(hashes) == 6
    assert layout_hash(np.dtype(base)) == layout_hash(np.dtype(base))


def test_no_timestamp_can_look_like_a_frame() -> None:
    assert FRAME_MAGIC < 0 < 1 << 62
