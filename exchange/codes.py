"""The registry of every number that appears in a record: kinds, sides, reasons, states.

Who uses it: everything that writes or reads a command or an event. Invariant: a number that has
been released is never reused and never given another meaning; new ones are appended. The letters
that OUCH uses for them are in ``exchange/gateway/protocol/ouch.py`` and in ``docs/protocol.md``.
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
    # From here on: what an operator sends is long (2), with ADMIN_CONTINUATION.
    CURRENCY = 11  # (2) defines a currency
    ACCOUNT = 12  # (2) opens an account
    DEPOSIT = 13  # (2) money or stock into an account; quantity = amount
    WITHDRAW = 14  # (2) money or stock out of an account; quantity = amount
    PARAMETER = 15  # (2) sets a risk control or fee; see Parameter
    INSTRUMENT_STATE = 16  # (2) of an instrument, a group or the whole market; see InstrumentState
    KILL = 17  # (2) kill switch on or off; see Scope
    REVIEW = 18  # (2) price = order id, quantity = 1 approve, 0 refuse
    MASS_CANCEL = 19  # quantity = account filter, price = session filter; long when an operator's
    DISCONNECT = 20  # the session's connection is gone (session 0: all connections)
    CANCEL_AFTER = (
        21  # cancel the session's orders in `quantity` seconds unless sent again; 0 = off
    )
    REPLACE_BY_ORDER_ID = 22  # (2) as REPLACE; price as always, the continuation names the order
    MODIFY_BY_ORDER_ID = 23  # price = order id; otherwise as MODIFY
    NOTE = 24  # (2) who does what follows, and why; see commands.notes


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
    CURRENCY_DEFINED = 16  # to nobody
    ACCOUNT_DEFINED = 17  # to nobody
    BALANCE_CHANGED = 18  # to nobody: a deposit or a withdrawal
    PARAMETER_SET = 19  # to nobody
    STATE_CHANGED = 20  # to nobody: an instrument's state, or the market's (instrument 0)
    KILL_SWITCHED = 21  # to nobody
    TERMS = 22  # to nobody: what ACCEPTED or REPLACED has no room for; follows it directly
    HELD = 23  # to nobody: the order waits for an operator's review
    RELEASED = 24  # to nobody: a held order was approved and enters the market now
    TRIGGERED = 25  # to nobody: a stop order enters the market now
    REFRESHED = 26  # to nobody: an iceberg shows its next part, at the tail of its level
    SELF_TRADE_PREVENTED = 27  # D to session
    CANCEL_REJECTED = 28  # I to session; reason = Reject
    WARNING = 29  # to nobody; reason = WarningReason
    LEVEL = 30  # to nobody: new totals of a level that changed in a call auction
    AUCTION = 31  # to nobody: the result of a call auction; its TRADEs follow
    CONTROL_DONE = 32  # to nobody: a control command with an idempotency key has been carried out
    NOTED = 33  # to nobody: a NOTE, as it is


class Side(IntEnum):
    """Side of an order as its owner gave it. Everything above BUY sells."""

    BUY = 0
    SELL = 1
    SELL_SHORT = 2
    SELL_SHORT_EXEMPT = 3


class OrderType(IntEnum):
    LIMIT = 0
    MARKET = 1
    STOP = 2  # a market order that waits for the last price to reach its stop price
    STOP_LIMIT = 3  # a limit order that does


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
    UNKNOWN_ACCOUNT = 19
    ACCOUNT_BLOCKED = 20
    KILL_SWITCH = 21
    RATE_LIMITED = 22
    CANCEL_ONLY = 23
    INVALID_ORDER_TYPE = 24
    INVALID_STOP_PRICE = 25
    INVALID_DISPLAY_QUANTITY = 26
    SHORT_SALE_NOT_ALLOWED = 27
    PRICE_BAND = 28
    DAILY_ORDER_LIMIT = 29
    OPEN_ORDER_LIMIT = 30
    POSITION_LIMIT = 31
    INSUFFICIENT_FUNDS = 32
    INSUFFICIENT_POSITION = 33
    POSITION_TABLE_FULL = 34
    NOT_IN_AUCTION = 35
    ORDER_WAITING = 36  # a stop or a held order cannot be modified while it waits
    # of control commands
    INSTRUMENT_EXISTS = 64
    INSTRUMENT_OUT_OF_RANGE = 65
    INVALID_INSTRUMENT = 66
    SESSION_EXISTS = 67
    SESSION_OUT_OF_RANGE = 68
    DAY_ALREADY_OPEN = 69
    DAY_NOT_OPEN = 70
    UNKNOWN_COMMAND = 71
    DUPLICATE_KEY = 72  # this idempotency key was used: the command has already been carried out
    CURRENCY_EXISTS = 73
    CURRENCY_OUT_OF_RANGE = 74
    INVALID_CURRENCY = 75
    UNKNOWN_CURRENCY = 76
    ACCOUNT_EXISTS = 77
    ACCOUNT_OUT_OF_RANGE = 78
    INVALID_AMOUNT = 79
    INSUFFICIENT_BALANCE = 80
    UNKNOWN_PARAMETER = 81
    INVALID_PARAMETER = 82
    INSTRUMENT_BUSY = 83  # it has live orders
    INVALID_STATE = 84
    INVALID_SCOPE = 85
    UNKNOWN_ORDER = 86
    UNKNOWN_SESSION = 87


class CancelReason(IntEnum):
    USER = 1  # U
    IMMEDIATE_OR_CANCEL = 2  # I
    TIMEOUT = 3  # T
    SUPERVISORY = 4  # S
    REGULATORY = 5  # D
    SELF_MATCH = 6  # Q
    SYSTEM = 7  # Z


class Parameter(IntEnum):
    """What PARAMETER sets; values 0, 1, 2 in brackets. docs/matching.md has ranges and meaning."""

    # of an instrument (instrument 0: of every instrument that will be defined)
    FEES = 1  # (maker rate, taker rate) in 1/1,000,000 of the value
    REFERENCE_PRICE = 2  # (price)
    PRICE_BAND = 3  # (1/1,000,000)
    COLLAR = 4  # (1/1,000,000)
    REVIEW_VALUE = 5  # (minor units of the currency)
    BREAKER = 6  # (1/1,000,000, window in seconds, halt in seconds)
    # of an account (account 0: of every account that will be opened)
    DAILY_ORDERS = 16  # (limit)
    ACCOUNT_RATE = 17  # (orders a second, burst)
    POSITION_LIMIT = 18  # (quantity)
    OPEN_ORDERS = 19  # (limit)
    SELF_TRADE = 20  # (SelfTradePrevention, group)
    SHORT_SALES = 21  # (0 or 1)
    CANCEL_RATIO = 22  # (1/1,000,000, window in seconds, minimum number of orders)
    BLOCKED = 23  # (0 or 1)
    # of a session (session 0: of every session that will be defined)
    SESSION_RATE = 32  # (orders a second, burst)
    CANCEL_ON_DISCONNECT = 33  # (0 or 1)
    # of the exchange; the daemon sends them, no operator
    SHARES = 48  # (0 or 1) rules of journals from before it: 0
    ORDERS_STOPPED = 49  # (0 or 1)


class SelfTradePrevention(IntEnum):
    """What happens when an order would trade with one of its own account group."""

    NONE = 0
    CANCEL_RESTING = 1
    CANCEL_INCOMING = 2
    CANCEL_BOTH = 3
    DECREMENT = 4


class InstrumentState(IntEnum):
    OPEN = 0  # continuous trading
    AUCTION = 1  # call phase: orders are collected, nothing trades
    HALTED = 2  # clients can do nothing
    CANCEL_ONLY = 3  # clients can cancel and reduce
    CLOSED = 4  # as CANCEL_ONLY; market-hours orders are gone


class Scope(IntEnum):
    """What a kill switch stops."""

    EXCHANGE = 1
    ACCOUNT = 2
    SESSION = 3


class WarningReason(IntEnum):
    CANCEL_RATIO = 1


class StateReason(IntEnum):
    """Why an instrument's state changed."""

    COMMAND = 0
    BREAKER = 1
    TIMER = 2  # a halt ended


class TradeReason(IntEnum):
    """How a TRADE came about."""

    CONTINUOUS = 0
    OPENING_AUCTION = 1
    CLOSING_AUCTION = 2


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

OPTION_REPRICE = 1  # continuation.options: post-only moves its price instead of being rejected
# continuation.options of a REPLACE: whatever is wrong with it, the order stays, and keeps its token
OPTION_AMEND = 2
MASS_CANCEL_ANY_SIDE = 255  # command.side of MASS_CANCEL

FLAG_LONG = 1  # command.flags: the next slot continues this command
FLAG_WIRE_PRICE = 2  # command.flags (REPLACE): price counts 1/10,000; see docs/matching.md
FLAG_MODIFY_ENDS = 4  # command.flags (MODIFY): what is executed, or less, cancels the rest
WIRE_PRICE_DECIMALS = 4
FLAG_LEVEL = 1  # event.flags: level_quantity and level_orders are this price level's new totals
