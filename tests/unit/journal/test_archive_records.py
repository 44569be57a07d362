"""Which records of an archive segment are there."""

from __future__ import annotations

import numpy as np

from journal.archive_records import absent, present
from journal.layout import HEADER_BYTES
from tests.harness.small_archive import EVENT, KIND, events_of


def test_present_and_absent_runs() -> None:
    segment = np.zeros(HEADER_BYTES + 10 * EVENT.itemsize, np.uint8)
    records = segment[HEADER_BYTES:].view(EVENT)
    records[:] = events_of(100, 10)
    records["sequence"][3] = 3  # of another place
    records["kind"][4] = 0  # only the beginning was written
    words = segment.view(np.int64)
    place = np.array([100, EVENT.itemsize, KIND], np.int64)
    assert [present(words, segment, index, 10 - index, place) for index in (0, 2, 3, 4, 5)] == [
        3,
        1,
        0,
        0,
        5,
    ]
    assert [absent(words, segment, index, 10 - index, place) for index in (0, 3, 4)] == [0, 2, 1]
    assert absent(words, segment, 3, 1, place) == 1, "not beyond the limit"
