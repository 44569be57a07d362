"""What an ENTER or REPLACE asks for, decoded once: the terms that all checks share."""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import (
    FLAG_LONG,
    FLAG_WIRE_PRICE,
    OPTION_AMEND,
    OPTION_REPRICE,
    WIRE_PRICE_DECIMALS,
    OrderType,
)
from exchange.engine.book.live_order import executed_of
from exchange.engine.state.commands import (
    command_capacity,
    command_cross_type,
    command_display,
    command_firm,
    command_flags,
    command_instrument,
    command_intermarket_sweep,
    command_minimum_quantity,
    command_order_type,
    command_price,
    command_quantity,
    command_reject,
    command_session,
    command_side,
    command_time_in_force,
    command_token_0,
    command_token_word,
    continuation_display_quantity,
    continuation_options,
    continuation_stop_price,
    continuation_token_0,
    continuation_token_tail,
)
from exchange.engine.state.layout import INSTRUMENT_WORDS
from exchange.engine.state.memory import remainder
from exchange.engine.state.rows import (
    instrument_decimals,
    order_capacity,
    order_cross_type,
    order_firm,
    order_instrument,
    order_side,
    order_token_0,
    order_token_tail,
)
from exchange.records import (
    EVENT_DISPLAY,
    EVENT_INSTRUMENT,
    EVENT_ORDER_TYPE,
    EVENT_SIDE,
)
from ringbuffer.jit import jit_inline, jit_inline_internal

_WIRE_BASE = 10


class Terms(NamedTuple):
    """The terms of an order: integers that LLVM keeps apart, so what nobody reads costs nothing.

    ``quantity``: what it would have open. ``stop_price``: 0 unless it is a STOP or STOP_LIMIT.
    ``executed``: what its replace chain has traded. ``reject``: order entry's verdict, 0 = none.
    """

    session: int
    instrument: int
    side: int
    order_type: int
    price: int
    quantity: int
    time_in_force: int
    display: int
    minimum_quantity: int
    stop_price: int
    display_quantity: int
    reprices: bool
    is_long: bool
    capacity: int
    intermarket_sweep: int
    cross_type: int
    firm: int
    executed: int
    token_0: int
    token_word: int
    reject: int


@jit_inline
def has_limit(order_type: int) -> bool:
    """Whether the order says its limit; the others get a protection price."""
    return order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)


@jit_inline
def is_stop(order_type: int) -> bool:
    return order_type >= OrderType.STOP


@jit_inline_internal
def identity_of(terms: Terms) -> int:
    """Session, side, display and order_type as in an event's identity."""
    return (
        terms.session
        | (terms.side << EVENT_SIDE.shift)
        | (terms.display << EVENT_DISPLAY.shift)
        | (terms.order_type << EVENT_ORDER_TYPE.shift)
    )


@jit_inline_internal
def is_long_command(view: Any, command_at: int) -> bool:
    """Whether the command has a second slot."""
    return command_flags(view, command_at) & FLAG_LONG != 0


@jit_inline_internal
def command_size(view: Any, command_at: int) -> int:
    """How many slots the command fills: 1 or 2."""
    return 2 if is_long_command(view, command_at) else 1


@jit_inline
def price_from_wire(decimals: int, wire: int) -> int:
    """A price in 1/10,000 as minor units of 10^-decimals; 0, no price, if it is none."""
    for _ in range(decimals - WIRE_PRICE_DECIMALS):
        wire *= _WIRE_BASE
    for _ in range(WIRE_PRICE_DECIMALS - decimals):
        if wire <= 0 or remainder(wire, _WIRE_BASE) != 0:
            return 0
        wire //= _WIRE_BASE
    return wire


@jit_inline_internal
def enter_terms(view: Any, command_at: int, continuation_at: int) -> Terms:
    """The terms of the ENTER at word ``command_at``, its continuation, if it is long, behind."""
    order_type = command_order_type(view, command_at)
    is_long = is_long_command(view, command_at)
    stop_price = 0
    display_quantity = 0
    reprices = False
    if is_long:
        display_quantity = continuation_display_quantity(view, continuation_at)
        reprices = continuation_options(view, continuation_at) & OPTION_REPRICE != 0
        if is_stop(order_type):
            stop_price = continuation_stop_price(view, continuation_at)
    return Terms(
        session=command_session(view, command_at),
        instrument=command_instrument(view, command_at),
        side=command_side(view, command_at),
        order_type=order_type,
        price=command_price(view, command_at),
        quantity=command_quantity(view, command_at),
        time_in_force=command_time_in_force(view, command_at),
        display=command_display(view, command_at),
        minimum_quantity=command_minimum_quantity(view, command_at),
        stop_price=stop_price,
        display_quantity=display_quantity,
        reprices=reprices,
        is_long=is_long,
        capacity=command_capacity(view, command_at),
        intermarket_sweep=command_intermarket_sweep(view, command_at),
        cross_type=command_cross_type(view, command_at),
        firm=command_firm(view, command_at),
        executed=0,
        token_0=command_token_0(view, command_at),
        token_word=command_token_word(view, command_at),
        reject=command_reject(view, command_at),
    )


@jit_inline_internal
def replace_terms(view: Any, command_at: int, continuation_at: int, slot: int) -> Terms:
    """The terms of a REPLACE of the live order in ``slot``, whose side and codes go on.

    ``quantity``: what the command's intended total leaves open, 0 if that has been traded. Its
    token is the command's replacement token, or that of the order if the command amends it.
    """
    order_type = command_order_type(view, command_at)
    instrument = order_instrument(view, slot)
    price = command_price(view, command_at)
    if command_flags(view, command_at) & FLAG_WIRE_PRICE != 0:
        price = price_from_wire(instrument_decimals(view, instrument * INSTRUMENT_WORDS), price)
    stop_price = 0
    if is_stop(order_type):
        stop_price = continuation_stop_price(view, continuation_at)
    reprices = continuation_options(view, continuation_at) & OPTION_REPRICE != 0
    executed = executed_of(view, slot)
    # numba wants no branch within a call of so many fields
    quantity = max(command_quantity(view, command_at) - executed, 0)
    token_0 = continuation_token_0(view, continuation_at)
    tail = continuation_token_tail(view, continuation_at)
    if continuation_options(view, continuation_at) & OPTION_AMEND != 0:
        token_0 = order_token_0(view, slot)
        tail = order_token_tail(view, slot)
    return Terms(
        session=command_session(view, command_at),
        instrument=instrument,
        side=order_side(view, slot),
        order_type=order_type,
        price=price,
        quantity=quantity,
        time_in_force=command_time_in_force(view, command_at),
        display=command_display(view, command_at),
        minimum_quantity=command_minimum_quantity(view, command_at),
        stop_price=stop_price,
        display_quantity=continuation_display_quantity(view, continuation_at),
        reprices=reprices,
        is_long=True,
        capacity=order_capacity(view, slot),
        intermarket_sweep=command_intermarket_sweep(view, command_at),
        cross_type=order_cross_type(view, slot),
        firm=order_firm(view, slot),
        executed=executed,
        token_0=token_0,
        token_word=tail | (instrument << EVENT_INSTRUMENT.shift),
        reject=command_reject(view, command_at),
    )
