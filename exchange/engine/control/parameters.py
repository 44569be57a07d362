"""PARAMETER: fees and risk controls of instruments, accounts and sessions.

Row 0 of each table holds what those defined later begin with. What is derived from a parameter (the
price band, the rate of freezing, the interval of a rate) is computed here, once, not for every
order.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, Parameter, Reject
from exchange.engine.money.accounts import account_defined, account_row
from exchange.engine.money.clearing import ppm_of
from exchange.engine.orders.breaker import breaker_clear
from exchange.engine.orders.checks import instrument_defined, session_defined
from exchange.engine.state.control_events import emit_control
from exchange.engine.state.layout import (
    ACCOUNT_BLOCKED_FLAG,
    ACCOUNT_FLAGS,
    ACCOUNT_LIVE,
    ACCOUNT_POSITION_LIMIT,
    ACCOUNT_RATE_INTERVAL,
    ACCOUNT_RATE_TIME,
    ACCOUNT_RATE_TOLERANCE,
    ACCOUNT_RATIO_MINIMUM,
    ACCOUNT_RATIO_PPM,
    ACCOUNT_RATIO_WINDOW_S,
    ACCOUNT_SHORT_FLAG,
    ACCOUNT_TODAY,
    ACCOUNT_WINDOW_CANCELS,
    ACCOUNT_WINDOW_NS,
    ACCOUNT_WINDOW_ORDERS,
    INSTRUMENT_BAND_HIGH,
    INSTRUMENT_BAND_LOW,
    INSTRUMENT_BAND_PPM,
    INSTRUMENT_BREAKER_HALT_S,
    INSTRUMENT_BREAKER_PPM,
    INSTRUMENT_BREAKER_WINDOW_S,
    INSTRUMENT_COLLAR_PPM,
    INSTRUMENT_FREEZE_RATE,
    INSTRUMENT_LIVE_ORDERS,
    INSTRUMENT_MAKER_FEE,
    INSTRUMENT_MAXIMUM_PRICE,
    INSTRUMENT_MINIMUM_PRICE,
    INSTRUMENT_REFERENCE,
    INSTRUMENT_REVIEW_VALUE,
    INSTRUMENT_TAKER_FEE,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    SESSION_CANCEL_FLAG,
    SESSION_WORDS,
)
from exchange.engine.state.memory import get, put, remainder
from ringbuffer.jit import jit, jit_inline, jit_internal

MAXIMUM_RATE_PPM = 100_000
MILLION = 1_000_000
MAXIMUM_AMOUNT = 1 << 61
MAXIMUM_COUNT = (1 << 31) - 1
MAXIMUM_POSITION = 1 << 40
MAXIMUM_PERIOD_S = 86_400
MAXIMUM_RATE_PER_SECOND = 1_000_000_000
MAXIMUM_BURST = 1_000_000
LAST_PREVENTION_MODE = 4
NO_BAND_HIGH = 1 << 62
NANOSECONDS = 1_000_000_000

_PARAMETER_SET = int(EventKind.PARAMETER_SET)
_UNKNOWN_PARAMETER = int(Reject.UNKNOWN_PARAMETER)
_INVALID_PARAMETER = int(Reject.INVALID_PARAMETER)
_INSTRUMENT_BUSY = int(Reject.INSTRUMENT_BUSY)
_UNKNOWN_INSTRUMENT = int(Reject.UNKNOWN_INSTRUMENT)
_UNKNOWN_ACCOUNT = int(Reject.UNKNOWN_ACCOUNT)
_UNKNOWN_SESSION = int(Reject.UNKNOWN_SESSION)

_FEES = int(Parameter.FEES)
_REFERENCE_PRICE = int(Parameter.REFERENCE_PRICE)
_PRICE_BAND = int(Parameter.PRICE_BAND)
_COLLAR = int(Parameter.COLLAR)
_REVIEW_VALUE = int(Parameter.REVIEW_VALUE)
_BREAKER = int(Parameter.BREAKER)
_DAILY_ORDERS = int(Parameter.DAILY_ORDERS)
_ACCOUNT_RATE = int(Parameter.ACCOUNT_RATE)
_POSITION_LIMIT = int(Parameter.POSITION_LIMIT)
_OPEN_ORDERS = int(Parameter.OPEN_ORDERS)
_SELF_TRADE = int(Parameter.SELF_TRADE)
_SHORT_SALES = int(Parameter.SHORT_SALES)
_CANCEL_RATIO = int(Parameter.CANCEL_RATIO)
_BLOCKED = int(Parameter.BLOCKED)
_SESSION_RATE = int(Parameter.SESSION_RATE)
_CANCEL_ON_DISCONNECT = int(Parameter.CANCEL_ON_DISCONNECT)


@jit_internal
def set_band(v: Any, i: int) -> None:
    """Compute the price band from the reference price and the width; ``i``: first word.

    Its ends are the first and last tick price inside, because protection prices are cut to them.
    """
    reference = get(v.instruments, i + INSTRUMENT_REFERENCE)
    ppm = get(v.instruments, i + INSTRUMENT_BAND_PPM)
    low = 0
    high = NO_BAND_HIGH
    if reference > 0 and ppm > 0:
        part = ppm_of(reference, ppm)
        tick = get(v.instruments, i + INSTRUMENT_TICK)
        low = (reference - part + tick - 1) // tick * tick
        high = (reference + part) // tick * tick
    put(v.instruments, i + INSTRUMENT_BAND_LOW, low)
    put(v.instruments, i + INSTRUMENT_BAND_HIGH, high)


@jit_internal
def default_instrument(v: Any, i: int) -> None:
    """Give a new instrument the parameters of instrument 0; ``i``: its first word."""
    for word in (
        INSTRUMENT_MAKER_FEE,
        INSTRUMENT_TAKER_FEE,
        INSTRUMENT_FREEZE_RATE,
        INSTRUMENT_REVIEW_VALUE,
        INSTRUMENT_BAND_PPM,
        INSTRUMENT_COLLAR_PPM,
        INSTRUMENT_BREAKER_PPM,
        INSTRUMENT_BREAKER_WINDOW_S,
        INSTRUMENT_BREAKER_HALT_S,
    ):
        put(v.instruments, i + word, get(v.instruments, word))
    set_band(v, i)


@jit_internal
def default_session(v: Any, at: int) -> None:
    """Give a new session, whose flags are set, the parameters of session 0; ``at``: first word."""
    flags = get(v.sessions, 0) & SESSION_CANCEL_FLAG
    put(v.sessions, at, get(v.sessions, at) | flags)
    put(v.sessions, at + 5, get(v.sessions, 5))
    put(v.sessions, at + 6, get(v.sessions, 6))


@jit_inline
def _within(value: int, lowest: int, highest: int) -> bool:
    return lowest <= value <= highest


@jit_internal
def instrument_value_valid(v: Any, i: int, parameter: int, a: int, b: int, c: int) -> bool:
    """Whether the values of an instrument's parameter are in range."""
    if parameter == _FEES:
        return (
            _within(a, -MAXIMUM_RATE_PPM, MAXIMUM_RATE_PPM)
            and _within(b, 0, MAXIMUM_RATE_PPM)
            and a + b >= 0
        )
    if parameter == _REFERENCE_PRICE:
        if a == 0:
            return True
        return (
            i != 0
            and get(v.instruments, i + INSTRUMENT_MINIMUM_PRICE) <= a
            and a <= get(v.instruments, i + INSTRUMENT_MAXIMUM_PRICE)
            and remainder(a, get(v.instruments, i + INSTRUMENT_TICK)) == 0
        )
    if parameter in (_PRICE_BAND, _COLLAR):
        return _within(a, 0, MILLION)
    if parameter == _REVIEW_VALUE:
        return _within(a, 0, MAXIMUM_AMOUNT)
    return a == 0 or (
        _within(a, 0, MILLION)
        and _within(b, 1, MAXIMUM_PERIOD_S)
        and _within(c, 1, MAXIMUM_PERIOD_S)
    )


