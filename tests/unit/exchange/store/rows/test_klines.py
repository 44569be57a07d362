"""K-lines of random trades beside a dictionary that looks at one trade after the other."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.records import EVENT
from exchange.store.rows.copy_format import INTERVALS_S
from exchange.store.rows.klines import NS, Lines, lines_of, merge


def some_trades(seed: int, count: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    trades = np.zeros(count, EVENT)
    trades["timestamp_ns"] = 1_700_000_000 * NS + np.cumsum(random.integers(0, 40 * NS, count))
    trades["instrument"] = random.integers(1, 4, count)
    trades["price"] = random.integers(1, 1_000, count)
    trades["quantity"] = random.integers(1, 100, count)
    return trades


def naive(trades: np.ndarray, seconds: int) -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = {}
    for trade in trades:
        start_s = int(trade["timestamp_ns"]) // NS // seconds * seconds
        price, quantity = int(trade["price"]), int(trade["quantity"])
        line = found.setdefault((int(trade["instrument"]), start_s), [price, 0, price, 0, 0, 0])
        line[1], line[2] = max(line[1], price), min(line[2], price)
        line[3] = price
        line[4] += quantity
        line[5] += 1
    return found


def as_dictionary(lines: Lines) -> dict[tuple[int, int], list[int]]:
    columns = [column.tolist() for column in lines]
    return {(row[0], row[1]): list(row[2:]) for row in zip(*columns, strict=True)}


@pytest.mark.parametrize("seed", range(3))
def test_lines_of_every_interval(seed: int) -> None:
    trades = some_trades(seed, 500)
    for name, lines in lines_of(trades).items():
        expected = naive(trades, INTERVALS_S[name])
        found = as_dictionary(lines)
        assert found == expected
        assert list(found) == sorted(expected)


def test_lines_of_two_batches_are_lines_of_both() -> None:
    trades = some_trades(7, 300)
    parts = [lines_of(part)["5m"] for part in (trades[:117], trades[117:])]
    joined = merge(Lines(*map(np.concatenate, zip(*parts, strict=True))), INTERVALS_S["5m"])
    assert as_dictionary(joined) == naive(trades, INTERVALS_S["5m"])


def test_no_trades_have_no_lines() -> None:
    assert all(len(lines.start_s) == 0 for lines in lines_of(some_trades(1, 0)).values())
