"""The cancel ratio of an account: orders and cancels in a window of time, and one warning in each.

Counting is part of every accepted order and every cancel of an account that has a ratio set, so it
has to be cheap where there is none.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, WarningReason
from exchange.engine.state.events import write_event
from exchange.engine.state.layout import (
    ACCOUNT_RATIO_MINIMUM,
    ACCOUNT_RATIO_PPM,
    ACCOUNT_RATIO_WINDOW_S,
    ACCOUNT_WINDOW_CANCELS,
    ACCOUNT_WINDOW_NS,
    ACCOUNT_WINDOW_ORDERS,
    ACCOUNT_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, multiply, put
from ringbuffer.jit import jit_inline_internal, jit_internal

_NANOSECONDS = 1_000_000_000
_MILLION = 1_000_000
_WARNED = 1 << 62
_WARNING = int(EventKind.WARNING)
_CANCEL_RATIO = int(WarningReason.CANCEL_RATIO)


@jit_inline_internal
def _turn_window(v: Any, a: int) -> None:
    """Begin a new window if the old one is over; ``a``: the account's first word."""
    now_ns = get(v.scalars, TIMESTAMP_NS)
    width_ns = get(v.accounts, a + ACCOUNT_RATIO_WINDOW_S) * _NANOSECONDS
    if now_ns - get(v.accounts, a + ACCOUNT_WINDOW_NS) >= width_ns:
        put(v.accounts, a + ACCOUNT_WINDOW_NS, now_ns)
        put(v.accounts, a + ACCOUNT_WINDOW_ORDERS, 0)
        put(v.accounts, a + ACCOUNT_WINDOW_CANCELS, 0)


@jit_inline_internal
def count_order(v: Any, account: int) -> None:
    """The account has had an order accepted."""
    a = account * ACCOUNT_WORDS
    if get(v.accounts, a + ACCOUNT_RATIO_PPM) != 0:
        _turn_window(v, a)
        put(v.accounts, a + ACCOUNT_WINDOW_ORDERS, get(v.accounts, a + ACCOUNT_WINDOW_ORDERS) + 1)


@jit_internal
def _warn(v: Any, account: int, cancels: int, orders: int) -> None:
    window_s = get(v.accounts, account * ACCOUNT_WORDS + ACCOUNT_RATIO_WINDOW_S)
    write_event(
        v, 0, orders, cancels, window_s, 0, 0, 0, 0, 0, _WARNING, _CANCEL_RATIO, 0,
        0, 0, 0, 0, account,
    )  # fmt: skip


@jit_inline_internal
def count_cancel(v: Any, account: int) -> None:
    """A client of the account has cancelled an order to 0; its CANCELED has been emitted."""
    a = account * ACCOUNT_WORDS
    ratio_ppm = get(v.accounts, a + ACCOUNT_RATIO_PPM)
    if ratio_ppm == 0:
        return
    _turn_window(v, a)
    cancels = get(v.accounts, a + ACCOUNT_WINDOW_CANCELS) + 1
    orders = get(v.accounts, a + ACCOUNT_WINDOW_ORDERS)
    if (
        cancels & _WARNED == 0
        and orders >= get(v.accounts, a + ACCOUNT_RATIO_MINIMUM)
        and multiply(cancels, _MILLION) > multiply(ratio_ppm, orders)
    ):
        _warn(v, account, cancels, orders)
        cancels |= _WARNED
    put(v.accounts, a + ACCOUNT_WINDOW_CANCELS, cancels)