@jit_internal
def set_instrument_parameter(
    v: Any, instrument: int, parameter: int, a: int, b: int, c: int
) -> None:
    """Store the values, which are in range, and what follows from them."""
    i = instrument * INSTRUMENT_WORDS
    if parameter == _FEES:
        put(v.instruments, i + INSTRUMENT_MAKER_FEE, a)
        put(v.instruments, i + INSTRUMENT_TAKER_FEE, b)
        put(v.instruments, i + INSTRUMENT_FREEZE_RATE, max(0, a, b))
    elif parameter == _REFERENCE_PRICE:
        put(v.instruments, i + INSTRUMENT_REFERENCE, a)
        set_band(v, i)
    elif parameter == _PRICE_BAND:
        put(v.instruments, i + INSTRUMENT_BAND_PPM, a)
        set_band(v, i)
    elif parameter == _COLLAR:
        put(v.instruments, i + INSTRUMENT_COLLAR_PPM, a)
    elif parameter == _REVIEW_VALUE:
        put(v.instruments, i + INSTRUMENT_REVIEW_VALUE, a)
    else:
        put(v.instruments, i + INSTRUMENT_BREAKER_PPM, a)
        put(v.instruments, i + INSTRUMENT_BREAKER_WINDOW_S, b)
        put(v.instruments, i + INSTRUMENT_BREAKER_HALT_S, c)
        breaker_clear(v, instrument)


