"""Frames of trades from the jitted writer beside those of msgspec."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.api.websocket import messages
from exchange.api.websocket.messages import frame
from exchange.api.websocket.trade_frames import TradeFrames

LARGEST = (1 << 63) - 2


def expected(symbol: str, trades: np.ndarray) -> bytes:
    return b"".join(
        frame(
            messages.Trade(
                symbol=symbol,
                price=price,
                quantity=quantity,
                side="sell" if side else "buy",
                trade_id=sequence + 1,
                sequence=sequence,
                timestamp=timestamp_ns // 1_000_000,
            )
        )
        for sequence, timestamp_ns, price, quantity, side, _ in trades.tolist()
    )


@pytest.mark.parametrize("symbol", ["A", "2330.TW", 'Q"\\/x', "ÜÄ€", "F" * 700])
def test_the_same_bytes_as_msgspec(symbol: str) -> None:
    random = np.random.default_rng(len(symbol))
    trades = np.zeros((300, 6), np.int64)
    for column in range(4):
        trades[:, column] = random.integers(0, 1 << random.integers(1, 63, 300))
    trades[:, 4] = random.integers(0, 2, 300)
    trades[0] = 0
    trades[1, :4] = LARGEST
    trades[2] = [9, 999_999, 10, 99, 1, 2]
    frames = TradeFrames(symbol)
    assert frames.make(trades) == expected(symbol, trades)
    assert frames.make(trades[5:6, :]) == expected(symbol, trades[5:6])
    strided = np.zeros((10, 7), np.int64)
    strided[:, 1:] = trades[:10]
    assert frames.make(strided[:, 1:]) == expected(symbol, trades[:10])
    assert frames.make(trades[:0]) == b""
