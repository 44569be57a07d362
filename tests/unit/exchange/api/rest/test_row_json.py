"""Lists of rows have the text that orjson would give, for every value."""

from __future__ import annotations

import random

import numpy as np
import orjson
import pytest

from exchange.api.orders.json import time_text, time_text_or_none
from exchange.api.rest.row_json import Column, RowWriter, quoted
from exchange.api.rest.row_text import NUMBER, NUMBER_OR_NULL, TEXT, TIME, TIME_OR_NULL

TEXTS = ["buy", 'a "quoted" one', "é", ""]
MAKERS = {
    NUMBER: lambda value: value,
    NUMBER_OR_NULL: lambda value: value or None,
    TIME: time_text,
    TIME_OR_NULL: time_text_or_none,
    TEXT: TEXTS.__getitem__,
}
TIMES = [1, 951_782_400_123_456_789, 4_107_542_399_999_999_999, 9_223_372_036_000_000_000]


def value_of(kind: int, dice: random.Random) -> int:
    if kind == TEXT:
        return dice.randrange(len(TEXTS))
    if kind in (TIME, TIME_OR_NULL):
        return dice.choice([0, *TIMES, dice.randrange(1 << 62)])
    return dice.choice([0, 1, -1, (1 << 63) - 1, 1 - (1 << 63), dice.randrange(-1000, 1000)])


@pytest.mark.parametrize("seed", range(20))
def test_as_orjson(seed: int) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)
    kinds = [dice.choice(list(MAKERS)) for _ in range(dice.randrange(1, 9))]
    columns = [
        Column(f'field "{number}"', kind, quoted(TEXTS) if kind == TEXT else ())
        for number, kind in enumerate(kinds)
    ]
    rows = [[value_of(kind, dice) for kind in kinds] for _ in range(dice.randrange(1, 40))]
    expected = [
        {
            column.name: MAKERS[column.kind](value)
            for column, value in zip(columns, row, strict=True)
        }
        for row in rows
    ]
    assert RowWriter(columns).make(np.array(rows, np.int64)) == orjson.dumps(expected)


def test_arrays_and_no_rows() -> None:
    writer = RowWriter([Column("price"), Column("quantity")], as_arrays=True)
    assert writer.make(np.array([[1, 2], [3, 4]])) == b"[[1,2],[3,4]]"
    assert writer.make(np.zeros((0, 2), np.int64)) == b"[]"
