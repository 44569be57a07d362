"""The commands that bring Redis from one moment to the next.

Who uses it: the sink, for each batch. All values are absolute. A busy instrument's book and ticker
are written once a batch, and of these only the levels and fields that differ from what Redis has:
``Shown`` remembers that, a few hundred bytes for each instrument.

Invariant: what ``commands`` makes of ``content`` at one moment is ``content`` at the next
(tests/unit/exchange/connect/redis/test_changes.py).

Decision CON-30.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from exchange.connect.redis.commands import Commands
from exchange.connect.redis.content import (
    ASKS,
    BIDS,
    SIDE_NAMES,
    Shape,
    Value,
    kline_score,
    kline_text,
    level_texts,
    ticker_texts,
)
from exchange.connect.redis.models import CacheModels
from exchange.read_model.market.changes import Change
from exchange.read_model.market.types import Instrument, Kline, LevelRow

Levels = dict[int, str]


class _Shown:
    """What Redis has of an instrument. ``names``: its keys, made once."""

    __slots__ = ("asks", "bids", "klines_key", "levels_keys", "sides_keys", "ticker", "trades_key")

    def __init__(self, shape: Shape, instrument: Instrument) -> None:
        symbol = instrument.symbol
        self.ticker: dict[str, str] = {}
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.sides_keys = {side: shape.key(side, symbol) for side in (BIDS, ASKS)}
        self.levels_keys = {side: shape.key(f"{side}_levels", symbol) for side in (BIDS, ASKS)}
        self.trades_key = shape.key("trades", symbol)
        self.klines_key = {each: shape.key("klines", each, symbol) for each in shape.intervals}


class CacheChanges:
    """``reset`` says that Redis has what the models say; ``commands`` follows them from there."""

    def __init__(self, models: CacheModels, shape: Shape) -> None:
        self._models = models
        self._shape = shape
        self._shown: dict[int, _Shown] = {}

    def reset(self) -> None:
        """Redis holds what the models say now."""
        self._shown.clear()
        for instrument in self._models.market.instruments.values():
            shown = self._shown[instrument.number] = _Shown(self._shape, instrument)
            depth = self._models.market.depth(instrument.number, self._shape.levels)
            shown.bids, shown.asks = level_texts(depth.bids), level_texts(depth.asks)
            ticker = self._models.market.ticker(instrument.number)
            shown.ticker = ticker_texts(instrument, ticker)

    def commands(self) -> Commands:
        """What has changed in the models since ``reset`` or the last call."""
        made = Commands()
        changes, balances, positions = self._models.take_changes()
        for change in changes:
            self._instrument(made, change)
        self._accounts(made, balances, positions)
        return made

    # --- instruments ----------------------------------------------------------------------------

    def _instrument(self, made: Commands, change: Change) -> None:
        market, shape = self._models.market, self._shape
        instrument = market.instruments[change.instrument]
        shown = self._shown.get(change.instrument)
        if shown is None:
            shown = self._shown[change.instrument] = _Shown(shape, instrument)
            made.add("SADD", shape.key("symbols"), instrument.symbol)
        if len(change.level_words):
            depth = market.depth(change.instrument, shape.levels)
            shown.bids = self._side(made, shown, BIDS, shown.bids, depth.bids)
            shown.asks = self._side(made, shown, ASKS, shown.asks, depth.asks)
        if len(change.trade_words):
            self._trades(made, shown, change.trade_words)
            self._klines(made, shown, change)
        ticker = ticker_texts(instrument, market.ticker(change.instrument))
        before, shown.ticker = shown.ticker, ticker
        words: list[Value] = ["HSET", shape.key("ticker", instrument.symbol)]
        for name, text in ticker.items():
            if before.get(name) != text:
                words += (name, text)
        if len(words) > 2:
            made.add_list(words)

    def _side(
        self, made: Commands, shown: _Shown, side: str, before: Levels, rows: list[LevelRow]
    ) -> Levels:
        """One side of a book from ``before`` to ``rows``, which are returned as levels."""
        now = level_texts(rows)
        gone = before.keys() - now.keys()
        if gone:
            made.add("ZREM", shown.sides_keys[side], *gone)
            made.add("HDEL", shown.levels_keys[side], *gone)
        scores: list[Value] = ["ZADD", shown.sides_keys[side]]
        texts: list[Value] = ["HSET", shown.levels_keys[side]]
        for price, text in now.items():
            if before.get(price) != text:
                texts += (price, text)
                if price not in before:
                    scores += (price, price)
        if len(scores) > 2:
            made.add_list(scores)
        if len(texts) > 2:
            made.add_list(texts)
        return now

    def _trades(self, made: Commands, shown: _Shown, trade_words: np.ndarray) -> None:
        """The trades as entries ``<sequence>-0``; those that would be trimmed at once are not."""
        key, add = shown.trades_key, made.add
        for sequence, time_ns, price, quantity, side, _ in trade_words[
            -self._shape.trades :
        ].tolist():
            add(
                "XADD", key, f"{sequence}-0", "price", price, "quantity", quantity,
                "side", SIDE_NAMES[side], "time_ns", time_ns,
            )  # fmt: skip
        add("XTRIM", key, "MAXLEN", "=", self._shape.trades)

    def _klines(self, made: Commands, shown: _Shown, change: Change) -> None:
        newest = change.klines
        for interval, key in shown.klines_key.items():
            for kline in (*change.closed_klines.get(interval, ()), newest[interval]):
                _kline(made, key, kline)
            made.add("ZREMRANGEBYRANK", key, 0, -self._shape.klines - 1)

    # --- accounts -------------------------------------------------------------------------------

    def _accounts(self, made: Commands, balances: np.ndarray, positions: np.ndarray) -> None:
        currency, instruments = self._models.currency, self._models.market.instruments
        self._hashes(
            made,
            "balances",
            (
                (account, currency(number), f"{balance}:{frozen}")
                for account, number, balance, frozen in zip(
                    balances["account"].tolist(),
                    balances["currency"].tolist(),
                    balances["balance"].tolist(),
                    balances["frozen"].tolist(),
                    strict=True,
                )
            ),
        )
        self._hashes(
            made,
            "positions",
            (
                (account, instruments[number].symbol, f"{quantity}:{frozen}:{cost}")
                for account, number, quantity, frozen, cost in zip(
                    positions["account"].tolist(),
                    positions["instrument"].tolist(),
                    positions["quantity"].tolist(),
                    positions["frozen"].tolist(),
                    positions["total_cost"].tolist(),
                    strict=True,
                )
            ),
        )

    def _hashes(self, made: Commands, name: str, fields: Iterable[tuple[int, str, str]]) -> None:
        """Fields of hashes of accounts, one command for each account."""
        by_account: dict[int, list[Value]] = {}
        for account, field, text in fields:
            by_account.setdefault(account, []).extend((field, text))
        for account, words in by_account.items():
            made.add("HSET", self._shape.key(name, account), *words)


def _kline(made: Commands, key: str, kline: Kline) -> None:
    """Put a kline in the place of its older state."""
    score = kline_score(kline)
    made.add("ZREMRANGEBYSCORE", key, score, score)
    made.add("ZADD", key, score, kline_text(kline))
