"""Checks a command by itself.

The rules from decoder-reject to auction-minimum-quantity of docs/matching.md.

Every function answers with a reject number, 0 for none. What the account can afford is in risk.py.

Decisions ENG-4 and ENG-12.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import (
    CAPACITY_CODES,
    CROSS_NONE,
    DISPLAY_CODES,
    DISPLAY_POST_ONLY,
    TIME_IN_FORCE_SYSTEM_HOURS,
    OrderType,
    Reject,
    Side,
)
from exchange.engine.book.tokens import token_share_full, token_well_formed
from exchange.engine.orders.terms import Terms, has_limit, is_stop
from exchange.engine.state.defined import instrument_defined
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ACCOUNT_BLOCKED_FLAG,
    ACCOUNT_DEFINED_FLAG,
    ACCOUNT_KILLED_FLAG,
    ACCOUNT_RATE_TIME,
    DAY_OPEN,
    EXCHANGE_KILLED,
    INSTRUMENT_WORDS,
    ORDERS_STOPPED,
    RATE_INTERVAL,
    RATE_TIME,
    RATE_TOLERANCE,
    SESSION_KILLED_FLAG,
    SESSION_RATE_TIME,
    SESSION_WORDS,
    SHARES,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put, remainder
from exchange.engine.state.rows import (
    account_flags,
    account_live_limit,
    account_live_orders,
    account_today_limit,
    account_today_orders,
    instrument_lot,
    instrument_maximum_price,
    instrument_maximum_quantity,
    instrument_minimum_price,
    instrument_tick,
    session_flags,
)
from exchange.engine.state.trading_states import in_auction, state_reject
from ringbuffer.jit import jit_inline, jit_inline_internal

ICEBERG_PARTS_MAXIMUM = 100  # bounds the trades of one command
_LAST_SIDE = int(max(Side))
_FIRST_CODE, _CODES = 32, 63  # letters are bits of a positive word, the first one bit 0
_ACCESS_FLAGS = ACCOUNT_DEFINED_FLAG | ACCOUNT_BLOCKED_FLAG | ACCOUNT_KILLED_FLAG


def _letters(codes: bytes) -> int:
    """``codes`` as bits for ``is_code``."""
    assert all(_FIRST_CODE <= code < _FIRST_CODE + _CODES for code in codes)
    return sum(1 << (code - _FIRST_CODE) for code in set(codes))


_DISPLAY_BITS = _letters(DISPLAY_CODES)
_CAPACITY_BITS = _letters(CAPACITY_CODES)
_CROSS_BITS = _letters(CROSS_NONE)


@jit_inline
def is_code(bits: int, code: int) -> bool:
    """Whether ``code`` is one of the letters in ``bits``."""
    return _FIRST_CODE <= code < _FIRST_CODE + _CODES and (bits >> (code - _FIRST_CODE)) & 1 != 0


@jit_inline_internal
def token_form_reject(terms: Terms) -> int:
    """Rule token-check: of a token that has not been used; a malformed one never has."""
    return 0 if token_well_formed(terms.token_0, terms.token_word) else Reject.INVALID_TOKEN


@jit_inline_internal
def token_space_reject(view: Any, session: int) -> int:
    """Rule token-share: whether the session may use another token."""
    return Reject.TOKEN_TABLE_FULL if token_share_full(view, session) else 0


@jit_inline_internal
def open_order_limit_reached(view: Any, account_at: int) -> bool:
    """Whether the account has as many live orders as it may have."""
    limit = account_live_limit(view, account_at)
    return limit != 0 and account_live_orders(view, account_at) >= limit


@jit_inline_internal
def daily_limit_reached(view: Any, account_at: int) -> bool:
    """Whether the account has entered as many orders today as it may."""
    limit = account_today_limit(view, account_at)
    return limit != 0 and account_today_orders(view, account_at) >= limit


@engine_function
def _access_reject(view: Any, session: int, account_at: int) -> int:
    """Rule account-access where something is wrong."""
    flags = account_flags(view, account_at)
    if flags & ACCOUNT_DEFINED_FLAG == 0:
        return Reject.UNKNOWN_ACCOUNT
    killed = session_flags(view, session) & SESSION_KILLED_FLAG
    if get(view.scalars, EXCHANGE_KILLED) | killed | (flags & ACCOUNT_KILLED_FLAG) != 0:
        return Reject.KILL_SWITCH
    if flags & ACCOUNT_BLOCKED_FLAG != 0:
        return Reject.ACCOUNT_BLOCKED
    return Reject.CANCEL_ONLY


@jit_inline_internal
def _rate_passed(rows: Any, rate_at: int, now_ns: int) -> bool:
    """Whether a rate lets one more order through; counts it if so.

    ``rows``: sessions or accounts, ``rate_at``: the first word of the rate's three.
    """
    interval_ns = get(rows, rate_at + RATE_INTERVAL.word)
    if interval_ns == 0:
        return True
    time_ns = max(get(rows, rate_at + RATE_TIME.word), now_ns)
    if time_ns - now_ns > get(rows, rate_at + RATE_TOLERANCE.word):
        return False
    put(rows, rate_at + RATE_TIME.word, time_ns + interval_ns)
    return True


@jit_inline_internal
def check_access(view: Any, session: int, account_at: int) -> int:
    """Rules day-open, account-access, orders-stopped, order-rate; counts for the rates.

    While the rules of shares hold, also Rule daily-order-limit: no limit is looked at after
    something that is used up.
    """
    scalars = view.scalars
    if get(scalars, DAY_OPEN) == 0:
        return Reject.MARKET_CLOSED
    if (
        account_flags(view, account_at) & _ACCESS_FLAGS != ACCOUNT_DEFINED_FLAG
        or session_flags(view, session) & SESSION_KILLED_FLAG != 0
        or get(scalars, EXCHANGE_KILLED) | get(scalars, ORDERS_STOPPED.word) != 0
    ):
        return _access_reject(view, session, account_at)
    now_ns = get(scalars, TIMESTAMP_NS)
    session_rate_at = session * SESSION_WORDS + SESSION_RATE_TIME.word
    if not _rate_passed(view.sessions, session_rate_at, now_ns):
        return Reject.RATE_LIMITED
    if not _rate_passed(view.accounts, account_at + ACCOUNT_RATE_TIME, now_ns):
        return Reject.RATE_LIMITED
    if get(scalars, SHARES.word) != 0 and daily_limit_reached(view, account_at):
        return Reject.DAILY_ORDER_LIMIT
    return 0


@jit_inline_internal
def check_instrument(view: Any, instrument: int) -> int:
    """Rule instrument-state."""
    if not instrument_defined(view, instrument):
        return Reject.UNKNOWN_INSTRUMENT
    return state_reject(view, instrument * INSTRUMENT_WORDS)


@jit_inline
def check_codes(terms: Terms) -> int:
    """Rules known-side, order-type, display-code, capacity-code and cross-type."""
    if terms.side > _LAST_SIDE:
        return Reject.INVALID_SIDE
    order_type = terms.order_type
    if order_type > OrderType.STOP_LIMIT or (is_stop(order_type) and not terms.is_long):
        return Reject.INVALID_ORDER_TYPE
    if terms.time_in_force > TIME_IN_FORCE_SYSTEM_HOURS:
        return Reject.INVALID_TIME_IN_FORCE
    if not is_code(_DISPLAY_BITS, terms.display):
        return Reject.INVALID_DISPLAY
    if not is_code(_CAPACITY_BITS, terms.capacity):
        return Reject.INVALID_CAPACITY
    if not is_code(_CROSS_BITS, terms.cross_type):
        return Reject.CROSS_NOT_SUPPORTED
    return 0


@jit_inline_internal
def check_quantity(view: Any, instrument_at: int, quantity: int) -> int:
    """Rules lot-quantity and maximum-quantity."""
    lot = instrument_lot(view, instrument_at)
    if quantity <= 0 or (lot != 1 and remainder(quantity, lot) != 0):
        return Reject.INVALID_QUANTITY
    if quantity > instrument_maximum_quantity(view, instrument_at):
        return Reject.QUANTITY_TOO_LARGE
    return 0


@jit_inline_internal
def _on_tick(view: Any, instrument_at: int, price: int) -> bool:
    tick = instrument_tick(view, instrument_at)
    return price > 0 and (tick == 1 or remainder(price, tick) == 0)


@jit_inline_internal
def in_range(view: Any, instrument_at: int, price: int) -> bool:
    lowest = instrument_minimum_price(view, instrument_at)
    return lowest <= price and price <= instrument_maximum_price(view, instrument_at)


@jit_inline_internal
def check_price(view: Any, instrument_at: int, order_type: int, price: int) -> int:
    """Rule limit-price."""
    if not has_limit(order_type):
        return 0 if price == 0 else Reject.INVALID_PRICE
    if not _on_tick(view, instrument_at, price):
        return Reject.INVALID_PRICE
    return 0 if in_range(view, instrument_at, price) else Reject.PRICE_OUT_OF_RANGE


@jit_inline_internal
def _check_display_quantity(view: Any, instrument_at: int, terms: Terms) -> int:
    """Rule iceberg-terms of an order that has a display quantity."""
    lot = instrument_lot(view, instrument_at)
    shown = terms.display_quantity
    if (
        shown < 0
        or shown > terms.quantity
        or shown * ICEBERG_PARTS_MAXIMUM < terms.quantity
        or (lot != 1 and remainder(shown, lot) != 0)
        or not has_limit(terms.order_type)
        or terms.time_in_force == 0
    ):
        return Reject.INVALID_DISPLAY_QUANTITY
    return 0


@jit_inline_internal
def check_special_terms(view: Any, instrument_at: int, terms: Terms) -> int:
    """From Rule stop-price to Rule auction-minimum-quantity."""
    order_type = terms.order_type
    minimum = terms.minimum_quantity
    at_once = terms.time_in_force == 0
    if is_stop(order_type) and not (
        _on_tick(view, instrument_at, terms.stop_price)
        and in_range(view, instrument_at, terms.stop_price)
    ):
        return Reject.INVALID_STOP_PRICE
    if minimum > 0 and (minimum > terms.quantity or not at_once or is_stop(order_type)):
        return Reject.INVALID_MINIMUM_QUANTITY
    if terms.display == DISPLAY_POST_ONLY and (order_type != OrderType.LIMIT or at_once):
        return Reject.INVALID_DISPLAY
    if terms.display_quantity != 0:
        reject = _check_display_quantity(view, instrument_at, terms)
        if reject != 0:
            return reject
    if minimum > 0 and in_auction(view, instrument_at):
        return Reject.NOT_IN_AUCTION
    return 0


@jit_inline_internal
def checked(view: Any, terms: Terms) -> int:
    """From Rule known-side to Rule auction-minimum-quantity, of ENTER and REPLACE alike.

    The instrument is defined. A replacement's side, capacity and cross type are those of the order
    that it replaces, which have passed before.
    """
    instrument_at = terms.instrument * INSTRUMENT_WORDS
    reject = check_codes(terms)
    if reject == 0:
        reject = check_quantity(view, instrument_at, terms.quantity)
    if reject == 0:
        reject = check_price(view, instrument_at, terms.order_type, terms.price)
    if reject == 0:
        reject = check_special_terms(view, instrument_at, terms)
    return reject
