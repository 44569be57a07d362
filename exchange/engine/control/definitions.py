"""INSTRUMENT and SESSION: defining what orders are about and who sends them."""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import EventKind, Reject, SystemEvent
from exchange.definitions.rules import (
    MAXIMUM_DECIMALS,
    MAXIMUM_PRICE,
    MAXIMUM_QUANTITY,
    MAXIMUM_TICKS,
    MAXIMUM_VALUE,
)
from exchange.engine.control.parameters import default_instrument, default_session
from exchange.engine.state.commands import (
    command_display,
    command_instrument,
    command_price,
    command_quantity,
    command_session,
    command_token_0,
    specification_currency,
    specification_group,
    specification_maximum_price,
    specification_maximum_quantity,
    specification_minimum_price,
)
from exchange.engine.state.control_events import (
    emit_control_rejected,
    emit_session_defined,
    emit_system,
)
from exchange.engine.state.defined import currency_defined, instrument_defined, session_defined
from exchange.engine.state.events import Detail, LevelTotals, Subject, write_event
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    DAY_OPEN,
    INSTRUMENT_WORDS,
    KEY_BITS,
    MAX_ACCOUNTS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    SESSION_DEFINED_FLAG,
)
from exchange.engine.state.memory import get, remainder
from exchange.engine.state.rows import (
    currency_decimals,
    set_instrument_currency,
    set_instrument_decimals,
    set_instrument_group,
    set_instrument_lot,
    set_instrument_maximum_price,
    set_instrument_maximum_quantity,
    set_instrument_minimum_price,
    set_instrument_multiplier,
    set_instrument_position_bound,
    set_instrument_set,
    set_instrument_symbol,
    set_instrument_tick,
    set_session_account,
    set_session_flags,
    set_session_username,
)
from exchange.records import EVENT_CURRENCY, EVENT_DISPLAY, EVENT_GROUP, EVENT_INSTRUMENT
from ringbuffer.jit import jit, jit_inline, jit_inline_internal

MAXIMUM_TOTAL = 1 << 61  # of a position at the maximum price
assert MAXIMUM_TICKS == 1 << KEY_BITS, "a price in ticks fits the key of a level"


@jit_inline
def power_of_ten(exponent: int) -> int:
    result = 1
    for _ in range(exponent):
        result *= 10
    return result


@jit
def specification_valid(
    tick: int,
    lot: int,
    decimals: int,
    currency_decimals: int,
    minimum_price: int,
    maximum_price: int,
    maximum_quantity: int,
) -> bool:
    """Whether an instrument can be traded so that no amount leaves an int64."""
    return (
        tick >= 1
        and lot >= 1
        and minimum_price >= tick
        and maximum_price >= minimum_price
        and maximum_price // tick < MAXIMUM_TICKS
        and maximum_price <= MAXIMUM_PRICE
        and maximum_quantity >= lot
        and maximum_quantity <= MAXIMUM_QUANTITY
        and decimals <= MAXIMUM_DECIMALS
        and decimals <= currency_decimals
        and remainder(minimum_price, tick) == 0
        and remainder(maximum_price, tick) == 0
        # by division: the product itself may not fit
        and maximum_quantity
        <= MAXIMUM_VALUE // power_of_ten(currency_decimals - decimals) // maximum_price
    )


class Specification(NamedTuple):
    """What an INSTRUMENT says, int64 each; ``tick`` and prices in minor units."""

    symbol: int
    tick: int
    lot: int
    decimals: int
    currency: int
    group: int
    minimum_price: int
    maximum_price: int
    maximum_quantity: int


@jit_inline_internal
def _specification(view: Any, command_at: int, continuation_at: int) -> Specification:
    return Specification(
        symbol=command_token_0(view, command_at),
        tick=command_price(view, command_at),
        lot=command_quantity(view, command_at),
        decimals=command_display(view, command_at),
        currency=specification_currency(view, continuation_at),
        group=specification_group(view, continuation_at),
        minimum_price=specification_minimum_price(view, continuation_at),
        maximum_price=specification_maximum_price(view, continuation_at),
        maximum_quantity=specification_maximum_quantity(view, continuation_at),
    )


