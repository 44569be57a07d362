"""PARAMETER: fees and risk controls of instruments, accounts and sessions.

Row 0 of each table holds what those defined later begin with. What is derived from a parameter (the
price band, the rate of freezing, the interval of a rate) is computed here, once, not for every
order.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import Parameter, Reject
from exchange.engine.control.shares import count_shares
from exchange.engine.money.accounts import account_row
from exchange.engine.money.clearing import ppm_of
from exchange.engine.orders.breaker import breaker_clear
from exchange.engine.state.control_events import Target, Values, emit_parameter_set
from exchange.engine.state.defined import account_defined, instrument_defined, session_defined
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ACCOUNT_BLOCKED_FLAG,
    ACCOUNT_SHORT_FLAG,
    INSTRUMENT_BAND_PPM,
    INSTRUMENT_BREAKER_HALT_S,
    INSTRUMENT_BREAKER_PPM,
    INSTRUMENT_BREAKER_WINDOW_S,
    INSTRUMENT_COLLAR_PPM,
    INSTRUMENT_FREEZE_RATE,
    INSTRUMENT_MAKER_FEE,
    INSTRUMENT_REVIEW_VALUE,
    INSTRUMENT_TAKER_FEE,
    INSTRUMENT_WORDS,
    ORDERS_STOPPED,
    SESSION_CANCEL_FLAG,
    SHARES,
)
from exchange.engine.state.memory import get, put, remainder
from exchange.engine.state.rows import (
    account_flags,
    instrument_band_ppm,
    instrument_live_orders,
    instrument_maximum_price,
    instrument_minimum_price,
    instrument_reference,
    instrument_tick,
    session_flags,
    session_rate_interval,
    session_rate_tolerance,
    set_account_flags,
    set_account_live_limit,
    set_account_position_limit,
    set_account_prevention_group,
    set_account_prevention_mode,
    set_account_rate_interval,
    set_account_rate_time,
    set_account_rate_tolerance,
    set_account_ratio_minimum,
    set_account_ratio_ppm,
    set_account_ratio_window_s,
    set_account_today_limit,
    set_account_window_cancels,
    set_account_window_ns,
    set_account_window_orders,
    set_instrument_band_high,
    set_instrument_band_low,
    set_instrument_band_ppm,
    set_instrument_breaker_halt_s,
    set_instrument_breaker_ppm,
    set_instrument_breaker_window_s,
    set_instrument_collar_ppm,
    set_instrument_freeze_rate,
    set_instrument_maker_fee,
    set_instrument_reference,
    set_instrument_review_value,
    set_instrument_taker_fee,
    set_session_flags,
    set_session_rate_interval,
    set_session_rate_time,
    set_session_rate_tolerance,
)
from ringbuffer.jit import jit, jit_inline

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
DEFAULTS = 0  # session 0, and the first word of instrument 0: what those defined later begin with


@engine_function
def set_band(view: Any, instrument_at: int) -> None:
    """Compute the price band from the reference price and the width; ``instrument_at``: first word.

    Its ends are the first and last tick price inside, because protection prices are cut to them.
    """
    reference = instrument_reference(view, instrument_at)
    ppm = instrument_band_ppm(view, instrument_at)
    low = 0
    high = NO_BAND_HIGH
    if reference > 0 and ppm > 0:
        part = ppm_of(reference, ppm)
        tick = instrument_tick(view, instrument_at)
        low = (reference - part + tick - 1) // tick * tick
        high = (reference + part) // tick * tick
    set_instrument_band_low(view, instrument_at, low)
    set_instrument_band_high(view, instrument_at, high)


@engine_function
def default_instrument(view: Any, instrument_at: int) -> None:
    """Give a new instrument the parameters of instrument 0; ``instrument_at``: its first word."""
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
        put(view.instruments, instrument_at + word, get(view.instruments, DEFAULTS + word))
    set_band(view, instrument_at)


@engine_function
def default_session(view: Any, session: int) -> None:
    """Give a new session, whose flags are set, the parameters of session 0."""
    flags = session_flags(view, DEFAULTS) & SESSION_CANCEL_FLAG
    set_session_flags(view, session, session_flags(view, session) | flags)
    set_session_rate_interval(view, session, session_rate_interval(view, DEFAULTS))
    set_session_rate_tolerance(view, session, session_rate_tolerance(view, DEFAULTS))


@jit_inline
def _within(value: int, lowest: int, highest: int) -> bool:
    return lowest <= value <= highest


@engine_function
def instrument_value_valid(view: Any, instrument_at: int, parameter: int, values: Values) -> bool:
    """Whether the values of an instrument's parameter are in range."""
    if parameter == Parameter.FEES:
        return (
            _within(values.value_0, -MAXIMUM_RATE_PPM, MAXIMUM_RATE_PPM)
            and _within(values.value_1, 0, MAXIMUM_RATE_PPM)
            and values.value_0 + values.value_1 >= 0
        )
    if parameter == Parameter.REFERENCE_PRICE:
        if values.value_0 == 0:
            return True
        return (
            instrument_at != 0
            and instrument_minimum_price(view, instrument_at) <= values.value_0
            and values.value_0 <= instrument_maximum_price(view, instrument_at)
            and remainder(values.value_0, instrument_tick(view, instrument_at)) == 0
        )
    if parameter in (Parameter.PRICE_BAND, Parameter.COLLAR):
        return _within(values.value_0, 0, MILLION)
    if parameter == Parameter.REVIEW_VALUE:
        return _within(values.value_0, 0, MAXIMUM_AMOUNT)
    return values.value_0 == 0 or (
        _within(values.value_0, 0, MILLION)
        and _within(values.value_1, 1, MAXIMUM_PERIOD_S)
        and _within(values.value_2, 1, MAXIMUM_PERIOD_S)
    )


