"""The circuit breaker: a trade too far from the prices of the last seconds halts its instrument.

An instrument's window is a ring of 16 buckets of lowest and highest price (0 = no trade in it),
indexed by bucket number modulo 16. What a trade must pass to change anything is cached: a price
from *quiet low* to *quiet high* (inside the current bucket's range and inside the thresholds)
before the bucket's end costs four compares. Everything else takes the slow way, which brings the
buckets up to date and computes the thresholds anew.

A leaf: ``book.match`` calls it after every trade.

Decision ENG-9.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import InstrumentState, StateReason
from exchange.engine.money.clearing import ppm_of
from exchange.engine.state.layout import (
    BREAKER_BUCKET,
    BREAKER_DOWN,
    BREAKER_END_NS,
    BREAKER_HIGH,
    BREAKER_LOW,
    BREAKER_QUIET_HIGH,
    BREAKER_QUIET_LOW,
    BREAKER_UP,
    BREAKER_WORDS,
    INSTRUMENT_BREAKER_HALT_S,
    INSTRUMENT_BREAKER_PPM,
    INSTRUMENT_BREAKER_WINDOW_S,
    INSTRUMENT_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.trading_states import change_state
from ringbuffer.jit import jit_inline_internal, jit_internal

NANOSECONDS = 1_000_000_000
BUCKETS = 16
_HALTED = int(InstrumentState.HALTED)
_BREAKER = int(StateReason.BREAKER)


@jit_internal
def breaker_clear(v: Any, instrument: int) -> None:
    """Empty the window: the next trade is its first."""
    b = instrument * BREAKER_WORDS
    for word in range(BREAKER_WORDS):
        put(v.breakers, b + word, 0)


@jit_internal
def _move_to(v: Any, b: int, bucket: int) -> None:
    """Make ``bucket`` the current one: what is 16 or more older leaves the window."""
    if get(v.breakers, b + BREAKER_END_NS) == 0:
        put(v.breakers, b + BREAKER_BUCKET, bucket)
        return
    old = get(v.breakers, b + BREAKER_BUCKET)
    for step in range(1, min(bucket - old, BUCKETS) + 1):
        place = b + ((old + step) & (BUCKETS - 1))
        put(v.breakers, place, 0)
        put(v.breakers, place + BUCKETS, 0)
    put(v.breakers, b + BREAKER_BUCKET, bucket)
    low = 0
    high = 0
    for place in range(b, b + BUCKETS):
        lowest = get(v.breakers, place)
        if lowest != 0 and (low == 0 or lowest < low):
            low = lowest
        high = max(high, get(v.breakers, place + BUCKETS))
    put(v.breakers, b + BREAKER_LOW, low)
    put(v.breakers, b + BREAKER_HIGH, high)


@jit_internal
def _take_in(v: Any, instrument: int, price: int) -> bool:
    """Count a trade at ``price`` into the window; whether it is too far from the others."""
    i = instrument * INSTRUMENT_WORDS
    b = instrument * BREAKER_WORDS
    length = get(v.instruments, i + INSTRUMENT_BREAKER_WINDOW_S) * (NANOSECONDS // BUCKETS)
    bucket = get(v.scalars, TIMESTAMP_NS) // length
    if get(v.breakers, b + BREAKER_END_NS) == 0 or bucket != get(v.breakers, b + BREAKER_BUCKET):
        _move_to(v, b, bucket)
        put(v.breakers, b + BREAKER_END_NS, (bucket + 1) * length)
    place = b + (bucket & (BUCKETS - 1))
    lowest = get(v.breakers, place)
    highest = max(get(v.breakers, place + BUCKETS), price)
    if lowest == 0 or price < lowest:
        lowest = price
    put(v.breakers, place, lowest)
    put(v.breakers, place + BUCKETS, highest)
    low = get(v.breakers, b + BREAKER_LOW)
    if low == 0 or price < low:
        low = price
    high = max(get(v.breakers, b + BREAKER_HIGH), price)
    ppm = get(v.instruments, i + INSTRUMENT_BREAKER_PPM)
    up = low + ppm_of(low, ppm)
    down = high - ppm_of(high, ppm)
    put(v.breakers, b + BREAKER_LOW, low)
    put(v.breakers, b + BREAKER_HIGH, high)
    put(v.breakers, b + BREAKER_UP, up)
    put(v.breakers, b + BREAKER_DOWN, down)
    put(v.breakers, b + BREAKER_QUIET_LOW, max(lowest, down))
    put(v.breakers, b + BREAKER_QUIET_HIGH, min(highest, up))
    return price > up or price < down


@jit_internal
def _halt(v: Any, instrument: int) -> None:
    """Halt the instrument, say so, and empty the window."""
    s = v.scalars
    i = instrument * INSTRUMENT_WORDS
    until = get(s, TIMESTAMP_NS) + get(v.instruments, i + INSTRUMENT_BREAKER_HALT_S) * NANOSECONDS
    breaker_clear(v, instrument)
    change_state(v, instrument, _HALTED, until, _BREAKER)


@jit_internal
def _trade(v: Any, instrument: int, price: int) -> bool:
    if _take_in(v, instrument, price):
        _halt(v, instrument)
        return True
    return False


@jit_inline_internal
def breaker_trade(v: Any, instrument: int, price: int) -> bool:
    """A trade of continuous trading at ``price``: whether it halted the instrument.

    If so the state is HALTED and STATE_CHANGED has been emitted.
    """
    if get(v.instruments, instrument * INSTRUMENT_WORDS + INSTRUMENT_BREAKER_PPM) == 0:
        return False
    b = instrument * BREAKER_WORDS
    if (
        get(v.scalars, TIMESTAMP_NS) < get(v.breakers, b + BREAKER_END_NS)
        and price >= get(v.breakers, b + BREAKER_QUIET_LOW)
        and price <= get(v.breakers, b + BREAKER_QUIET_HIGH)
    ):
        return False
    return _trade(v, instrument, price)


@jit_internal
def breaker_auction(v: Any, instrument: int, price: int) -> None:
    """An auction traded at ``price``: it becomes the window's only price and trips nothing."""
    if get(v.instruments, instrument * INSTRUMENT_WORDS + INSTRUMENT_BREAKER_PPM) != 0:
        breaker_clear(v, instrument)
        _take_in(v, instrument, price)
