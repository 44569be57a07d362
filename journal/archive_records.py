"""The jitted half of the event archive: append records from the event ring; see which are there.

Who uses it: ``archive_writer.py``, ``archive_reader.py`` and ``duty_cycle.py``. A record is present
if its own sequence (int64 at offset 0) is its position and its kind byte is not 0.
"""

from __future__ import annotations

import numpy as np

from journal.layout import HEADER_BYTES
from ringbuffer.jit import jit
from ringbuffer.system_calls import errno, pwritev

# The appender's state is one int64 array (as the writer's, see commit.py). Its words:
DESCRIPTOR = 0
NEXT_SEQUENCE = 1
SEGMENT_FIRST = 2  # first sequence of the open segment
SEGMENT_RECORDS = 3
RECORD_SIZE = 4  # bytes
FAILURE = 5
ERRNO = 6
WRITTEN_BYTES = 7
FAILED_COUNT = 8
_VECTORS = 9  # [4] two struct iovec (address, length)
STATE_SIZE = _VECTORS + 4

SEGMENT_FULL = -1
WRITE_FAILED = -2
SHORT_WRITE = -4


@jit
def append(words: np.ndarray, ring_words: np.ndarray, available: int) -> int:
    """Write up to ``available`` records from the archive's next sequence on, out of the ring.

    ``words``: int64[STATE_SIZE]; ``ring_words``: int64, the ring: a power of two of records.
    Returns the number of records written (0 if none was asked for), SEGMENT_FULL (roll and call
    again), or WRITE_FAILED, SHORT_WRITE: fatal.
    """
    failure: int = words[FAILURE]
    if failure != 0:
        return failure
    if available <= 0:
        return 0
    record_size = words[RECORD_SIZE]
    first = words[NEXT_SEQUENCE]
    index = first - words[SEGMENT_FIRST]
    count: int = min(available, words[SEGMENT_RECORDS] - index)
    if count <= 0:
        return SEGMENT_FULL
    capacity = ring_words.shape[0] * 8 // record_size
    start = first & (capacity - 1)
    before_wrap = min(count, capacity - start)
    address = np.int64(ring_words.ctypes.data)
    vectors = words[_VECTORS : _VECTORS + 4]
    vectors[0] = address + start * record_size
    vectors[1] = before_wrap * record_size
    vectors[2] = address
    vectors[3] = (count - before_wrap) * record_size
    written = pwritev(
        np.int32(words[DESCRIPTOR]),
        vectors.ctypes.data,
        np.int32(2 if count > before_wrap else 1),
        HEADER_BYTES + index * record_size,
    )
    if written != count * record_size:
        words[ERRNO] = errno() if written < 0 else 0
        words[WRITTEN_BYTES] = written
        words[FAILED_COUNT] = count
        failure = WRITE_FAILED if written < 0 else SHORT_WRITE
        words[FAILURE] = failure
        return failure
    words[NEXT_SEQUENCE] = first + count
    return count


@jit
def present(
    words: np.ndarray, octets: np.ndarray, index: int, limit: int, place: np.ndarray
) -> int:
    """How many records from ``index`` on are there without a gap, at most ``limit``.

    ``words``, ``octets``: int64 and uint8 views of the mapped segment; ``place``: int64[3], first
    sequence of the segment, record size, offset of the kind byte.
    """
    first_sequence, record_size, kind_offset = place[0], place[1], place[2]
    for i in range(limit):
        offset = HEADER_BYTES + (index + i) * record_size
        if words[offset // 8] != first_sequence + index + i or octets[offset + kind_offset] == 0:
            return i
    return limit


@jit
def absent(words: np.ndarray, octets: np.ndarray, index: int, limit: int, place: np.ndarray) -> int:
    """How many records from ``index`` on are missing before the next one that is there.

    At most ``limit``; parameters as of ``present``.
    """
    first_sequence, record_size, kind_offset = place[0], place[1], place[2]
    for i in range(limit):
        offset = HEADER_BYTES + (index + i) * record_size
        if words[offset // 8] == first_sequence + index + i and octets[offset + kind_offset] != 0:
            return i
    return limit