@jit
def _rate_valid(rate: int, burst: int) -> bool:
    return rate == 0 or (
        _within(rate, 1, MAXIMUM_RATE_PER_SECOND) and _within(burst, 1, MAXIMUM_BURST)
    )


@jit
def account_value_valid(parameter: int, a: int, b: int, c: int) -> bool:
    """Whether the values of an account's parameter are in range."""
    if parameter in (_DAILY_ORDERS, _OPEN_ORDERS):
        return _within(a, 0, MAXIMUM_COUNT)
    if parameter == _ACCOUNT_RATE:
        return _rate_valid(a, b)
    if parameter == _POSITION_LIMIT:
        return _within(a, 0, MAXIMUM_POSITION)
    if parameter == _SELF_TRADE:
        return _within(a, 0, LAST_PREVENTION_MODE) and _within(b, 0, MAXIMUM_COUNT)
    if parameter == _CANCEL_RATIO:
        return a == 0 or (
            _within(a, 0, MILLION)
            and _within(b, 1, MAXIMUM_PERIOD_S)
            and _within(c, 1, MAXIMUM_COUNT)
        )
    return _within(a, 0, 1)


@jit_inline
def _interval(rate: int) -> int:
    """Nanoseconds between two of a rate's commands; 0 = no limit."""
    return NANOSECONDS // rate if rate != 0 else 0


@jit_inline
def _tolerance(rate: int, burst: int) -> int:
    return (burst - 1) * _interval(rate) if rate != 0 else 0


