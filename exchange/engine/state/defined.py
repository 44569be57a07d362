"""Whether a number names something: a session, an instrument, an account, a currency.

Row 0 of each table holds the defaults and is none of them.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.layout import (
    ACCOUNT_DEFINED_FLAG,
    ACCOUNT_WORDS,
    INSTRUMENT_WORDS,
    MAX_ACCOUNTS,
    MAX_CURRENCIES,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    SESSION_DEFINED_FLAG,
)
from exchange.engine.state.memory import get
from exchange.engine.state.rows import (
    account_flags,
    currency_set,
    instrument_set,
    session_flags,
)
from ringbuffer.jit import jit_inline_internal


@jit_inline_internal
def session_defined(view: Any, session: int) -> bool:
    # row 0 may have other flags, never this one
    return (
        session < get(view.scalars, MAX_SESSIONS)
        and session_flags(view, session) & SESSION_DEFINED_FLAG != 0
    )


@jit_inline_internal
def instrument_defined(view: Any, instrument: int) -> bool:
    return (
        instrument < get(view.scalars, MAX_INSTRUMENTS)
        and instrument_set(view, instrument * INSTRUMENT_WORDS) != 0
    )


@jit_inline_internal
def account_defined(view: Any, account: int) -> bool:
    return (
        0 < account < get(view.scalars, MAX_ACCOUNTS)
        and account_flags(view, account * ACCOUNT_WORDS) & ACCOUNT_DEFINED_FLAG != 0
    )


@jit_inline_internal
def currency_defined(view: Any, currency: int) -> bool:
    return 0 < currency < MAX_CURRENCIES and currency_set(view, currency) != 0