@engine_function
def _instrument_reject(view: Any, instrument: int, told: Specification) -> int:
    """Why INSTRUMENT cannot be carried out; 0 if it can."""
    if instrument == 0 or instrument >= get(view.scalars, MAX_INSTRUMENTS):
        return Reject.INSTRUMENT_OUT_OF_RANGE
    if instrument_defined(view, instrument):
        return Reject.INSTRUMENT_EXISTS
    if not currency_defined(view, told.currency):
        return Reject.UNKNOWN_CURRENCY
    if not specification_valid(
        told.tick, told.lot, told.decimals, currency_decimals(view, told.currency),
        told.minimum_price, told.maximum_price, told.maximum_quantity,
    ):  # fmt: skip
        return Reject.INVALID_INSTRUMENT
    return 0


@engine_function
def _emit_instrument_defined(view: Any, instrument: int, told: Specification) -> None:
    subject = Subject(
        0, told.tick, told.lot, told.symbol, instrument << EVENT_INSTRUMENT.shift,
        told.decimals << EVENT_DISPLAY.shift,
    )  # fmt: skip
    detail = Detail(
        told.maximum_price, told.maximum_quantity, 0, told.currency << EVENT_CURRENCY.shift,
        told.group << EVENT_GROUP.shift,
    )  # fmt: skip
    minimum = LevelTotals(told.minimum_price, 0, 0)
    write_event(view, EventKind.INSTRUMENT_DEFINED, 0, subject, minimum, 0, detail)


@engine_function
def define_instrument(view: Any, command_at: int, continuation_at: int) -> None:
    """INSTRUMENT at word ``command_at``, its continuation at ``continuation_at``."""
    instrument = command_instrument(view, command_at)
    told = _specification(view, command_at, continuation_at)
    reject = _instrument_reject(view, instrument, told)
    if reject != 0:
        emit_control_rejected(view, instrument, command_session(view, command_at), reject)
        return
    multiplier = power_of_ten(currency_decimals(view, told.currency) - told.decimals)
    instrument_at = instrument * INSTRUMENT_WORDS
    set_instrument_set(view, instrument_at, 1)
    set_instrument_decimals(view, instrument_at, told.decimals)
    set_instrument_group(view, instrument_at, told.group)
    set_instrument_currency(view, instrument_at, told.currency)
    set_instrument_tick(view, instrument_at, told.tick)
    set_instrument_lot(view, instrument_at, told.lot)
    set_instrument_minimum_price(view, instrument_at, told.minimum_price)
    set_instrument_maximum_price(view, instrument_at, told.maximum_price)
    set_instrument_maximum_quantity(view, instrument_at, told.maximum_quantity)
    set_instrument_symbol(view, instrument_at, told.symbol)
    set_instrument_multiplier(view, instrument_at, multiplier)
    bound = min(MAXIMUM_QUANTITY, MAXIMUM_TOTAL // (told.maximum_price * multiplier))
    set_instrument_position_bound(view, instrument_at, bound)
    default_instrument(view, instrument_at)
    _emit_instrument_defined(view, instrument, told)


@engine_function
def _session_reject(view: Any, session: int, account: int) -> int:
    """Why SESSION cannot be carried out; 0 if it can."""
    if session == 0 or session >= get(view.scalars, MAX_SESSIONS):
        return Reject.SESSION_OUT_OF_RANGE
    if session_defined(view, session):
        return Reject.SESSION_EXISTS
    if account <= 0 or account >= get(view.scalars, MAX_ACCOUNTS):
        return Reject.ACCOUNT_OUT_OF_RANGE
    return 0


@engine_function
def define_session(view: Any, command_at: int) -> None:
    """SESSION at word ``command_at``."""
    session = command_session(view, command_at)
    account = command_quantity(view, command_at)
    reject = _session_reject(view, session, account)
    if reject != 0:
        emit_control_rejected(view, command_instrument(view, command_at), session, reject)
        return
    username = command_token_0(view, command_at)
    set_session_flags(view, session, SESSION_DEFINED_FLAG)
    set_session_username(view, session, username)
    set_session_account(view, session, account)
    default_session(view, session)
    emit_session_defined(view, session, username, account)
    if get(view.scalars, DAY_OPEN) != 0:
        emit_system(view, session, SystemEvent.START_OF_DAY)
