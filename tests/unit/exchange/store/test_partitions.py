"""Months and the names of their partitions, beside the calendar."""

from __future__ import annotations

import datetime

import numpy as np

from exchange.store.partitions import NS, Partition, first_day, month_of, months_of


def test_months() -> None:
    assert month_of(0) == 1970 * 12
    december = 2026 * 12 + 11
    assert f"{first_day(december):%Y-%m-%d}" == "2026-12-01"
    assert f"{first_day(december + 1):%Y-%m-%d}" == "2027-01-01"
    last_ns = int(first_day(december + 1).timestamp()) * 10**9 - 1
    assert (month_of(last_ns), month_of(last_ns + 1)) == (december, december + 1)
    assert Partition("trades", december).name == "trades_2026_12"


def test_months_of_many_times() -> None:
    random = np.random.default_rng(4)
    for width_days in (1, 40, 4_000):
        times_ns = random.integers(0, width_days * 86_400 * NS, 200) + 1_600_000_000 * NS
        expected = {
            (moment.year * 12 + moment.month - 1)
            for moment in (
                datetime.datetime.fromtimestamp(time_ns // NS, datetime.UTC)
                for time_ns in times_ns.tolist()
            )
        }
        assert months_of(times_ns) == expected
    assert months_of(times_ns[:0]) == set()