@jit_internal
def set_account_parameter(v: Any, account: int, parameter: int, a: int, b: int, c: int) -> None:
    """Store the values, which are in range."""
    row = account_row(account)
    flags = get(v.accounts, row + ACCOUNT_FLAGS)
    if parameter == _DAILY_ORDERS:
        put(v.accounts_half, (row + ACCOUNT_TODAY) * 2 + 1, a)
    elif parameter == _OPEN_ORDERS:
        put(v.accounts_half, (row + ACCOUNT_LIVE) * 2 + 1, a)
    elif parameter == _ACCOUNT_RATE:
        put(v.accounts, row + ACCOUNT_RATE_TIME, 0)
        put(v.accounts, row + ACCOUNT_RATE_INTERVAL, _interval(a))
        put(v.accounts, row + ACCOUNT_RATE_TOLERANCE, _tolerance(a, b))
    elif parameter == _POSITION_LIMIT:
        put(v.accounts, row + ACCOUNT_POSITION_LIMIT, a)
    elif parameter == _SELF_TRADE:
        put(v.accounts, row + ACCOUNT_FLAGS, (flags & 0xFF) | (a << 8) | (b << 32))
    elif parameter == _CANCEL_RATIO:
        put(v.accounts, row + ACCOUNT_RATIO_PPM, a)
        put(v.accounts, row + ACCOUNT_RATIO_WINDOW_S, b)
        put(v.accounts, row + ACCOUNT_RATIO_MINIMUM, c)
        put(v.accounts, row + ACCOUNT_WINDOW_NS, 0)
        put(v.accounts, row + ACCOUNT_WINDOW_ORDERS, 0)
        put(v.accounts, row + ACCOUNT_WINDOW_CANCELS, 0)
    else:
        bit = ACCOUNT_SHORT_FLAG if parameter == _SHORT_SALES else ACCOUNT_BLOCKED_FLAG
        put(v.accounts, row + ACCOUNT_FLAGS, (flags | bit) if a != 0 else (flags & ~bit))


@jit_internal
def set_session_parameter(v: Any, session: int, parameter: int, a: int, b: int) -> None:
    """Store the values, which are in range."""
    at = session * SESSION_WORDS
    if parameter == _SESSION_RATE:
        put(v.sessions, at + 4, 0)
        put(v.sessions, at + 5, _interval(a))
        put(v.sessions, at + 6, _tolerance(a, b))
    else:
        flags = get(v.sessions, at) & ~SESSION_CANCEL_FLAG
        put(v.sessions, at, flags | SESSION_CANCEL_FLAG if a != 0 else flags)


@jit_inline
def value_count(parameter: int) -> int:
    """How many values a parameter has."""
    if parameter in (_BREAKER, _CANCEL_RATIO):
        return 3
    if parameter in (_FEES, _ACCOUNT_RATE, _SELF_TRADE, _SESSION_RATE):
        return 2
    return 1


@jit_internal
def set_parameter(
    v: Any,
    parameter: int,
    instrument: int,
    account: int,
    session: int,
    a: int,
    b: int,
    c: int,
) -> int:
    """PARAMETER: of the instrument, account or session that its number says; minus the reject."""
    count = value_count(parameter)
    b = b if count > 1 else 0
    c = c if count > 2 else 0
    if _within(parameter, _FEES, _BREAKER):
        if instrument != 0 and not instrument_defined(v, instrument):
            return -_UNKNOWN_INSTRUMENT
        i = instrument * INSTRUMENT_WORDS
        if not instrument_value_valid(v, i, parameter, a, b, c):
            return -_INVALID_PARAMETER
        if parameter == _FEES and get(v.instruments, i + INSTRUMENT_LIVE_ORDERS) != 0:
            return -_INSTRUMENT_BUSY
        set_instrument_parameter(v, instrument, parameter, a, b, c)
        account = 0
        session = 0
    elif _within(parameter, _DAILY_ORDERS, _BLOCKED):
        if account != 0 and not account_defined(v, account):
            return -_UNKNOWN_ACCOUNT
        if not account_value_valid(parameter, a, b, c):
            return -_INVALID_PARAMETER
        set_account_parameter(v, account, parameter, a, b, c)
        instrument = 0
        session = 0
    elif _within(parameter, _SESSION_RATE, _CANCEL_ON_DISCONNECT):
        if session != 0 and not session_defined(v, session):
            return -_UNKNOWN_SESSION
        valid = _rate_valid(a, b) if parameter == _SESSION_RATE else _within(a, 0, 1)
        if not valid:
            return -_INVALID_PARAMETER
        set_session_parameter(v, session, parameter, a, b)
        instrument = 0
        account = 0
    else:
        return -_UNKNOWN_PARAMETER
    emit_control(
        v, _PARAMETER_SET, instrument, session, 0, 0, a, b, c, 0, 0, 0, account, parameter, 0
    )  # fmt: skip
    return 0
