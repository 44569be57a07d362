"""Good-till-time orders by expiry second: a wheel of lists, one bucket a second.

The wheel spans 2^20 seconds (12 days) and an order expires within 99,998 seconds of its entry, so
buckets hold orders of one second, unless old orders stayed unexpired for 11 days without a TIMER:
then two seconds may share a bucket, the earliest second is searched among all live orders instead
of in the bitmap, and the order of expiry is still exact.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.book.bitmap import wheel_clear, wheel_next, wheel_set
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    EXPIRING_ORDERS,
    LAST_EXPIRY_SECOND,
    NEXT_EXPIRY_SECOND,
    WHEEL_BITS,
    WHEEL_SECONDS,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    expiry_next,
    expiry_previous,
    order_expiry_second,
    set_expiry_next,
    set_expiry_previous,
    set_order_expiry_second,
    set_wheel_head,
    set_wheel_tail,
    wheel_head,
    wheel_tail,
)


@engine_function
def expiry_add(view: Any, slot: int, second: int) -> None:
    """Let the order in ``slot`` expire at ``second``."""
    scalars = view.scalars
    bucket = second & (WHEEL_SECONDS - 1)
    tail = wheel_tail(view, bucket)
    set_order_expiry_second(view, slot, second)
    set_expiry_next(view, slot, 0)
    set_expiry_previous(view, slot, tail)
    set_wheel_tail(view, bucket, slot)
    if tail != 0:
        set_expiry_next(view, tail, slot)
    else:
        set_wheel_head(view, bucket, slot)
        wheel_set(view.expiry_bits, bucket, WHEEL_BITS)
    count = get(scalars, EXPIRING_ORDERS)
    put(scalars, EXPIRING_ORDERS, count + 1)
    if count == 0 or second < get(scalars, NEXT_EXPIRY_SECOND):
        put(scalars, NEXT_EXPIRY_SECOND, second)
    if count == 0 or second > get(scalars, LAST_EXPIRY_SECOND):
        put(scalars, LAST_EXPIRY_SECOND, second)


@engine_function
def next_in_bucket(view: Any, slot: int, second: int) -> int:
    """From ``slot`` on along its list, the first order that expires at ``second``; 0 if none."""
    while slot != 0 and order_expiry_second(view, slot) != second:
        slot = expiry_next(view, slot)
    return slot


@engine_function
def first_expiring(view: Any, second: int) -> int:
    """The first order given the expiry ``second``; 0 if none."""
    bucket = second & (WHEEL_SECONDS - 1)
    return next_in_bucket(view, wheel_head(view, bucket), second)


@engine_function
def _search_next_second(view: Any) -> int:
    """The earliest expiry second of all live orders, when buckets may be shared."""
    best = 0
    bucket = wheel_next(view.expiry_bits, 0, WHEEL_BITS)
    while bucket >= 0:
        slot = wheel_head(view, bucket)
        while slot != 0:
            second = order_expiry_second(view, slot)
            if best == 0 or second < best:
                best = second
            slot = expiry_next(view, slot)
        bucket = wheel_next(view.expiry_bits, bucket + 1, WHEEL_BITS)
    return best


@engine_function
def expiry_remove(view: Any, slot: int) -> None:
    """The order in ``slot`` no longer expires."""
    scalars = view.scalars
    second = order_expiry_second(view, slot)
    bucket = second & (WHEEL_SECONDS - 1)
    following = expiry_next(view, slot)
    previous = expiry_previous(view, slot)
    if following != 0:
        set_expiry_previous(view, following, previous)
    else:
        set_wheel_tail(view, bucket, previous)
    if previous != 0:
        set_expiry_next(view, previous, following)
    else:
        set_wheel_head(view, bucket, following)
        if following == 0:
            wheel_clear(view.expiry_bits, bucket, WHEEL_BITS)
    count = get(scalars, EXPIRING_ORDERS) - 1
    put(scalars, EXPIRING_ORDERS, count)
    if count == 0:
        put(scalars, NEXT_EXPIRY_SECOND, 0)
        put(scalars, LAST_EXPIRY_SECOND, 0)
        return
    if second != get(scalars, NEXT_EXPIRY_SECOND):
        return
    if get(scalars, LAST_EXPIRY_SECOND) - second < WHEEL_SECONDS:
        if following != 0 or previous != 0:
            return  # others of the same second remain
        found = wheel_next(view.expiry_bits, bucket, WHEEL_BITS)
        if found < 0:
            found = wheel_next(view.expiry_bits, 0, WHEEL_BITS)
        put(scalars, NEXT_EXPIRY_SECOND, second + ((found - bucket) & (WHEEL_SECONDS - 1)))
    elif first_expiring(view, second) == 0:
        put(scalars, NEXT_EXPIRY_SECOND, _search_next_second(view))
