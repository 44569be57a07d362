"""``from`` and ``to`` of a query string."""

from __future__ import annotations

import pytest

from exchange.api.errors import ApiError
from exchange.api.rest.schemas import MAXIMUM_TIME_MS, KlinesQuery
from exchange.api.rest.time_range import time_range


def test_from_is_in_the_range_and_to_is_not() -> None:
    times = time_range(KlinesQuery(from_ms=5, to_ms=6))
    assert 5_000_000 in times and 5_999_999 in times
    assert 4_999_999 not in times and 6_000_000 not in times


def test_a_side_that_is_missing_is_open() -> None:
    assert 0 in time_range(KlinesQuery()) and MAXIMUM_TIME_MS * 10**6 in time_range(KlinesQuery())
    assert 0 not in time_range(KlinesQuery(to_ms=0))


def test_the_wrong_way_round() -> None:
    with pytest.raises(ApiError) as caught:
        time_range(KlinesQuery(from_ms=6, to_ms=5))
    assert caught.value.data == {"field": "from"}