@engine_function
def set_instrument_parameter(view: Any, instrument: int, parameter: int, values: Values) -> None:
    """Store the values, which are in range, and what follows from them."""
    instrument_at = instrument * INSTRUMENT_WORDS
    if parameter == Parameter.FEES:
        set_instrument_maker_fee(view, instrument_at, values.value_0)
        set_instrument_taker_fee(view, instrument_at, values.value_1)
        set_instrument_freeze_rate(view, instrument_at, max(0, values.value_0, values.value_1))
    elif parameter == Parameter.REFERENCE_PRICE:
        set_instrument_reference(view, instrument_at, values.value_0)
        set_band(view, instrument_at)
    elif parameter == Parameter.PRICE_BAND:
        set_instrument_band_ppm(view, instrument_at, values.value_0)
        set_band(view, instrument_at)
    elif parameter == Parameter.COLLAR:
        set_instrument_collar_ppm(view, instrument_at, values.value_0)
    elif parameter == Parameter.REVIEW_VALUE:
        set_instrument_review_value(view, instrument_at, values.value_0)
    else:
        set_instrument_breaker_ppm(view, instrument_at, values.value_0)
        set_instrument_breaker_window_s(view, instrument_at, values.value_1)
        set_instrument_breaker_halt_s(view, instrument_at, values.value_2)
        breaker_clear(view, instrument)


@jit
def _rate_valid(rate: int, burst: int) -> bool:
    return rate == 0 or (
        _within(rate, 1, MAXIMUM_RATE_PER_SECOND) and _within(burst, 1, MAXIMUM_BURST)
    )


@jit
def account_value_valid(parameter: int, values: Values) -> bool:
    """Whether the values of an account's parameter are in range."""
    if parameter in (Parameter.DAILY_ORDERS, Parameter.OPEN_ORDERS):
        return _within(values.value_0, 0, MAXIMUM_COUNT)
    if parameter == Parameter.ACCOUNT_RATE:
        return _rate_valid(values.value_0, values.value_1)
    if parameter == Parameter.POSITION_LIMIT:
        return _within(values.value_0, 0, MAXIMUM_POSITION)
    if parameter == Parameter.SELF_TRADE:
        return _within(values.value_0, 0, LAST_PREVENTION_MODE) and _within(
            values.value_1, 0, MAXIMUM_COUNT
        )
    if parameter == Parameter.CANCEL_RATIO:
        return values.value_0 == 0 or (
            _within(values.value_0, 0, MILLION)
            and _within(values.value_1, 1, MAXIMUM_PERIOD_S)
            and _within(values.value_2, 1, MAXIMUM_COUNT)
        )
    return _within(values.value_0, 0, 1)


@jit_inline
def _interval(rate: int) -> int:
    """Nanoseconds between two of a rate's commands; 0 = no limit."""
    return NANOSECONDS // rate if rate != 0 else 0


@jit_inline
def _tolerance(rate: int, burst: int) -> int:
    return (burst - 1) * _interval(rate) if rate != 0 else 0


@engine_function
def set_account_parameter(view: Any, account: int, parameter: int, values: Values) -> None:
    """Store the values, which are in range."""
    row = account_row(account)
    flags = account_flags(view, row)
    if parameter == Parameter.DAILY_ORDERS:
        set_account_today_limit(view, row, values.value_0)
    elif parameter == Parameter.OPEN_ORDERS:
        set_account_live_limit(view, row, values.value_0)
    elif parameter == Parameter.ACCOUNT_RATE:
        set_account_rate_time(view, row, 0)
        set_account_rate_interval(view, row, _interval(values.value_0))
        set_account_rate_tolerance(view, row, _tolerance(values.value_0, values.value_1))
    elif parameter == Parameter.POSITION_LIMIT:
        set_account_position_limit(view, row, values.value_0)
    elif parameter == Parameter.SELF_TRADE:
        set_account_prevention_mode(view, row, values.value_0)
        set_account_prevention_group(view, row, values.value_1)
    elif parameter == Parameter.CANCEL_RATIO:
        set_account_ratio_ppm(view, row, values.value_0)
        set_account_ratio_window_s(view, row, values.value_1)
        set_account_ratio_minimum(view, row, values.value_2)
        set_account_window_ns(view, row, 0)
        set_account_window_orders(view, row, 0)
        set_account_window_cancels(view, row, 0)
    else:
        bit = ACCOUNT_SHORT_FLAG if parameter == Parameter.SHORT_SALES else ACCOUNT_BLOCKED_FLAG
        set_account_flags(view, row, (flags | bit) if values.value_0 != 0 else (flags & ~bit))


