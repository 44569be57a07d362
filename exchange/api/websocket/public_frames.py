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
        self._snapshot: dict[int, tuple[int, int, bytes]] = {}

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
        best = self._market.depth(change.instrument, CHECKSUM_LEVELS)
        levels = change.levels
        return frame(
            messages.DepthDiff(
                symbol=self._symbol(change.instrument),
                first_sequence=first_sequence,
                last_sequence=change.last_sequence,
                bids=[(price, size) for side, price, size, _ in levels if side == Side.BUY],
                asks=[(price, size) for side, price, size, _ in levels if side != Side.BUY],
                checksum=checksum(_levels(best.bids), _levels(best.asks)),
                timestamp=_milliseconds(change.timestamp_ns),
            )
        )

    # --- states -----------------------------------------------------------------------------------

    def depth(self, instrument: int) -> bytes:
        """The best levels as they are now."""
        depth = self._market.depth(instrument, self._depth_levels)
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

    def depth_snapshot(self, instrument: int, sequence: int) -> bytes:
        """The whole book as it is now; the diff after it begins with ``sequence`` + 1.

        Kept until the book changes: after a restart everybody asks for it at once.
        """
        market = self._market
        cached = self._snapshot.get(instrument)
        newest = market.depth(instrument, 0).sequence
        if cached is not None and cached[:2] == (sequence, newest):
            return cached[2]
        depth = market.depth(instrument, None)
        bids, asks = _levels(depth.bids), _levels(depth.asks)
        made = frame(
            messages.DepthSnapshot(
                symbol=self._symbol(instrument),
                bids=bids,
                asks=asks,
                sequence=sequence,
                checksum=checksum(bids, asks),
                timestamp=_milliseconds(depth.timestamp_ns),
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
            depth = self._market.depth(instrument, self._depth_levels)
            return _levels(depth.bids), _levels(depth.asks)
        if key.kind is ChannelKind.TICKER:
            return self._market.ticker(instrument)._replace(sequence=0, timestamp_ns=0)
        return self.newest_kline(instrument, key.interval)

    def present(self, key: ChannelKey, *, sequence: int, now_ms: int) -> bytes:
        """The frame that a new subscriber of ``key`` begins with; empty for channels of events.

        ``sequence``: of the channel's last diff (depth_diff only).
        """
        instrument = key.instrument
        if key.kind is ChannelKind.DEPTH:
            return self.depth(instrument)
        if key.kind is ChannelKind.DEPTH_DIFF:
            return self.depth_snapshot(instrument, sequence)
        if key.kind is ChannelKind.TICKER:
            return self.ticker(instrument)
        if key.kind is ChannelKind.KLINE:
            kline = self.newest_kline(instrument, key.interval)
            if kline is not None:
                ended = kline.start_ns + INTERVALS[key.interval] <= now_ms * NANOSECONDS_PER_MS
                return self.kline(instrument, key.interval, kline, closed=ended)
        return b""
