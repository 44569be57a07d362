"""Differences as text. A real server is compared in tests/connectors/test_redis.py."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.connect.redis.check import _value_differences
from exchange.connect.redis.content import Item, Kind

TRADE = (("price", "5"),)


@pytest.mark.parametrize(
    ("item", "kind", "answer", "told"),
    [
        (Item("k", Kind.HASH, {"a": "1"}), b"hash", [b"a", b"1"], []),
        (
            Item("k", Kind.HASH, {"a": "1"}),
            b"hash",
            [b"a", b"2", b"b", b"3"],
            ["k: a is 2, the archive says 1", "k: b is 3, the archive says absent"],
        ),
        (Item("k", Kind.SCORES, {"5": 5}), b"zset", [b"5", b"5"], []),
        (
            Item("k", Kind.SCORES, {"5": 5}),
            b"zset",
            [b"5", b"6"],
            ["k: 5 is 6, the archive says 5"],
        ),
        (Item("k", Kind.SET, {"m": None}), b"set", [b"m"], []),
        (
            Item("k", Kind.SET, {"m": None, "n": None}),
            b"set",
            [b"m"],
            ["k: n is absent, the archive says None"],
        ),
        (Item("k", Kind.STREAM, {"7-0": TRADE}), b"stream", [[b"7-0", [b"price", b"5"]]], []),
        (Item("k", Kind.STREAM, {"7-0": TRADE}), b"hash", [b"a", b"1"], ["k: is a hash"]),
    ],
)
def test_what_differs_is_told(item: Item, kind: bytes, answer: Any, told: list[str]) -> None:
    assert list(_value_differences(item, kind, answer)) == told
