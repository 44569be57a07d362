"""What tells exchanges apart, and whether a sink's records can be gone on with."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from store_world import MemoryArchive

from exchange.connect.sink import SinkPosition, SinkRefused, check_position, exchange_identity
from exchange.records import EVENT


def archive_of(count: int) -> MemoryArchive:
    made = np.zeros(count, EVENT)
    made["sequence"] = np.arange(count)
    made["kind"] = 1
    return MemoryArchive(made)


def test_an_exchange_is_told_by_its_first_event() -> None:
    archive = archive_of(3)
    assert (
        exchange_identity(archive) == hashlib.sha256(archive.events[:1].tobytes()).hexdigest()[:32]
    )
    archive.first = 1
    assert exchange_identity(archive) == ""
    assert exchange_identity(archive_of(0)) == ""


def test_what_fits_passes() -> None:
    archive = archive_of(10)
    own = exchange_identity(archive)
    for position in (SinkPosition(0, "another"), SinkPosition(10, own), SinkPosition(5, "")):
        check_position("Memory", position, archive, 10)
    archive.first = 5  # whose it is can be told no more
    check_position("Memory", SinkPosition(5, "another"), archive, 10)


@pytest.mark.parametrize(
    ("position", "said"),
    [
        (SinkPosition(11), "this exchange only up to 9"),
        (SinkPosition(1, "another"), "are of another exchange (another, this one is"),
    ],
)
def test_what_does_not_fit_is_refused(position: SinkPosition, said: str) -> None:
    with pytest.raises(SinkRefused) as refused:
        check_position("Memory", position, archive_of(10), 10)
    assert said in str(refused.value)
