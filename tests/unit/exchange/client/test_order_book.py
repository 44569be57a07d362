"""The client's book against the server's definition of the channel."""

import random
import zlib

import pytest

from exchange.client import OrderBook, OutOfStep
from exchange.client.messages import DepthDiff, DepthSnapshot
from exchange.client.order_book import checksum


def check(bids, asks):
    """As docs/websocket.md says it, from whole books."""
    best = [(p, bids[p]) for p in sorted(bids, reverse=True)[:10]]
    best += [(p, asks[p]) for p in sorted(asks)[:10]]
    return zlib.crc32("|".join(f"{p}:{q}" for p, q in best).encode())


def snapshot(bids, asks, sequence):
    return DepthSnapshot(
        symbol="X",
        bids=list(bids.items()),
        asks=list(asks.items()),
        sequence=sequence,
        checksum=check(bids, asks),
        timestamp=0,
    )


def diff(first, last, bids, asks, whole):
    return DepthDiff(
        symbol="X",
        first_sequence=first,
        last_sequence=last,
        bids=bids,
        asks=asks,
        checksum=check(*whole),
        timestamp=0,
    )


@pytest.mark.parametrize("seed", range(5))
def test_diffs_keep_it_equal(seed):
    choose = random.Random(seed)
    bids = {p: choose.randrange(1, 9) for p in range(80, 100)}
    asks = {p: choose.randrange(1, 9) for p in range(101, 120)}
    book = OrderBook("X")
    assert book.best_bid is None and book.best_ask is None
    book.apply(snapshot(bids, asks, 7))
    at = 7
    for _ in range(200):
        changes = {}
        for _ in range(choose.randrange(3)):
            price, quantity = choose.randrange(70, 130), choose.choice([0, 1, 5])
            changes[price] = quantity
            side = bids if price <= 100 else asks
            side[price] = quantity
            if not quantity:
                del side[price]
        last = at + choose.randrange(1, 4)
        book.apply(
            diff(
                at + 1,
                last,
                [(p, q) for p, q in changes.items() if p <= 100],
                [(p, q) for p, q in changes.items() if p > 100],
                (bids, asks),
            )
        )
        at = last
        assert (book.bids, book.asks) == (bids, asks)
        assert book.best_bid == max(bids, default=None)
        assert book.best_ask == min(asks, default=None)


def test_what_does_not_follow_is_noticed():
    book = OrderBook("X")
    with pytest.raises(OutOfStep, match="before the snapshot"):
        book.apply(diff(1, 1, [], [], ({}, {})))
    book.apply(snapshot({1: 1}, {2: 2}, 5))
    book.apply(diff(4, 5, [(9, 9)], [], ({}, {})))  # the snapshot has it already
    assert book.bids == {1: 1}
    with pytest.raises(OutOfStep, match="events 6 to 6 are missing"):
        book.apply(diff(7, 8, [], [], ({1: 1}, {2: 2})))
    assert book.sequence is None and not book.bids
    book.apply(snapshot({1: 1}, {2: 2}, 9))
    with pytest.raises(OutOfStep, match="another checksum"):
        book.apply(diff(10, 10, [(1, 3)], [], ({1: 1}, {2: 2})))


def test_another_symbol_is_passed_over():
    book = OrderBook("Y")
    book.apply(snapshot({1: 1}, {2: 2}, 5))
    assert book.sequence is None


def test_checksum_of_nothing():
    assert checksum([], []) == zlib.crc32(b"")
