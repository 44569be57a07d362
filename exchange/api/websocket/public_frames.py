"""Makes the frames of public channels from the market model, once for all subscribers.

Who uses it: the hub. Frames of events (trades, diffs) are made as the events come; frames of states
(depth, ticker, candle) when they are due, and for a new subscriber.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from exchange.api.websocket import messages
from exchange.api.websocket.channels import ChannelKey, ChannelKind, name_of
from exchange.api.websocket.messages import PriceLevel, StateName, frame
from exchange.api.websocket.trade_frames import TradeFrames
from exchange.codes import InstrumentState, Side
from exchange.read_model.market.model import INTERVALS, Trade

if TYPE_CHECKING:
    from exchange.read_model.market.model import Change, Kline, MarketModel

CHECKSUM_LEVELS = 10
NANOSECONDS_PER_MS = 1_000_000
STATE_NAMES: dict[int, StateName] = {
    InstrumentState.OPEN: "open",
    InstrumentState.AUCTION: "auction",
    InstrumentState.HALTED: "halted",
    InstrumentState.CANCEL_ONLY: "cancel_only",
    InstrumentState.CLOSED: "closed",
}


# Levels of a side in one message: some 250 kB, below the limits of clients' libraries (1 MiB).
PART_LEVELS = 5_000


def checksum(bids: Sequence[PriceLevel], asks: Sequence[PriceLevel]) -> int:
    """CRC32 of ``price:quantity`` of the ten best bids, then asks, best first, joined by ``|``."""
    levels = [*bids[:CHECKSUM_LEVELS], *asks[:CHECKSUM_LEVELS]]
    return zlib.crc32("|".join([f"{price}:{quantity}" for price, quantity in levels]).encode())


def _levels(levels: Sequence[tuple[int, int, int]]) -> list[PriceLevel]:
    return [(price, quantity) for price, quantity, _ in levels]


def _milliseconds(nanoseconds: int) -> int:
    return nanoseconds // NANOSECONDS_PER_MS


class PublicFrames:
    """Makes the frames of public channels from ``market``; keeps nothing of its own but caches."""

    def __init__(self, market: MarketModel, depth_levels: int) -> None:
        self._market = market
        self._depth_levels = depth_levels
        self._trade_frames: dict[int, TradeFrames] = {}
        self._snapshot: dict[int, tuple[int, int, list[bytes]]] = {}

    def name(self, key: ChannelKey) -> str:
        """The channel's name, as clients write it."""
        return name_of(key, self._symbol(key.instrument) if key.instrument else "")

    def _symbol(self, instrument: int) -> str:
        return self._market.instruments[instrument].symbol

    # --- events -----------------------------------------------------------------------------------

    def trades(self, instrument: int, trades: Sequence[Trade] | np.ndarray) -> bytes:
        """One frame for each trade, joined, in their order; also of Change.trade_words."""
        made = self._trade_frames.get(instrument)
        if made is None:
            made = self._trade_frames[instrument] = TradeFrames(self._symbol(instrument))
        return made.make(np.asarray(trades, np.int64).reshape(-1, len(Trade._fields)))

    def trades_since(self, key: ChannelKey, since: int) -> bytes:
        """Trades after event ``since`` as far as they are kept; a gap first if some may not be."""
        kept = self._market.trades_kept
        newest_first = self._market.trades(key.instrument, kept)
        missed = [trade for trade in newest_first if trade.sequence > since]
        missed.reverse()
        replay = self.trades(key.instrument, missed)
        if len(missed) == kept and missed[0].sequence > since + 1:
            # older trades are not kept: there may have been some in between
            return self.gap(key, since + 1, missed[0].sequence - 1) + replay
        return replay

    def gap(self, key: ChannelKey, first_sequence: int, last_sequence: int) -> bytes:
        """Says that the events from ``first_sequence`` to ``last_sequence`` are not sent."""
        return frame(messages.Gap(self.name(key), first_sequence, last_sequence))

    def depth_diff(self, change: Change, first_sequence: int) -> bytes:
        """What changed in the book since the event before ``first_sequence``."""
        levels = {(side == Side.BUY, price): size for side, price, size, _ in change.levels}
        return self.levels_diff(change.instrument, (first_sequence, change.last_sequence), levels)

    def levels_diff(
        self, instrument: int, sequences: tuple[int, int], levels: dict[tuple[bool, int], int]
    ) -> bytes:
        """The present quantities of ``levels``: (is a bid, price), as of ``sequences`` [1].

        ``sequences``: the first and the last event of the diff; the model stands at the last.
        """
        best = self._market.depth(instrument, CHECKSUM_LEVELS)
        return frame(
            messages.DepthDiff(
                symbol=self._symbol(instrument),
                first_sequence=sequences[0],
                last_sequence=sequences[1],
                bids=[(price, size) for (is_bid, price), size in levels.items() if is_bid],
                asks=[(price, size) for (is_bid, price), size in levels.items() if not is_bid],
                checksum=checksum(_levels(best.bids), _levels(best.asks)),
                timestamp=_milliseconds(best.timestamp_ns),
            )
        )

    # --- states -----------------------------------------------------------------------------------

    def _levels_of(self, key: ChannelKey) -> int:
        """How many levels of each side a channel ``depth`` shows."""
        return int(key.variant) if key.variant else self._depth_levels

    def depth(self, key: ChannelKey) -> bytes:
        """The best levels as they are now."""
        instrument = key.instrument
        depth = self._market.depth(instrument, self._levels_of(key))
        bids, asks = _levels(depth.bids), _levels(depth.asks)
        return frame(
            messages.Depth(
                symbol=self._symbol(instrument),
                bids=bids,
                asks=asks,
                sequence=depth.sequence,
                checksum=checksum(bids, asks),
                timestamp=_milliseconds(depth.timestamp_ns),
            )
        )

    def depth_snapshot(self, instrument: int, sequence: int) -> list[bytes]:
        """The whole book as it is now, in parts; the diff after it begins with ``sequence`` + 1.

        The first part is a snapshot of the best levels, the others are diffs with the deeper ones;
        the last of them is that of ``sequence``. So no message is larger than a client's library
        takes, and who follows diffs has the whole book without knowing of parts. Kept until the
        book changes: after a restart everybody asks for it at once.
        """
        market = self._market
        cached = self._snapshot.get(instrument)
        newest = market.depth(instrument, 0).sequence
        if cached is not None and cached[:2] == (sequence, newest):
            return cached[2]
        depth = market.depth(instrument, None)
        bids, asks = _levels(depth.bids), _levels(depth.asks)
        symbol, timestamp = self._symbol(instrument), _milliseconds(depth.timestamp_ns)
        most = max(len(bids), len(asks), 1)
        # parts have sequences of their own, which are those of events long ago
        size = max(PART_LEVELS, -(-most // (sequence + 1)))
        deeper = range(size, most, size)
        first = sequence - len(deeper)
        check = checksum(bids, asks)
        made = [
            frame(messages.DepthSnapshot(symbol, bids[:size], asks[:size], first, check, timestamp))
        ]
        for number, at in enumerate(deeper, first + 1):
            part = slice(at, at + size)
            made.append(
                frame(
                    messages.DepthDiff(
                        symbol, number, number, bids[part], asks[part], check, timestamp
                    )
                )
            )
        self._snapshot[instrument] = (sequence, newest, made)
        return made

    def ticker(self, instrument: int) -> bytes:
        """The trading day so far."""
        ticker = self._market.ticker(instrument)
        last_ns, until_ns = ticker.last_ns, ticker.until_ns
        return frame(
            messages.Ticker(
                symbol=self._symbol(instrument),
                last_price=ticker.last_price,
                last_quantity=ticker.last_quantity,
                last_timestamp=None if last_ns is None else _milliseconds(last_ns),
                open=ticker.open,
                high=ticker.high,
                low=ticker.low,
                volume=ticker.volume,
                turnover=ticker.turnover,
                trade_count=ticker.trade_count,
                reference_price=ticker.reference_price,
                previous_close=ticker.previous_close,
                best_bid=ticker.best_bid,
                best_bid_quantity=ticker.best_bid_quantity,
                best_ask=ticker.best_ask,
                best_ask_quantity=ticker.best_ask_quantity,
                state=STATE_NAMES[ticker.state],
                until=_milliseconds(until_ns) if until_ns else None,
                auction_price=ticker.auction_price,
                auction_volume=ticker.auction_volume,
                sequence=ticker.sequence,
                timestamp=_milliseconds(ticker.timestamp_ns),
            )
        )

    def kline(self, instrument: int, interval: str, kline: Kline, *, closed: bool) -> bytes:
        """One candle."""
        return frame(
            messages.Kline(
                symbol=self._symbol(instrument),
                interval=interval,
                timestamp=_milliseconds(kline.start_ns),
                open=kline.open,
                high=kline.high,
                low=kline.low,
                close=kline.close,
                volume=kline.volume,
                trade_count=kline.trade_count,
                closed=closed,
            )
        )

    def newest_kline(self, instrument: int, interval: str) -> Kline | None:
        """The candle of the newest trade; None: there was none yet."""
        newest = self._market.klines(instrument, interval, limit=1)
        return newest[0] if newest else None

    def shown(self, key: ChannelKey) -> object:
        """The present state of a channel of states. While it is equal, no frame need be sent."""
        instrument = key.instrument
        if key.kind is ChannelKind.DEPTH:
            depth = self._market.depth(instrument, self._levels_of(key))
            return _levels(depth.bids), _levels(depth.asks)
        if key.kind is ChannelKind.TICKER:
            return self._market.ticker(instrument)._replace(sequence=0, timestamp_ns=0)
        return self.newest_kline(instrument, key.variant)

    def present(self, key: ChannelKey, *, now_ms: int) -> bytes:
        """The frame that a new subscriber of ``key`` begins with; empty for channels of events."""
        instrument = key.instrument
        if key.kind is ChannelKind.DEPTH:
            return self.depth(key)
        if key.kind is ChannelKind.TICKER:
            return self.ticker(instrument)
        if key.kind is ChannelKind.KLINE:
            kline = self.newest_kline(instrument, key.variant)
            if kline is not None:
                ended = kline.start_ns + INTERVALS[key.variant] <= now_ms * NANOSECONDS_PER_MS
                return self.kline(instrument, key.variant, kline, closed=ended)
        return b""
