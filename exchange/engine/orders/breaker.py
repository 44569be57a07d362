"""The circuit breaker: a trade too far from the prices of the last seconds halts its instrument.

An instrument's window is a ring of 16 buckets of lowest and highest price (0 = no trade in it),
indexed by bucket number modulo 16. What a trade must pass to change anything is cached: a price
from *quiet low* to *quiet high* (inside the current bucket's range and inside the thresholds)
before the bucket's end costs four compares. Everything else takes the slow way, which brings the
buckets up to date and computes the thresholds anew.

A leaf: ``match`` (matching.py) calls it after every trade.

Decision ENG-9.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import InstrumentState, StateReason
from exchange.engine.money.clearing import ppm_of
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    BREAKER_WORDS,
    INSTRUMENT_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    breaker_bucket,
    breaker_end_ns,
    breaker_high,
    breaker_low,
    breaker_quiet_high,
    breaker_quiet_low,
    instrument_breaker_halt_s,
    instrument_breaker_ppm,
    instrument_breaker_window_s,
    set_breaker_bucket,
    set_breaker_down,
    set_breaker_end_ns,
    set_breaker_high,
    set_breaker_low,
    set_breaker_quiet_high,
    set_breaker_quiet_low,
    set_breaker_up,
)
from exchange.engine.state.trading_states import change_state
from ringbuffer.jit import jit_inline_internal

NANOSECONDS = 1_000_000_000
BUCKETS = 16


@engine_function
def breaker_clear(view: Any, instrument: int) -> None:
    """Empty the window: the next trade is its first."""
    first = instrument * BREAKER_WORDS
    for word in range(first, first + BREAKER_WORDS):
        put(view.breakers, word, 0)


@jit_inline_internal
def _lowest_at(instrument: int, bucket: int) -> int:
    """Word of the lowest price of a bucket, by its number or its place in the window."""
    return instrument * BREAKER_WORDS + (bucket & (BUCKETS - 1))


@jit_inline_internal
def _highest_at(instrument: int, bucket: int) -> int:
    return _lowest_at(instrument, bucket) + BUCKETS


@engine_function
def _move_to(view: Any, instrument: int, bucket: int) -> None:
    """Make ``bucket`` the current one: what is 16 or more older leaves the window."""
    if breaker_end_ns(view, instrument) == 0:
        set_breaker_bucket(view, instrument, bucket)
        return
    old = breaker_bucket(view, instrument)
    for step in range(1, min(bucket - old, BUCKETS) + 1):
        put(view.breakers, _lowest_at(instrument, old + step), 0)
        put(view.breakers, _highest_at(instrument, old + step), 0)
    set_breaker_bucket(view, instrument, bucket)
    low = 0
    high = 0
    for place in range(BUCKETS):
        lowest = get(view.breakers, _lowest_at(instrument, place))
        if lowest != 0 and (low == 0 or lowest < low):
            low = lowest
        high = max(high, get(view.breakers, _highest_at(instrument, place)))
    set_breaker_low(view, instrument, low)
    set_breaker_high(view, instrument, high)


@engine_function
def _take_in(view: Any, instrument: int, price: int) -> bool:
    """Count a trade at ``price`` into the window; whether it is too far from the others."""
    instrument_at = instrument * INSTRUMENT_WORDS
    length = instrument_breaker_window_s(view, instrument_at) * (NANOSECONDS // BUCKETS)
    bucket = get(view.scalars, TIMESTAMP_NS) // length
    if breaker_end_ns(view, instrument) == 0 or bucket != breaker_bucket(view, instrument):
        _move_to(view, instrument, bucket)
        set_breaker_end_ns(view, instrument, (bucket + 1) * length)
    lowest_at = _lowest_at(instrument, bucket)
    highest_at = _highest_at(instrument, bucket)
    lowest = get(view.breakers, lowest_at)
    highest = max(get(view.breakers, highest_at), price)
    if lowest == 0 or price < lowest:
        lowest = price
    put(view.breakers, lowest_at, lowest)
    put(view.breakers, highest_at, highest)
    low = breaker_low(view, instrument)
    if low == 0 or price < low:
        low = price
    high = max(breaker_high(view, instrument), price)
    ppm = instrument_breaker_ppm(view, instrument_at)
    up = low + ppm_of(low, ppm)
    down = high - ppm_of(high, ppm)
    set_breaker_low(view, instrument, low)
    set_breaker_high(view, instrument, high)
    set_breaker_up(view, instrument, up)
    set_breaker_down(view, instrument, down)
    set_breaker_quiet_low(view, instrument, max(lowest, down))
    set_breaker_quiet_high(view, instrument, min(highest, up))
    return price > up or price < down


@engine_function
def _halt(view: Any, instrument: int) -> None:
    """Halt the instrument, say so, and empty the window."""
    instrument_at = instrument * INSTRUMENT_WORDS
    halt_ns = instrument_breaker_halt_s(view, instrument_at) * NANOSECONDS
    until_ns = get(view.scalars, TIMESTAMP_NS) + halt_ns
    breaker_clear(view, instrument)
    change_state(view, instrument, InstrumentState.HALTED, until_ns, StateReason.BREAKER)


@engine_function
def _count_trade(view: Any, instrument: int, price: int) -> bool:
    if _take_in(view, instrument, price):
        _halt(view, instrument)
        return True
    return False


@jit_inline_internal
def breaker_trade(view: Any, instrument: int, price: int) -> bool:
    """A trade of continuous trading at ``price``: whether it halted the instrument.

    If so the state is HALTED and STATE_CHANGED has been emitted.
    """
    if instrument_breaker_ppm(view, instrument * INSTRUMENT_WORDS) == 0:
        return False
    if (
        get(view.scalars, TIMESTAMP_NS) < breaker_end_ns(view, instrument)
        and price >= breaker_quiet_low(view, instrument)
        and price <= breaker_quiet_high(view, instrument)
    ):
        return False
    return _count_trade(view, instrument, price)


@engine_function
def breaker_auction(view: Any, instrument: int, price: int) -> None:
    """An auction traded at ``price``: it becomes the window's only price and trips nothing."""
    if instrument_breaker_ppm(view, instrument * INSTRUMENT_WORDS) != 0:
        breaker_clear(view, instrument)
        _take_in(view, instrument, price)
