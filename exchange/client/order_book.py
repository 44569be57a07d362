"""A local copy of one instrument's book, kept by the messages of its ``depth_diff`` channel.

Who uses it: bots that need more than the 20 levels of ``depth``. Every message carries a checksum
of the ten best levels; ``apply`` compares it, so a book that differs is noticed at once.
"""

from __future__ import annotations

import heapq
import zlib

from exchange.client.messages import DepthDiff, DepthSnapshot, Level

CHECKSUM_LEVELS = 10


class OutOfStep(Exception):
    """A diff does not follow, or the checksum differs: subscribe again for a new snapshot."""


class OrderBook:
    """``bids`` and ``asks``: price -> quantity. Empty until the snapshot has come."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.sequence: int | None = None

    @property
    def best_bid(self) -> int | None:
        """The highest bid."""
        return max(self.bids, default=None)

    @property
    def best_ask(self) -> int | None:
        """The lowest ask."""
        return min(self.asks, default=None)

    def apply(self, message: DepthSnapshot | DepthDiff) -> None:
        """Take the next message. Raises OutOfStep, and is empty then."""
        if message.symbol != self.symbol:
            return
        if isinstance(message, DepthSnapshot):
            self.bids, self.asks = dict(message.bids), dict(message.asks)
            self.sequence = message.sequence
        else:
            if self.sequence is None:
                raise OutOfStep(f"{self.symbol}: a diff came before the snapshot")
            if message.last_sequence <= self.sequence:
                return  # the snapshot has it already
            if message.first_sequence > self.sequence + 1:
                self._fail(
                    f"events {self.sequence + 1} to {message.first_sequence - 1} are missing"
                )
            for side, levels in ((self.bids, message.bids), (self.asks, message.asks)):
                for price, quantity in levels:
                    if quantity:
                        side[price] = quantity
                    else:
                        side.pop(price, None)
            self.sequence = message.last_sequence
        if checksum(self.best_bids(), self.best_asks()) != message.checksum:
            self._fail(f"another checksum at event {self.sequence}")

    def best_bids(self, count: int = CHECKSUM_LEVELS) -> list[Level]:
        """The ``count`` best (price, quantity), best first."""
        return [(price, self.bids[price]) for price in heapq.nlargest(count, self.bids)]

    def best_asks(self, count: int = CHECKSUM_LEVELS) -> list[Level]:
        """The ``count`` best (price, quantity), best first."""
        return [(price, self.asks[price]) for price in heapq.nsmallest(count, self.asks)]

    def _fail(self, what: str) -> None:
        self.bids, self.asks, self.sequence = {}, {}, None
        raise OutOfStep(f"{self.symbol}: {what}")


def checksum(bids: list[Level], asks: list[Level]) -> int:
    """CRC32 of the ten best bids, then the ten best asks, as price:quantity joined by ``|``."""
    levels = bids[:CHECKSUM_LEVELS] + asks[:CHECKSUM_LEVELS]
    return zlib.crc32("|".join(f"{price}:{quantity}" for price, quantity in levels).encode())
