"""The beginning of a benchmark's exchange: accounts with money and stock, and the risk controls.

Every control is on by default, with limits so high that nothing is refused, held or halted: what is
measured is the cost of looking. ``CONTROLS`` names them; a benchmark can leave some out to show
what they cost. Fees are among them: without them the engine still settles, at rates of 0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from exchange import commands
from exchange.codes import CommandKind, Parameter, SelfTradePrevention
from exchange.definitions.rules import InstrumentTerms

MILLION = 1_000_000
COUNT_MAXIMUM = (1 << 31) - 1
CURRENCY = 1
CURRENCY_DECIMALS = 2
FEE_ACCOUNT = 1
FIRST_ACCOUNT = 2  # session s belongs to account s + 1

# Per control: what sets it for all instruments, accounts or sessions that are defined later.
_SETTINGS: dict[str, tuple[tuple[Parameter, tuple[int, int, int]], ...]] = {
    "fees": ((Parameter.FEES, (-20, 100, 0)),),
    "price_band": ((Parameter.PRICE_BAND, (MILLION, 0, 0)),),
    "collar": ((Parameter.COLLAR, (MILLION, 0, 0)),),
    "review": ((Parameter.REVIEW_VALUE, (1 << 56, 0, 0)),),
    "breaker": ((Parameter.BREAKER, (MILLION, 60, 1)),),
    "daily_orders": ((Parameter.DAILY_ORDERS, (COUNT_MAXIMUM, 0, 0)),),
    "open_orders": ((Parameter.OPEN_ORDERS, (COUNT_MAXIMUM, 0, 0)),),
    "position_limit": ((Parameter.POSITION_LIMIT, (1 << 40, 0, 0)),),
    "rates": (
        (Parameter.ACCOUNT_RATE, (1_000_000_000, MILLION, 0)),
        (Parameter.SESSION_RATE, (1_000_000_000, MILLION, 0)),
    ),
    "prevention": ((Parameter.SELF_TRADE, (SelfTradePrevention.CANCEL_RESTING, 0, 0)),),
    "cancel_ratio": ((Parameter.CANCEL_RATIO, (MILLION, 60, COUNT_MAXIMUM)),),
}
CONTROLS = tuple(_SETTINGS)


def opening(
    instruments: Sequence[InstrumentTerms],
    sessions: int,
    *,
    controls: Collection[str] = CONTROLS,
    reference_price: int,
    money: int,
    stock: int,
    timestamp_ns: int = 0,
) -> np.ndarray:
    """Everything up to the start of the day: COMMAND array.

    Instruments are numbered from 1 in the given order. Each session has an account of its own with
    ``money`` minor units and ``stock`` units of every instrument, bought at ``reference_price``.
    """
    deposit = CommandKind.DEPOSIT
    parts = [
        commands.set_parameter(parameter, 0, values)
        for name in CONTROLS
        if name in controls
        for parameter, values in _SETTINGS[name]
    ]
    parts.append(commands.open_account(FEE_ACCOUNT))
    parts.append(commands.define_currency(CURRENCY, "USD", CURRENCY_DECIMALS, FEE_ACCOUNT))
    for number, terms in enumerate(instruments, 1):
        parts.append(commands.define_instrument(number, terms))
        values = (reference_price, 0, 0)
        parts.append(commands.set_parameter(Parameter.REFERENCE_PRICE, number, values))
    for session in range(1, sessions + 1):
        account = FIRST_ACCOUNT + session - 1
        parts.append(commands.open_account(account))
        parts.append(commands.define_session(session, f"U{session:05d}", account))
        parts.append(commands.move_money(deposit, account, CURRENCY, money))
        for number in range(1, len(instruments) + 1):
            parts.append(commands.move_stock(deposit, account, number, stock, reference_price))
    parts.append(commands.start_of_day(20_260_101, timestamp_ns))
    slots = np.concatenate(parts)
    slots["timestamp_ns"][first_slots(slots)] = timestamp_ns
    return slots


def first_slots(slots: np.ndarray) -> np.ndarray:
    """Where commands begin: a continuation has no time stamp of its own. int64 indices."""
    starts, position = [], 0
    flags = slots["flags"].tolist()
    while position < len(slots):
        starts.append(position)
        position += 2 if flags[position] & 1 else 1
    return np.array(starts, np.int64)
