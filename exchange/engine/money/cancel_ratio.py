"""The cancel ratio of an account: orders and cancels in a window of time, and one warning in each.

Counting is part of every accepted order and every cancel of an account that has a ratio set, so it
has to be cheap where there is none.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.control_events import emit_warning
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, multiply
from exchange.engine.state.rows import (
    account_ratio_minimum,
    account_ratio_ppm,
    account_ratio_window_s,
    account_window_cancels,
    account_window_ns,
    account_window_orders,
    add_to_account_window_orders,
    set_account_window_cancels,
    set_account_window_ns,
    set_account_window_orders,
)
from ringbuffer.jit import jit_inline_internal

_NANOSECONDS = 1_000_000_000
_MILLION = 1_000_000
_WARNED = 1 << 62  # bit of ACCOUNT_WINDOW_CANCELS


@jit_inline_internal
def _turn_window(view: Any, account_at: int) -> None:
    """Begin a new window if the old one is over; ``account_at``: the account's first word."""
    now_ns = get(view.scalars, TIMESTAMP_NS)
    width_ns = account_ratio_window_s(view, account_at) * _NANOSECONDS
    if now_ns - account_window_ns(view, account_at) >= width_ns:
        set_account_window_ns(view, account_at, now_ns)
        set_account_window_orders(view, account_at, 0)
        set_account_window_cancels(view, account_at, 0)


@jit_inline_internal
def count_order(view: Any, account: int) -> None:
    """The account has had an order accepted."""
    account_at = account * ACCOUNT_WORDS
    if account_ratio_ppm(view, account_at) != 0:
        _turn_window(view, account_at)
        add_to_account_window_orders(view, account_at, 1)


@jit_inline_internal
def count_cancel(view: Any, account: int) -> None:
    """A client of the account has cancelled an order to 0; its CANCELED has been emitted."""
    account_at = account * ACCOUNT_WORDS
    ratio_ppm = account_ratio_ppm(view, account_at)
    if ratio_ppm == 0:
        return
    _turn_window(view, account_at)
    cancels = account_window_cancels(view, account_at) + 1
    orders = account_window_orders(view, account_at)
    if (
        cancels & _WARNED == 0
        and orders >= account_ratio_minimum(view, account_at)
        and multiply(cancels, _MILLION) > multiply(ratio_ppm, orders)
    ):
        window_s = account_ratio_window_s(view, account_at)
        emit_warning(view, account, cancels, orders, window_s)
        cancels |= _WARNED
    set_account_window_cancels(view, account_at, cancels)
