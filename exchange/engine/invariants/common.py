"""What the checks of a state share: the error, and rows and halves of the state's arrays."""

from __future__ import annotations

import numpy as np

from exchange.engine.state.layout import ORDER_FLAGS, ORDER_INSTRUMENT, ORDER_SIDE

SPREAD = np.uint64(0x9E3779B97F4A7C15)


class InvariantBroken(AssertionError):
    """The state contradicts itself; the text says where."""


def require(condition: bool, message: str) -> None:
    if not condition:
        raise InvariantBroken(message)


def rows(array: np.ndarray, words: int, count: int | None = None) -> np.ndarray:
    """The first ``count`` (default: all) rows of ``words`` words."""
    return array.reshape(-1, words) if count is None else array[: count * words].reshape(-1, words)


def flags_of(orders: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """The ORDER_... bits of the orders in ``slots``."""
    return ORDER_FLAGS.column(orders[slots])


def instrument_of(orders: np.ndarray, slots: np.ndarray) -> np.ndarray:
    return ORDER_INSTRUMENT.column(orders[slots])


def side_of(orders: np.ndarray, slots: np.ndarray) -> np.ndarray:
    return ORDER_SIDE.column(orders[slots])


def check_probing(table: np.ndarray, homes: np.ndarray, message: str) -> None:
    """Open addressing with linear probing: no entry has a free place between its home and itself.

    ``homes``: of the entries of ``table`` (0 = free) in ascending order of place.
    """
    places = np.flatnonzero(table)
    occupied = np.concatenate([[0], np.cumsum(table != 0)])
    distance = (places - homes) & (len(table) - 1)
    filled = occupied[places] - occupied[homes] + np.where(homes > places, occupied[-1], 0)
    require(bool((filled == distance).all()), message)
