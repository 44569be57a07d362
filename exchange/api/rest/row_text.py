"""Writes rows of numbers as JSON objects, jitted: what orjson would give for dictionaries of them.

Who calls it: row_json.py. All buffers are uint8; offsets and sizes are in bytes.
"""

from __future__ import annotations

import numpy as np

from ringbuffer.jit import jit_borrowed

# Kinds of columns.
NUMBER = 0
NUMBER_OR_NULL = 1  # 0 is null
TIME = 2  # nanoseconds since 1970 as "2026-11-21T09:30:00.123456Z"
TIME_OR_NULL = 3  # 0 is null
TEXT = 4  # which of the column's texts, from 0

NUMBER_BYTES = 20  # the longest of 64 bits
TIME_BYTES = 29
_ZERO = ord("0")
_MINUS = ord("-")
_COMMA = ord(",")
_QUOTE = ord('"')
_NANOSECONDS = 1_000_000_000
_DAY_S = 86_400


@jit_borrowed
def _put_text(out: np.ndarray, at: int, texts: np.ndarray, ends: np.ndarray, number: int) -> int:
    """Copy text ``number`` of ``texts`` to ``out[at]``; ``ends``: int64, where each text ends."""
    first = ends[number - 1] if number > 0 else 0
    for i in range(first, ends[number]):
        out[at] = texts[i]
        at += 1
    return at


@jit_borrowed
def _put_digits(out: np.ndarray, at: int, number: int, digits: int) -> int:
    """Write the last ``digits`` decimal digits of ``number`` (not negative) to ``out[at]``."""
    for i in range(at + digits - 1, at - 1, -1):
        out[i] = _ZERO + number % 10
        number //= 10
    return at + digits


@jit_borrowed
def _put_number(out: np.ndarray, at: int, number: int) -> int:
    """Write ``number`` (int64, above the smallest) in decimal to ``out[at]``."""
    if number < 0:
        out[at] = _MINUS
        at += 1
        number = -number
    if number < 10:
        out[at] = _ZERO + number
        return at + 1
    # from the last digit on, behind the longest number; then moved: one division a digit
    end = at + NUMBER_BYTES
    first = end
    while number > 0:
        first -= 1
        rest = number // 10
        out[first] = _ZERO + (number - rest * 10)
        number = rest
    for i in range(end - first):
        out[at + i] = out[first + i]
    return at + end - first


@jit_borrowed
def _put_separated(out: np.ndarray, at: int, number: int, digits: int, separator: int) -> int:
    """Write ``digits`` digits of ``number`` and a character behind them."""
    at = _put_digits(out, at, number, digits)
    out[at] = separator
    return at + 1


@jit_borrowed
def _put_time(out: np.ndarray, at: int, time_ns: int) -> int:
    """Write ``time_ns`` (UTC, from 1970 on) with quotes and microseconds to ``out[at]``."""
    second = time_ns // _NANOSECONDS
    microsecond = time_ns % _NANOSECONDS // 1000
    # days since 0000-03-01 to year, month and day: Howard Hinnant, "chrono-Compatible Low-Level
    # Date Algorithms", civil_from_days
    days = second // _DAY_S + 719_468
    era = days // 146_097
    of_era = days % 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    of_day = second % _DAY_S
    out[at] = _QUOTE
    at = _put_separated(out, at + 1, year, 4, ord("-"))
    at = _put_separated(out, at, month, 2, ord("-"))
    at = _put_separated(out, at, day, 2, ord("T"))
    at = _put_separated(out, at, of_day // 3_600, 2, ord(":"))
    at = _put_separated(out, at, of_day // 60 % 60, 2, ord(":"))
    at = _put_separated(out, at, of_day % 60, 2, ord("."))
    at = _put_separated(out, at, microsecond, 6, ord("Z"))
    out[at] = _QUOTE
    return at + 1


@jit_borrowed
def put_rows(
    rows: np.ndarray,
    kinds: np.ndarray,
    first_texts: np.ndarray,
    texts: np.ndarray,
    ends: np.ndarray,
    out: np.ndarray,
) -> int:
    """Write all rows, separated by commas, to ``out``; returns the bytes written.

    ``rows``: int64[n, columns]. ``kinds``: int64[columns]. ``texts`` and ``ends``: all texts: text
    0 is null, text 1 + j stands before column j, text 1 + columns ends a row; ``first_texts``:
    int64[columns], the number of a TEXT column's first one.
    """
    at = 0
    columns = rows.shape[1]
    for i in range(rows.shape[0]):
        if i > 0:
            out[at] = _COMMA
            at += 1
        for j in range(columns):
            at = _put_text(out, at, texts, ends, 1 + j)
            value = rows[i, j]
            kind = kinds[j]
            if kind == TEXT:
                at = _put_text(out, at, texts, ends, first_texts[j] + value)
            elif value == 0 and (kind in (NUMBER_OR_NULL, TIME_OR_NULL)):
                at = _put_text(out, at, texts, ends, 0)
            elif kind in (TIME, TIME_OR_NULL):
                at = _put_time(out, at, value)
            else:
                at = _put_number(out, at, value)
        at = _put_text(out, at, texts, ends, 1 + columns)
    return at
