"""The trading day: START_OF_DAY and END_OF_DAY."""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, EventKind, Parameter, Reject, SystemEvent, TradeReason
from exchange.engine.book.tokens import forget_tokens
from exchange.engine.control.parameters import set_instrument_parameter
from exchange.engine.money.accounts import account_row
from exchange.engine.orders.auction import is_crossed, uncross
from exchange.engine.orders.breaker import breaker_clear
from exchange.engine.orders.mass_cancel import ANY_SIDE, EVERY, Wanted, select_and_cancel
from exchange.engine.state.control_events import (
    Target,
    Values,
    emit_control_rejected,
    emit_day,
    emit_parameter_set,
    emit_system,
)
from exchange.engine.state.defined import instrument_defined, session_defined
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    DAY_NUMBER,
    DAY_OPEN,
    INSTRUMENT_WORDS,
    MAX_ACCOUNTS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    MIDNIGHT_NS,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    instrument_last_price,
    instrument_reference,
    set_account_today_orders,
    set_instrument_last_price,
    set_session_messages,
    set_session_tokens,
)
from exchange.engine.state.trading_states import in_auction


@engine_function
def _tell_sessions(view: Any, reason: int) -> None:
    """SYSTEM to every defined session, by id."""
    scalars = view.scalars
    for session in range(1, get(scalars, MAX_SESSIONS)):
        if session_defined(view, session):
            emit_system(view, session, reason)


@engine_function
def start_of_day(view: Any, midnight_ns: int, day_number: int) -> None:
    """START_OF_DAY: what is counted by the day begins anew."""
    scalars = view.scalars
    if get(scalars, DAY_OPEN) != 0:
        emit_control_rejected(view, 0, 0, Reject.DAY_ALREADY_OPEN)
        return
    forget_tokens(view)
    for session in range(1, get(scalars, MAX_SESSIONS)):
        set_session_messages(view, session, 0)
        set_session_tokens(view, session, 0)
    for account in range(1, get(scalars, MAX_ACCOUNTS)):
        set_account_today_orders(view, account_row(account), 0)
    for instrument in range(1, get(scalars, MAX_INSTRUMENTS)):
        if instrument_defined(view, instrument):
            set_instrument_last_price(view, instrument * INSTRUMENT_WORDS, 0)
            breaker_clear(view, instrument)
    put(scalars, DAY_OPEN, 1)
    put(scalars, MIDNIGHT_NS, midnight_ns)
    put(scalars, DAY_NUMBER, day_number)
    emit_day(view, EventKind.DAY_STARTED)
    _tell_sessions(view, SystemEvent.START_OF_DAY)


@engine_function
def _keep_last_prices(view: Any) -> None:
    """What an instrument traded at last becomes its reference price."""
    for instrument in range(1, get(view.scalars, MAX_INSTRUMENTS)):
        instrument_at = instrument * INSTRUMENT_WORDS
        last = instrument_last_price(view, instrument_at)
        if last not in (0, instrument_reference(view, instrument_at)):
            values = Values(last, 0, 0)
            set_instrument_parameter(view, instrument, Parameter.REFERENCE_PRICE, values)
            emit_parameter_set(view, Parameter.REFERENCE_PRICE, Target(instrument, 0, 0), values)


@engine_function
def _find_closing_prices(view: Any) -> None:
    """Rule end-of-day-auction: no auction ends without its price."""
    for instrument in range(1, get(view.scalars, MAX_INSTRUMENTS)):
        if (
            instrument_defined(view, instrument)
            and in_auction(view, instrument * INSTRUMENT_WORDS)
            and is_crossed(view, instrument)
        ):
            uncross(view, instrument, TradeReason.CLOSING_AUCTION)


@engine_function
def end_of_day(view: Any, finds_prices: int) -> None:
    """END_OF_DAY: every order is cancelled, the last prices become reference prices.

    ``finds_prices``: 1: auctions end with their price; 0 in the journals of older builds.
    """
    scalars = view.scalars
    if get(scalars, DAY_OPEN) == 0:
        emit_control_rejected(view, 0, 0, Reject.DAY_NOT_OPEN)
        return
    if finds_prices == 1:
        _find_closing_prices(view)
    select_and_cancel(view, 0, Wanted(0, 0, ANY_SIDE, EVERY), CancelReason.TIMEOUT)
    _keep_last_prices(view)
    _tell_sessions(view, SystemEvent.END_OF_DAY)
    put(scalars, DAY_OPEN, 0)
    emit_day(view, EventKind.DAY_ENDED)