@engine_function
def set_session_parameter(view: Any, session: int, parameter: int, values: Values) -> None:
    """Store the values, which are in range."""
    if parameter == Parameter.SESSION_RATE:
        set_session_rate_time(view, session, 0)
        set_session_rate_interval(view, session, _interval(values.value_0))
        set_session_rate_tolerance(view, session, _tolerance(values.value_0, values.value_1))
    else:
        flags = session_flags(view, session) & ~SESSION_CANCEL_FLAG
        set_session_flags(
            view, session, flags | SESSION_CANCEL_FLAG if values.value_0 != 0 else flags
        )


@jit_inline
def value_count(parameter: int) -> int:
    """How many values a parameter has."""
    if parameter in (Parameter.BREAKER, Parameter.CANCEL_RATIO):
        return 3
    if parameter in (
        Parameter.FEES,
        Parameter.ACCOUNT_RATE,
        Parameter.SELF_TRADE,
        Parameter.SESSION_RATE,
    ):
        return 2
    return 1


@engine_function
def _of_instrument(view: Any, instrument: int, parameter: int, values: Values) -> int:
    """Set an instrument's parameter; minus the reject."""
    if instrument != 0 and not instrument_defined(view, instrument):
        return -Reject.UNKNOWN_INSTRUMENT
    instrument_at = instrument * INSTRUMENT_WORDS
    if not instrument_value_valid(view, instrument_at, parameter, values):
        return -Reject.INVALID_PARAMETER
    if parameter == Parameter.FEES and instrument_live_orders(view, instrument_at) != 0:
        return -Reject.INSTRUMENT_BUSY
    set_instrument_parameter(view, instrument, parameter, values)
    return 0


@engine_function
def _of_account(view: Any, account: int, parameter: int, values: Values) -> int:
    """Set an account's parameter; minus the reject."""
    if account != 0 and not account_defined(view, account):
        return -Reject.UNKNOWN_ACCOUNT
    if not account_value_valid(parameter, values):
        return -Reject.INVALID_PARAMETER
    set_account_parameter(view, account, parameter, values)
    return 0


@engine_function
def _of_session(view: Any, session: int, parameter: int, values: Values) -> int:
    """Set a session's parameter; minus the reject."""
    if session != 0 and not session_defined(view, session):
        return -Reject.UNKNOWN_SESSION
    if parameter == Parameter.SESSION_RATE:
        valid = _rate_valid(values.value_0, values.value_1)
    else:
        valid = _within(values.value_0, 0, 1)
    if not valid:
        return -Reject.INVALID_PARAMETER
    set_session_parameter(view, session, parameter, values)
    return 0


@engine_function
def _of_exchange(view: Any, parameter: int, values: Values) -> int:
    """Set a parameter of the exchange; minus the reject."""
    if not _within(values.value_0, 0, 1):
        return -Reject.INVALID_PARAMETER
    if parameter == Parameter.ORDERS_STOPPED:
        put(view.scalars, ORDERS_STOPPED.word, values.value_0)
        return 0
    put(view.scalars, SHARES.word, values.value_0)
    if values.value_0 != 0:
        count_shares(view)
    return 0


@engine_function
def set_parameter(view: Any, parameter: int, target: Target, sent: Values) -> int:
    """PARAMETER: of the instrument, account, session or exchange, as its number says.

    Minus the reject.

    What ``target`` names beside that, and values that the parameter does not have, do not count.
    """
    count = value_count(parameter)
    values = Values(
        sent.value_0, sent.value_1 if count > 1 else 0, sent.value_2 if count > 2 else 0
    )  # fmt: skip
    if _within(parameter, Parameter.FEES, Parameter.BREAKER):
        target = Target(target.instrument, 0, 0)
        result = _of_instrument(view, target.instrument, parameter, values)
    elif _within(parameter, Parameter.DAILY_ORDERS, Parameter.BLOCKED):
        target = Target(0, target.account, 0)
        result = _of_account(view, target.account, parameter, values)
    elif _within(parameter, Parameter.SESSION_RATE, Parameter.CANCEL_ON_DISCONNECT):
        target = Target(0, 0, target.session)
        result = _of_session(view, target.session, parameter, values)
    elif _within(parameter, Parameter.SHARES, Parameter.ORDERS_STOPPED):
        target = Target(0, 0, 0)
        result = _of_exchange(view, parameter, values)
    else:
        result = -Reject.UNKNOWN_PARAMETER
    if result == 0:
        emit_parameter_set(view, parameter, target, values)
    return result
