"""The jitted writer of trades: sizes of its buffer, and both headers of a frame."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from exchange.api.websocket.trade_text import HEADER_BYTES, TRADE_COLUMNS, put_trades

PARTS = (b",Q", b",B", b",S", b",N", b",T", b"}")
TEXT = np.frombuffer(b"".join(PARTS), np.uint8)
ENDS = np.cumsum([len(part) for part in PARTS])
TRADE = [41, 5_999_999, 30, 20, 1, 0]  # sequence, ns, price, quantity, side, reason


def put(head: bytes, rows: list[list[int]]) -> bytes:
    trades = np.array(rows, np.int64).reshape(-1, TRADE_COLUMNS)
    out = np.zeros(len(rows) * (HEADER_BYTES + len(head) + len(TEXT) + 100), np.uint8)
    size = put_trades(trades, np.frombuffer(bytearray(head), np.uint8), TEXT, ENDS, out)
    assert size <= len(out)
    return out[:size].tobytes()


def test_numbers_and_parts_come_in_order() -> None:
    frame = put(b"P", [TRADE])
    assert frame[0] == 0x81 and frame[1] == len(frame) - 2
    assert frame[2:] == b"P30,Q20,S42,N41,T5}"


def test_a_buyer_has_another_part() -> None:
    buyer = [*TRADE[:4], 0, 0]
    assert put(b"P", [buyer])[2:] == b"P30,Q20,B42,N41,T5}"


@pytest.mark.parametrize("size", (125, 126, 127))
def test_the_header_grows_with_the_payload(size: int) -> None:
    rest = len(b"30,Q20,S42,N41,T5}")
    frame = put(b"h" * (size - rest), [TRADE, TRADE])
    one = frame[: len(frame) // 2]
    assert frame == one + one
    if size < 126:
        assert (one[1], len(one)) == (size, size + 2)
    else:
        assert (one[1], int.from_bytes(one[2:4], "big"), len(one)) == (126, size, size + 4)


def test_no_trade_gives_no_byte() -> None:
    assert put(b"P", []) == b""


def test_the_largest_number_is_written_whole() -> None:
    largest = (1 << 63) - 2
    frame = put(b"[", [[largest, largest, largest, largest, 1, 0]])
    digits = frame.split(b",S")[1].split(b",")[0]
    assert orjson.loads(digits) == largest + 1
