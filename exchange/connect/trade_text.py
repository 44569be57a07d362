"""Writes trades as JSON, jitted: the bytes that a text of ``trades.py`` has.

Who calls it: trades.py. All buffers are uint8; offsets and sizes are in bytes.
"""

from __future__ import annotations

import numpy as np

from exchange.api.websocket.trade_text import put, put_number
from ringbuffer.jit import jit_borrowed

# Columns of a trade, int64[TRADE_COLUMNS].
SEQUENCE = 0
INSTRUMENT = 1  # index into the instruments' texts
BUY_ORDER_ID = 2
SELL_ORDER_ID = 3
PRICE = 4
QUANTITY = 5
TIMESTAMP_NS = 6
TRADE_COLUMNS = 7

# Parts of the text that all trades have, by position in ``ends``.
BEFORE_SEQUENCE = 0
AFTER_SEQUENCE = 1
AFTER_SYMBOL = 2
AFTER_BUY_ORDER_ID = 3
AFTER_SELL_ORDER_ID = 4
AFTER_CURRENCY = 5
AFTER_QUANTITY = 6
AFTER_TIME = 7

NUMBERS = 6  # sequence, trade_id, two order ids, price, quantity
NUMBER_BYTES = 20  # the longest of 64 bits
TIME_BYTES = 27  # 2026-11-21T09:30:00.123456Z
_MICROSECOND_NS = 1_000
_SECOND_US = 1_000_000
_DAY_S = 86_400
_ZERO = ord("0")


@jit_borrowed
def _put_part(out: np.ndarray, at: int, text: np.ndarray, ends: np.ndarray, part: int) -> int:
    """Copy part ``part`` of ``text`` to ``out[at]``; ``ends``: int64[parts], where each ends."""
    first = ends[part - 1] if part > 0 else 0
    return put(out, at, text, first, ends[part])


@jit_borrowed
def _put_digits(out: np.ndarray, at: int, number: int, digits: int, after: int) -> int:
    """Write ``number`` with ``digits`` digits and the character ``after`` behind them."""
    for i in range(at + digits - 1, at - 1, -1):
        out[i] = _ZERO + number % 10
        number //= 10
    out[at + digits] = after
    return at + digits + 1


@jit_borrowed
def put_time(out: np.ndarray, at: int, timestamp_ns: int) -> int:
    """Write ns since 1970 (UTC) in RFC 3339 with microseconds; returns the offset behind it."""
    microseconds = timestamp_ns // _MICROSECOND_NS
    seconds = microseconds // _SECOND_US
    days, second = seconds // _DAY_S, seconds % _DAY_S
    # the civil calendar from a count of days, in eras of 400 years that begin in March
    shifted = days + 719_468
    era_day = shifted % 146_097
    era_year = (era_day - era_day // 1_460 + era_day // 36_524 - era_day // 146_096) // 365
    year_day = era_day - (365 * era_year + era_year // 4 - era_year // 100)
    march_month = (5 * year_day + 2) // 153
    day = year_day - (153 * march_month + 2) // 5 + 1
    month = march_month + 3 if march_month < 10 else march_month - 9
    year = era_year + shifted // 146_097 * 400 + (1 if month <= 2 else 0)
    at = _put_digits(out, at, year, 4, ord("-"))
    at = _put_digits(out, at, month, 2, ord("-"))
    at = _put_digits(out, at, day, 2, ord("T"))
    at = _put_digits(out, at, second // 3_600, 2, ord(":"))
    at = _put_digits(out, at, second // 60 % 60, 2, ord(":"))
    at = _put_digits(out, at, second % 60, 2, ord("."))
    return _put_digits(out, at, microseconds % _SECOND_US, 6, ord("Z"))


@jit_borrowed
def put_trades(
    trades: np.ndarray,
    text: np.ndarray,
    ends: np.ndarray,
    names: np.ndarray,
    name_ends: np.ndarray,
    out: np.ndarray,
    out_ends: np.ndarray,
) -> int:
    """Write a text for each trade to ``out``; returns the bytes written.

    ``trades``: int64[n, TRADE_COLUMNS]. ``text``: uint8, the parts that all have; ``ends``: int64,
    where each ends. ``names``: uint8, two parts of each instrument: its symbol, its decimals and
    currency; ``name_ends``: int64[2 * instruments], where each ends. ``out``: uint8, large enough.
    ``out_ends``: int64[n], where each text ends.
    """
    at = 0
    for i in range(trades.shape[0]):
        name = 2 * trades[i, INSTRUMENT]
        at = _put_part(out, at, text, ends, BEFORE_SEQUENCE)
        at = put_number(out, at, trades[i, SEQUENCE])
        at = _put_part(out, at, text, ends, AFTER_SEQUENCE)
        at = put_number(out, at, trades[i, SEQUENCE] + 1)
        at = _put_part(out, at, names, name_ends, name)
        at = _put_part(out, at, text, ends, AFTER_SYMBOL)
        at = put_number(out, at, trades[i, BUY_ORDER_ID])
        at = _put_part(out, at, text, ends, AFTER_BUY_ORDER_ID)
        at = put_number(out, at, trades[i, SELL_ORDER_ID])
        at = _put_part(out, at, text, ends, AFTER_SELL_ORDER_ID)
        at = put_number(out, at, trades[i, PRICE])
        at = _put_part(out, at, names, name_ends, name + 1)
        at = _put_part(out, at, text, ends, AFTER_CURRENCY)
        at = put_number(out, at, trades[i, QUANTITY])
        at = _put_part(out, at, text, ends, AFTER_QUANTITY)
        at = put_time(out, at, trades[i, TIMESTAMP_NS])
        at = _put_part(out, at, text, ends, AFTER_TIME)
        out_ends[i] = at
    return at
