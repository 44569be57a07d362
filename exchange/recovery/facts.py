"""The matcher's knowledge after recovery, in a form for others: names, limits, states.

Who writes: the matcher's stage once when it is ready, and the operators' commands that look at a
rebuilt state. Who reads: the daemon (what the configuration still has to define, what differs, the
schedule), journaler and order entry (where to go on, who is known).
"""

from __future__ import annotations

import msgspec

from exchange.codes import Parameter
from exchange.definitions.rules import InstrumentTerms
from exchange.engine.state import layout as engine
from exchange.engine.state.layout import EngineState
from exchange.records import word_text
from journal.recovery import RecoveryReport

Values = tuple[int, int, int]
Parameters = dict[int, Values]
_WORD = (1 << 64) - 1
NANOSECONDS = 1_000_000_000


class InstrumentFacts(msgspec.Struct, frozen=True, array_like=True):
    """An instrument. Prices in minor units; parameters: Parameter -> values."""

    terms: InstrumentTerms
    state: int
    until_ns: int
    last_price: int
    parameters: Parameters


class AccountFacts(msgspec.Struct, frozen=True, array_like=True):
    """An account's limits; its money and stock are in the state only."""

    killed: bool
    parameters: Parameters


class SessionFacts(msgspec.Struct, frozen=True, array_like=True):
    """An order entry session."""

    username: str
    account: int
    killed: bool
    parameters: Parameters


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything by number; number 0 in ``defaults``. The figures are for counters."""

    recovery: RecoveryReport | None  # where the journaler goes on; None: the journal was only read
    replayed_commands: int
    replayed_events: int
    duration_ns: int
    snapshot_sequence: int
    next_command: int
    next_event: int
    last_timestamp_ns: int = 0  # of the latest command; 0: there is none
    day_open: bool
    day_number: int
    market_state: int
    exchange_killed: bool
    shares: bool  # Parameter.SHARES
    orders_stopped: bool  # Parameter.ORDERS_STOPPED
    currencies: dict[int, tuple[str, int, int]]  # code, decimals, fee account
    instruments: dict[int, InstrumentFacts]
    accounts: dict[int, AccountFacts]
    sessions: dict[int, SessionFacts]
    defaults: Parameters


def _rate(interval_ns: int, tolerance_ns: int) -> Values:
    """Orders a second and burst, from a token bucket's interval and tolerance."""
    if interval_ns == 0:
        return (0, 0, 0)
    return (NANOSECONDS // interval_ns, tolerance_ns // interval_ns + 1, 0)


def comparable(parameter: int, values: Values) -> Values:
    """``values`` as a state can tell them: what the engine does not keep apart is the same.

    A rate is kept as whole nanoseconds between orders; values behind a 0 that switches a control
    off mean nothing.
    """
    if parameter in (Parameter.ACCOUNT_RATE, Parameter.SESSION_RATE):
        if values[0] == 0:
            return (0, 0, 0)
        return (NANOSECONDS // (NANOSECONDS // values[0]), values[1], 0)
    if parameter in (Parameter.BREAKER, Parameter.CANCEL_RATIO) and values[0] == 0:
        return (0, 0, 0)
    return values


def _instrument_parameters(row: list[int]) -> Parameters:
    return {
        Parameter.FEES: (row[engine.INSTRUMENT_MAKER_FEE], row[engine.INSTRUMENT_TAKER_FEE], 0),
        Parameter.REFERENCE_PRICE: (row[engine.INSTRUMENT_REFERENCE], 0, 0),
        Parameter.PRICE_BAND: (row[engine.INSTRUMENT_BAND_PPM], 0, 0),
        Parameter.COLLAR: (row[engine.INSTRUMENT_COLLAR_PPM], 0, 0),
        Parameter.REVIEW_VALUE: (row[engine.INSTRUMENT_REVIEW_VALUE], 0, 0),
        Parameter.BREAKER: (
            row[engine.INSTRUMENT_BREAKER_PPM],
            row[engine.INSTRUMENT_BREAKER_WINDOW_S],
            row[engine.INSTRUMENT_BREAKER_HALT_S],
        ),
    }


def _account_parameters(row: list[int]) -> Parameters:
    flags = row[engine.ACCOUNT_FLAGS]
    return {
        Parameter.DAILY_ORDERS: (engine.ACCOUNT_TODAY_LIMIT.of(row), 0, 0),
        Parameter.ACCOUNT_RATE: _rate(
            row[engine.ACCOUNT_RATE_INTERVAL], row[engine.ACCOUNT_RATE_TOLERANCE]
        ),
        Parameter.POSITION_LIMIT: (row[engine.ACCOUNT_POSITION_LIMIT], 0, 0),
        Parameter.OPEN_ORDERS: (engine.ACCOUNT_LIVE_LIMIT.of(row), 0, 0),
        Parameter.SELF_TRADE: (
            engine.ACCOUNT_PREVENTION_MODE.of(row),
            engine.ACCOUNT_PREVENTION_GROUP.of(row),
            0,
        ),
        Parameter.SHORT_SALES: (int(bool(flags & engine.ACCOUNT_SHORT_FLAG)), 0, 0),
        Parameter.CANCEL_RATIO: (
            row[engine.ACCOUNT_RATIO_PPM],
            row[engine.ACCOUNT_RATIO_WINDOW_S],
            row[engine.ACCOUNT_RATIO_MINIMUM],
        ),
        Parameter.BLOCKED: (int(bool(flags & engine.ACCOUNT_BLOCKED_FLAG)), 0, 0),
    }


def _session_parameters(row: list[int]) -> Parameters:
    flags = engine.SESSION_FLAGS.of(row)
    return {
        Parameter.SESSION_RATE: _rate(
            engine.SESSION_RATE_INTERVAL.of(row), engine.SESSION_RATE_TOLERANCE.of(row)
        ),
        Parameter.CANCEL_ON_DISCONNECT: (int(bool(flags & engine.SESSION_CANCEL_FLAG)), 0, 0),
    }


def instrument_facts(row: list[int]) -> InstrumentFacts:
    """A row of ``EngineState.instruments``."""
    terms = InstrumentTerms(
        symbol=word_text(row[engine.INSTRUMENT_SYMBOL] & _WORD),
        tick=row[engine.INSTRUMENT_TICK],
        lot=row[engine.INSTRUMENT_LOT],
        price_decimals=engine.INSTRUMENT_DECIMALS.of(row),
        minimum_price=row[engine.INSTRUMENT_MINIMUM_PRICE],
        maximum_price=row[engine.INSTRUMENT_MAXIMUM_PRICE],
        maximum_quantity=row[engine.INSTRUMENT_MAXIMUM_QUANTITY],
        currency=engine.INSTRUMENT_CURRENCY.of(row),
        group=engine.INSTRUMENT_GROUP.of(row),
    )
    return InstrumentFacts(
        terms,
        engine.INSTRUMENT_STATE.of(row),
        row[engine.INSTRUMENT_UNTIL_NS],
        row[engine.INSTRUMENT_LAST_PRICE],
        _instrument_parameters(row),
    )


def describe_engine(
    state: EngineState,
    *,
    recovery: RecoveryReport | None = None,
    replayed_commands: int = 0,
    replayed_events: int = 0,
    duration_ns: int = 0,
    snapshot_sequence: int = 0,
) -> EngineFacts:
    """The facts of a recovered ``state``."""
    scalars = state.scalars
    instruments = state.instruments.reshape(-1, engine.INSTRUMENT_WORDS).tolist()
    accounts = state.accounts.reshape(-1, engine.ACCOUNT_WORDS).tolist()
    sessions = state.sessions.reshape(-1, engine.SESSION_WORDS).tolist()
    currencies = state.currencies.reshape(-1, engine.CURRENCY_WORDS).tolist()
    return EngineFacts(
        recovery=recovery,
        replayed_commands=replayed_commands,
        replayed_events=replayed_events,
        duration_ns=duration_ns,
        snapshot_sequence=snapshot_sequence,
        next_command=int(scalars[engine.NEXT_COMMAND]),
        next_event=int(scalars[engine.NEXT_EVENT]),
        last_timestamp_ns=int(scalars[engine.LAST_TIMESTAMP_NS]),
        day_open=bool(scalars[engine.DAY_OPEN]),
        day_number=int(scalars[engine.DAY_NUMBER]),
        market_state=int(scalars[engine.MARKET_STATE]),
        exchange_killed=bool(scalars[engine.EXCHANGE_KILLED]),
        shares=bool(engine.SHARES.of(scalars)),
        orders_stopped=bool(engine.ORDERS_STOPPED.of(scalars)),
        currencies={
            number: (
                word_text(engine.CURRENCY_CODE.of(row) & _WORD),
                engine.CURRENCY_DECIMALS.of(row),
                engine.CURRENCY_FEE_ACCOUNT.of(row),
            )
            for number, row in enumerate(currencies)
            if engine.CURRENCY_DEFINED.of(row)
        },
        instruments={
            number: instrument_facts(row)
            for number, row in enumerate(instruments)
            if number and engine.INSTRUMENT_DEFINED.of(row)
        },
        accounts={
            number: AccountFacts(
                bool(row[engine.ACCOUNT_FLAGS] & engine.ACCOUNT_KILLED_FLAG),
                _account_parameters(row),
            )
            for number, row in enumerate(accounts)
            if number and row[engine.ACCOUNT_FLAGS] & engine.ACCOUNT_DEFINED_FLAG
        },
        sessions={
            number: SessionFacts(
                word_text(engine.SESSION_USERNAME.of(row) & _WORD),
                engine.SESSION_ACCOUNT.of(row),
                bool(engine.SESSION_FLAGS.of(row) & engine.SESSION_KILLED_FLAG),
                _session_parameters(row),
            )
            for number, row in enumerate(sessions)
            if number and engine.SESSION_FLAGS.of(row) & engine.SESSION_DEFINED_FLAG
        },
        defaults=_instrument_parameters(instruments[0])
        | _account_parameters(accounts[0])
        | _session_parameters(sessions[0]),
    )
