"""Reads a LOBSTER day: the message file and the order book file of one zip, row for row.

LOBSTER's own description: one message per row (time in seconds after midnight, type, order id,
size, price x 10,000, direction 1 = buy, -1 = sell), and in the other file, for each row, the book
after that message: ask price, ask size, bid price, bid size for level 1, 2, ... Levels that are not
occupied have the price 9999999999 (ask) or -9999999999 (bid) and size 0.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

SUBMISSION = 1
CANCELLATION = 2  # of a part
DELETION = 3
EXECUTION = 4  # of a visible order
NO_PRICE = 9_999_999_999
_MESSAGE_COLUMNS = 6


class LobsterError(Exception):
    """The file is not a LOBSTER day."""


class Day(NamedTuple):
    """One day of one ticker; all arrays have one row per message, int64."""

    ticker: str
    time_ns: np.ndarray
    type: np.ndarray
    order_id: np.ndarray
    size: np.ndarray
    price: np.ndarray
    direction: np.ndarray
    book: np.ndarray  # [rows, 4 * levels]: ask price, ask size, bid price, bid size, ...

    @property
    def rows(self) -> int:
        return len(self.type)

    @property
    def levels(self) -> int:
        return self.book.shape[1] // 4


def read_day(path: Path) -> Day:
    """Read the zip (or a folder with the two files). Raises LobsterError."""
    texts = dict(_members(path))
    messages = [name for name in texts if re.search(r"message", name, re.IGNORECASE)]
    books = [name for name in texts if re.search(r"orderbook", name, re.IGNORECASE)]
    if len(messages) != 1 or len(books) != 1:
        raise LobsterError(f"{path}: expected one message and one orderbook file: {list(texts)}")
    message = _numbers(texts[messages[0]])
    if message.shape[1] < _MESSAGE_COLUMNS:
        raise LobsterError(f"{messages[0]}: {message.shape[1]} columns")
    book = _numbers(texts[books[0]]).astype(np.int64)
    if book.shape[1] % 4 or len(book) != len(message):
        raise LobsterError(f"{books[0]}: shape {book.shape} beside {message.shape}")
    integers = message.astype(np.int64)
    return Day(
        ticker=Path(messages[0]).name.split("_")[0].upper(),
        time_ns=np.rint(message[:, 0] * 1e9).astype(np.int64),
        type=integers[:, 1],
        order_id=integers[:, 2],
        size=integers[:, 3],
        price=integers[:, 4],
        direction=integers[:, 5],
        book=book,
    )


def _members(path: Path) -> list[tuple[str, bytes]]:
    if path.is_dir():
        return [(file.name, file.read_bytes()) for file in sorted(path.glob("*.csv"))]
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                (name, archive.read(name))
                for name in archive.namelist()
                if name.lower().endswith(".csv") and not Path(name).name.startswith(".")
            ]
    except (OSError, zipfile.BadZipFile) as error:
        raise LobsterError(f"{path}: {error}") from error


def _numbers(text: bytes) -> np.ndarray:
    """Comma-separated numbers: float64[rows, columns]; exact up to 2**53."""
    text = text.strip().replace(b"\r", b"")
    columns = text.split(b"\n", 1)[0].count(b",") + 1
    values = np.fromstring(text.replace(b"\n", b",").decode("ascii"), dtype=np.float64, sep=",")
    if len(values) % columns:
        raise LobsterError(f"{len(values)} numbers do not fill rows of {columns}")
    return values.reshape(-1, columns)


def occupied(row: list[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Asks and bids of one order book row as (price, size), best first, without the dummies."""
    asks = [(p, q) for p, q in zip(row[0::4], row[1::4], strict=True) if q and abs(p) != NO_PRICE]
    bids = [(p, q) for p, q in zip(row[2::4], row[3::4], strict=True) if q and abs(p) != NO_PRICE]
    return asks, bids
