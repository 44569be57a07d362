"""The comparison of a stream with the archive's trades."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from exchange.connect.rabbitmq.check import Found, compare_stream
from exchange.connect.rabbitmq.sink import Message

TRADES = [Message(i, "trade.AAPL", str(i), b"{%d}" % i) for i in range(10, 40, 3)]
THERE = [Found(each.sequence, each.routing_key, each.text) for each in TRADES]


def compare(found: Iterable[Found]) -> tuple[int, list[str], int | None]:
    async def stream() -> AsyncIterator[Found]:
        for each in found:
            yield each

    return asyncio.run(compare_stream("trades", stream(), iter(TRADES)))


def test_an_equal_stream() -> None:
    assert compare(THERE) == (len(TRADES), [], None)


def test_what_was_written_again_counts_once() -> None:
    assert compare([*THERE[:6], *THERE[2:]]) == (len(TRADES), [], None)


def test_trades_that_have_left_the_stream_are_noted() -> None:
    assert compare(THERE[4:]) == (len(TRADES) - 4, [], 22)


def test_trades_after_the_position_are_not_compared() -> None:
    assert compare([*THERE, Found(100, "trade.AAPL", b"")]) == (len(TRADES), [], None)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (THERE[:-2], "trades: trade 34 and all after it are missing"),
        ([*THERE[:3], *THERE[4:]], "trades: trade 19 is missing"),
        ([THERE[0], Found(12, "x", b"y"), *THERE[1:]], "trades: not a trade of this exchange: y"),
        ([Found(-1, "x", b"z"), *THERE], "trades: not a trade of this exchange: z"),
        (
            [*THERE[:1], THERE[1]._replace(text=b"{}"), *THERE[2:]],
            "trades: trade 13 is trade.AAPL {} there, and trade.AAPL {13} in the archive",
        ),
    ],
)
def test_a_difference_is_told(there: list[Found], said: str) -> None:
    _, differences, _ = compare(there)
    assert differences == [said]


def test_an_empty_stream_is_one_difference() -> None:
    assert compare([])[1] == ["trades: trade 10 and all after it are missing"]
