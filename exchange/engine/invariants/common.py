"""What the checks of a state share: the error, and rows and halves of the state's arrays."""

from __future__ import annotations

import numpy as np

HALF = (1 << 32) - 1
SPREAD = np.uint64(0x9E3779B97F4A7C15)


class InvariantBroken(AssertionError):
    """The state contradicts itself; the text says where."""


def require(condition: bool, message: str) -> None:
    if not condition:
        raise InvariantBroken(message)


def rows(array: np.ndarray, words: int, count: int | None = None) -> np.ndarray:
    """The first ``count`` (default: all) rows of ``words`` words."""
    return array.reshape(-1, words) if count is None else array[: count * words].reshape(-1, words)


def low(words: np.ndarray) -> np.ndarray:
    return words & HALF


def high(words: np.ndarray) -> np.ndarray:
    return (words >> 32) & HALF


def flags_of(orders: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """The ORDER_... bits of the orders in ``slots``."""
    flags: np.ndarray = (orders[slots, 7] >> 40) & 0xFF
    return flags


def instrument_of(orders: np.ndarray, slots: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = (orders[slots, 4] >> 48) & 0xFFFF
    return numbers


def side_of(orders: np.ndarray, slots: np.ndarray) -> np.ndarray:
    sides: np.ndarray = (orders[slots, 7] >> 24) & 0xFF
    return sides


def check_probing(table: np.ndarray, homes: np.ndarray, message: str) -> None:
    """Open addressing with linear probing: no entry has a free place between its home and itself.

    ``homes``: of the entries of ``table`` (0 = free) in ascending order of place.
    """
    places = np.flatnonzero(table)
    occupied = np.concatenate([[0], np.cumsum(table != 0)])
    distance = (places - homes) & (len(table) - 1)
    filled = occupied[places] - occupied[homes] + np.where(homes > places, occupied[-1], 0)
    require(bool((filled == distance).all()), message)
