"""Byte layouts of journal segments and archive segments, and their file names.

Who writes: writer.py (journal), archive_writer.py. Who reads: reader.py and recovery.py (journal),
archive_reader.py, the replay tool.
Everything is little-endian and starts at a multiple of 64 bytes. A sequence counts 64-byte slots in
the journal and records in the archive; it is a position, so it never repeats and never skips.

Journal segment ``<first sequence, 20 digits>.wal``: a file whose size never changes after it was
made (every byte is written once with zeros before the first append, see segment.py)::

    0        4096      4096 + 64 * (1 + count)
    +--------+---------+---------+-----+--------------------+
    | header | frame   | frame   | ... | zeros              |
    +--------+---------+---------+-----+--------------------+

Header block, 4096 bytes, of a journal segment and of an archive segment alike::

     0 magic u8 (8 bytes)         JOURNAL_MAGIC or ARCHIVE_MAGIC
     8 version i8
    16 record_size i8             bytes; journal 64
    24 dtype_hash i8              layout_hash(record dtype)
    32 segment_number i8          0, 1, 2, ... without gaps
    40 first_sequence i8
    48 previous_checksum i8       journal: checksum of the last frame of the segment before; 0 for
                                  the first segment, and always 0 in the archive
    56 created_ns i8              CLOCK_REALTIME
    64 file_size i8               bytes, header included
    72 .. 4087 zeros
    4088 checksum i8              XXH64 of bytes 0 .. 4087

Frame: one commit, a 64-byte header and ``slot_count`` slots of 64 bytes::

     0 magic i8                   FRAME_MAGIC: negative, so it cannot be mistaken for the timestamp
                                  that begins a record
     8 slot_count i8              1 ..
    16 first_sequence i8
    24 checksum i8                XXH64 of header (with this field 0) and slots
    32 previous_checksum i8       of the frame before; the segment header's for the first frame
    40 committed_ns i8            CLOCK_REALTIME when the frame was written
    48 segment_number i8
    56 zero i8

Archive segment ``<first event sequence, 20 digits>.evt``: header, then a fixed number of records,
each at a place known by arithmetic. A record is there if and only if its own sequence (int64 at its
offset 0) equals its position and its kind byte is not 0.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np

from journal.xxh64 import xxh64

VERSION = 1
HEADER_BYTES = 4096
SLOT_BYTES = 64
SLOT_WORDS = SLOT_BYTES // 8
HEADER_WORDS = HEADER_BYTES // 8
FRAME_HEADER_BYTES = 64
FRAME_HEADER_WORDS = FRAME_HEADER_BYTES // 8

JOURNAL_MAGIC = int.from_bytes(b"XWALSEG\0", "little")
ARCHIVE_MAGIC = int.from_bytes(b"XEVTSEG\0", "little")
FRAME_MAGIC = int.from_bytes(b"XFRAME\r\x8a", "little", signed=True)

JOURNAL_SUFFIX = ".wal"
ARCHIVE_SUFFIX = ".evt"
NAME_DIGITS = 20

# A sequence number of one more slot than this would not fit the arithmetic on byte offsets.
MINIMUM_SEGMENT_BYTES = HEADER_BYTES + FRAME_HEADER_BYTES + 2 * SLOT_BYTES
CHAIN_START = 0  # previous checksum of the very first frame

HEADER = np.dtype(
    {
        "names": [
            "magic",
            "version",
            "record_size",
            "dtype_hash",
            "segment_number",
            "first_sequence",
            "previous_checksum",
            "created_ns",
            "file_size",
            "checksum",
        ],
        "formats": ["<i8"] * 10,
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56, 64, HEADER_BYTES - 8],
        "itemsize": HEADER_BYTES,
    }
)

FRAME_HEADER = np.dtype(
    [
        ("magic", "<i8"),
        ("slot_count", "<i8"),
        ("first_sequence", "<i8"),
        ("checksum", "<i8"),
        ("previous_checksum", "<i8"),
        ("committed_ns", "<i8"),
        ("segment_number", "<i8"),
        ("zero", "<i8"),
    ]
)

# The same frame header as word indices, for jitted code.
FRAME_MAGIC_WORD = 0
FRAME_COUNT_WORD = 1
FRAME_SEQUENCE_WORD = 2
FRAME_CHECKSUM_WORD = 3
FRAME_PREVIOUS_WORD = 4
FRAME_TIME_WORD = 5
FRAME_SEGMENT_WORD = 6
FRAME_ZERO_WORD = 7

assert FRAME_MAGIC < 0
assert HEADER.itemsize == HEADER_BYTES
assert FRAME_HEADER.itemsize == FRAME_HEADER_BYTES


class SegmentHeader(NamedTuple):
    """The fields of a header block as Python integers (checksums and hashes signed)."""

    magic: int
    version: int
    record_size: int
    dtype_hash: int
    segment_number: int
    first_sequence: int
    previous_checksum: int
    created_ns: int
    file_size: int


def layout_hash(dtype: np.dtype) -> int:
    """Signed 64-bit hash of a record dtype: names, formats, offsets and item size.

    Written into every segment, so that a journal is never read with another layout.
    """
    fields: Any = dtype.fields or {}
    lines = [f"{name} {fields[name][0].str} {fields[name][1]}" for name in dtype.names or ()]
    lines.append(f"itemsize {dtype.itemsize}")
    digest = hashlib.sha256("\n".join(lines).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def segment_name(first_sequence: int, suffix: str) -> str:
    """File name of the segment that begins with ``first_sequence``."""
    return f"{first_sequence:0{NAME_DIGITS}d}{suffix}"


def parse_segment_name(name: str, suffix: str) -> int | None:
    """First sequence of a segment file name, or None if it is another file's name."""
    stem = name[: -len(suffix)]
    if not name.endswith(suffix) or len(stem) != NAME_DIGITS or not stem.isascii():
        return None
    return int(stem) if stem.isdigit() else None


def pack_header(header: SegmentHeader) -> bytes:
    """The 4096 bytes of a header block, checksum included."""
    block = np.zeros(1, HEADER)
    for name, value in header._asdict().items():
        block[name][0] = value
    block["checksum"][0] = xxh64(block.tobytes()[: HEADER_BYTES - 8])
    return block.tobytes()


def unpack_header(block: bytes) -> tuple[SegmentHeader, bool]:
    """The fields of a header block and whether its checksum is right."""
    values = np.frombuffer(block, HEADER)[0]
    header = SegmentHeader(*(int(values[name]) for name in SegmentHeader._fields))
    return header, int(values["checksum"]) == xxh64(block[: HEADER_BYTES - 8])
