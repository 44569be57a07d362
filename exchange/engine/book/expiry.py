"""Good-till-time orders by expiry second: a wheel of lists, one bucket a second.

The wheel spans 2^20 seconds (12 days) and an order expires within 99,998 seconds of its entry, so
buckets hold orders of one second, unless old orders stayed unexpired for 11 days without a TIMER:
then two seconds may share a bucket, the earliest second is searched among all live orders instead
of in the bitmap, and the order of expiry is still exact.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.book.bitmap import wheel_clear, wheel_next, wheel_set
from exchange.engine.state.layout import (
    COLD_WORDS,
    EXPIRING_ORDERS,
    LAST_EXPIRY_SECOND,
    NEXT_EXPIRY_SECOND,
    WHEEL_BITS,
    WHEEL_SECONDS,
)
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_internal


@jit_internal
def expiry_add(v: Any, slot: int, second: int) -> None:
    """Let the order in ``slot`` expire at ``second``."""
    s = v.scalars
    bucket = second & (WHEEL_SECONDS - 1)
    tail = get(v.expiry_wheel_half, bucket * 2 + 1)
    put(v.orders_cold, slot * COLD_WORDS + 1, second)
    put(v.orders_cold_half, slot * (COLD_WORDS * 2) + 4, 0)
    put(v.orders_cold_half, slot * (COLD_WORDS * 2) + 5, tail)
    put(v.expiry_wheel_half, bucket * 2 + 1, slot)
    if tail != 0:
        put(v.orders_cold_half, tail * (COLD_WORDS * 2) + 4, slot)
    else:
        put(v.expiry_wheel_half, bucket * 2, slot)
        wheel_set(v.expiry_bits, bucket, WHEEL_BITS)
    count = get(s, EXPIRING_ORDERS)
    put(s, EXPIRING_ORDERS, count + 1)
    if count == 0 or second < get(s, NEXT_EXPIRY_SECOND):
        put(s, NEXT_EXPIRY_SECOND, second)
    if count == 0 or second > get(s, LAST_EXPIRY_SECOND):
        put(s, LAST_EXPIRY_SECOND, second)


@jit_internal
def next_in_bucket(v: Any, slot: int, second: int) -> int:
    """From ``slot`` on along its list, the first order that expires at ``second``; 0 if none."""
    while slot != 0 and get(v.orders_cold, slot * COLD_WORDS + 1) != second:
        slot = get(v.orders_cold_half, slot * (COLD_WORDS * 2) + 4)
    return slot


@jit_internal
def first_expiring(v: Any, second: int) -> int:
    """The first order given the expiry ``second``; 0 if none."""
    bucket = second & (WHEEL_SECONDS - 1)
    return next_in_bucket(v, get(v.expiry_wheel_half, bucket * 2), second)


@jit_internal
def _search_next_second(v: Any) -> int:
    """The earliest expiry second of all live orders, when buckets may be shared."""
    best = 0
    bucket = wheel_next(v.expiry_bits, 0, WHEEL_BITS)
    while bucket >= 0:
        slot = get(v.expiry_wheel_half, bucket * 2)
        while slot != 0:
            second = get(v.orders_cold, slot * COLD_WORDS + 1)
            if best == 0 or second < best:
                best = second
            slot = get(v.orders_cold_half, slot * (COLD_WORDS * 2) + 4)
        bucket = wheel_next(v.expiry_bits, bucket + 1, WHEEL_BITS)
    return best


@jit_internal
def expiry_remove(v: Any, slot: int) -> None:
    """The order in ``slot`` no longer expires."""
    s = v.scalars
    second = get(v.orders_cold, slot * COLD_WORDS + 1)
    bucket = second & (WHEEL_SECONDS - 1)
    following = get(v.orders_cold_half, slot * (COLD_WORDS * 2) + 4)
    previous = get(v.orders_cold_half, slot * (COLD_WORDS * 2) + 5)
    if following != 0:
        put(v.orders_cold_half, following * (COLD_WORDS * 2) + 5, previous)
    else:
        put(v.expiry_wheel_half, bucket * 2 + 1, previous)
    if previous != 0:
        put(v.orders_cold_half, previous * (COLD_WORDS * 2) + 4, following)
    else:
        put(v.expiry_wheel_half, bucket * 2, following)
        if following == 0:
            wheel_clear(v.expiry_bits, bucket, WHEEL_BITS)
    count = get(s, EXPIRING_ORDERS) - 1
    put(s, EXPIRING_ORDERS, count)
    if count == 0:
        put(s, NEXT_EXPIRY_SECOND, 0)
        put(s, LAST_EXPIRY_SECOND, 0)
        return
    if second != get(s, NEXT_EXPIRY_SECOND):
        return
    if get(s, LAST_EXPIRY_SECOND) - second < WHEEL_SECONDS:
        if following != 0 or previous != 0:
            return  # others of the same second remain
        found = wheel_next(v.expiry_bits, bucket, WHEEL_BITS)
        if found < 0:
            found = wheel_next(v.expiry_bits, 0, WHEEL_BITS)
        put(s, NEXT_EXPIRY_SECOND, second + ((found - bucket) & (WHEEL_SECONDS - 1)))
    elif first_expiring(v, second) == 0:
        put(s, NEXT_EXPIRY_SECOND, _search_next_second(v))
