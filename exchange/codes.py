"""The registry of every number that appears in a record: kinds, sides, reasons, states.

Who uses it: everything that writes or reads a command or an event. Invariant: a number that has
been released is never reused and never given another meaning; new ones are appended. The letters
that OUCH uses for them are in ``exchange/gateway/ouch.py`` and in ``docs/protocol.md``.
"""

from __future__ import annotations

from enum import IntEnum


class CommandKind(IntEnum):
    """What a command asks for. Kinds marked (2) fill two slots of the command ring."""

    ENTER = 1
    CANCEL = 2  # by (session, token); quantity = new intended total
    REPLACE = 3  # (2) by (session, token); the continuation holds the replacement token
    MODIFY = 4  # by (session, token); quantity = new intended total, side may change among sells
    TIMER = 5  # time has reached timestamp_ns
    START_OF_DAY = 6  # quantity = midnight (UTC ns since epoch), price = day number (YYYYMMDD)
    END_OF_DAY = 7
    INSTRUMENT = 8  # (2) defines an instrument
    SESSION = 9  # defines an order entry session
    CANCEL_BY_ORDER_ID = 10  # price = order id; quantity = new intended total


class EventKind(IntEnum):
    """What an event says. The comment says to whom order entry reports it (OUCH letter)."""

    ACCEPTED = 1  # A to session
    REJECTED = 2  # J to session
    REPLACED = 3  # U to session
    CANCELED = 4  # C to session
    TRADE = 5  # E to session (the maker's) first, then to contra_session (the aggressor's)
    MODIFIED = 6  # M to session
    SYSTEM = 7  # S to session; reason = SystemEvent
    RESTED = 8  # to nobody: what was left of an aggressor joined the book
    REMOVED = 9  # to nobody: an order left its level because it is being replaced
    CHECKPOINT = 10  # to nobody: the chain hash
    INSTRUMENT_DEFINED = 11  # to nobody
    SESSION_DEFINED = 12  # to nobody
    DAY_STARTED = 13  # to nobody (the S messages follow, one per session)
    DAY_ENDED = 14  # to nobody
    CONTROL_REJECTED = 15  # to nobody: a control command was refused; reason = Reject


class Side(IntEnum):
    """Side of an order as its owner gave it. Everything above BUY sells."""

    BUY = 0
    SELL = 1
    SELL_SHORT = 2
    SELL_SHORT_EXEMPT = 3


class OrderType(IntEnum):
    LIMIT = 0
    MARKET = 1


class Reject(IntEnum):
    """Why a command was refused. 0 is no reject."""

    NONE = 0
    UNKNOWN_INSTRUMENT = 1
    INVALID_PRICE = 2  # zero, not a multiple of the tick, or not representable
    PRICE_OUT_OF_RANGE = 3
    INVALID_QUANTITY = 4  # zero or not a multiple of the lot
    QUANTITY_TOO_LARGE = 5
    INVALID_MINIMUM_QUANTITY = 6
    INVALID_DISPLAY = 7
    INVALID_SIDE = 8
    INVALID_TIME_IN_FORCE = 9
    INVALID_TOKEN = 10
    CROSS_NOT_SUPPORTED = 11
    MARKET_CLOSED = 12
    INSTRUMENT_HALTED = 13
    POST_ONLY_WOULD_TRADE = 14
    ORDER_POOL_FULL = 15
    LEVEL_POOL_FULL = 16
    TOKEN_TABLE_FULL = 17
    INVALID_CAPACITY = 18
    # of control commands
    INSTRUMENT_EXISTS = 64
    INSTRUMENT_OUT_OF_RANGE = 65
    INVALID_INSTRUMENT = 66
    SESSION_EXISTS = 67
    SESSION_OUT_OF_RANGE = 68
    DAY_ALREADY_OPEN = 69
    DAY_NOT_OPEN = 70
    UNKNOWN_COMMAND = 71


class CancelReason(IntEnum):
    USER = 1  # U
    IMMEDIATE_OR_CANCEL = 2  # I
    TIMEOUT = 3  # T
    SUPERVISORY = 4  # S
    REGULATORY = 5  # D
    SELF_MATCH = 6  # Q
    SYSTEM = 7  # Z


class SystemEvent(IntEnum):
    START_OF_DAY = 1  # S
    END_OF_DAY = 2  # E


TIME_IN_FORCE_IMMEDIATE = 0
TIME_IN_FORCE_MAXIMUM_SECONDS = 99_997
TIME_IN_FORCE_MARKET_HOURS = 99_998
TIME_IN_FORCE_SYSTEM_HOURS = 99_999

# Alpha codes that are checked; all others are echoed.
DISPLAY_CODES = b"YNPIMWLOTQ AZ"  # OUCH 4.2 display letters; P = post-only
DISPLAY_POST_ONLY = ord("P")
CAPACITY_CODES = b"APRO"
CROSS_NONE = b"N "  # continuous trading

FLAG_LONG = 1  # command.flags: the next slot continues this command
FLAG_WIRE_PRICE = 2  # command.flags (REPLACE): price counts 1/10,000; see docs/matching.md
WIRE_PRICE_DECIMALS = 4
FLAG_LEVEL = 1  # event.flags: level_quantity and level_orders are this price level's new totals
