"""The memory of the account model: one array of 64-bit words, and what each word of it is.

Who writes: ``kernel/apply.py`` and what it calls. Who reads: ``kernel/find.py``, ``kernel/rows.py``
and ``model.py``. One array because a jitted function that is given one array is called at no cost,
and because a record is then named by its *address*, the index of its first word: an order names its
position, a position the balance that pays for it, without another look-up. Address 0 is "none".

    0 .. 63          header: HEADER_... words
    then, in this order, each from a multiple of 8 words on:
    currencies       by number       CURRENCY_WORDS each
    instruments      by number       INSTRUMENT_WORDS each; row 0: what new ones begin with
    sessions         by number       SESSION_WORDS each
    accounts         by number       account_words(currencies) each; row 0: as of instruments
    positions        in order of arrival, POSITION_WORDS each; an index finds them
    orders           ORDER_WORDS each
    trades           TRADE_WORDS each, a ring
    position index   linear probing: address of the position, 0 = empty
    order index      by order id: address of the first order of a chain, 0 = none
    token index      by hash of session and token: as the order index, newest order first
    dirty lists      addresses of what was touched: orders, balances and accounts, positions

All of it comes from the operating system as zeros that take no memory until they are touched.

Invariants: order ids grow along each account's list from oldest to newest; a live order is in its
account's open list, a closed one in a queue of closed orders, in the order in which they closed; an
order that is nobody's is in no list. Two addresses share a word as low and high half.

Decision RDM-3.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from exchange.records import part

HALF_BITS = 32
HALF = (1 << HALF_BITS) - 1

# --- header ---------------------------------------------------------------------------------------
HEADER_WORDS = 64
HEADER_NEXT_EVENT = 0
HEADER_ERROR = 1  # why the last call stopped; an ERROR_... number, see below
HEADER_DAY = 2  # days started so far
HEADER_TOKEN_SEED = 3
HEADER_EXCHANGE_KILLED = 4
HEADER_TRACK_DIRTY = 5
HEADER_SESSIONS_DEFINED = 6
HEADER_ACCOUNTS_DEFINED = 7
HEADER_ACCOUNT_WORDS = 8
HEADER_LAST_NS = 9  # timestamp of the last event
# capacities
HEADER_CURRENCIES_MAXIMUM = 10
HEADER_INSTRUMENTS_MAXIMUM = 11
HEADER_SESSIONS_MAXIMUM = 12
HEADER_ACCOUNTS_MAXIMUM = 13
HEADER_POSITIONS_MAXIMUM = 14
HEADER_ORDERS_MAXIMUM = 15
HEADER_TRADES_MAXIMUM = 16
# first words of the tables
HEADER_CURRENCIES = 17
HEADER_INSTRUMENTS = 18
HEADER_SESSIONS = 19
HEADER_ACCOUNTS = 20
HEADER_POSITIONS = 21
HEADER_POSITION_INDEX = 22
HEADER_ORDER_INDEX = 23
HEADER_TOKEN_INDEX = 24
HEADER_DIRTY_ORDERS = 25
HEADER_DIRTY_ACCOUNTS = 26
HEADER_DIRTY_POSITIONS = 27
HEADER_ORDERS = 28
HEADER_TRADES = 29
HEADER_END = 30
# index sizes - 1
HEADER_POSITION_MASK = 31
HEADER_ORDER_MASK = 32
HEADER_TOKEN_MASK = 33
# how much is used
HEADER_POSITIONS_USED = 34
HEADER_ORDERS_USED = 35  # slots ever used; from the maximum on, the oldest closed order makes room
HEADER_LIVE_ORDERS = 36
HEADER_CLOSED_OLDEST = 37  # with HEADER_TRACK_DIRTY one queue of all, else one per account
HEADER_CLOSED_NEWEST = 38
HEADER_TRADES_SEEN = 39  # of all time; the ring holds the last of them
HEADER_DIRTY_ORDERS_COUNT = 40
HEADER_DIRTY_ACCOUNTS_COUNT = 41
HEADER_DIRTY_POSITIONS_COUNT = 42
HEADER_ORDERS_EVICTED = 43
HEADER_HOLDERS = 44  # accounts of which at least one order is kept
HEADER_DAY_STARTED_NS = 46  # timestamp of the last DAY_STARTED, 0 before the first
HEADER_VICTIM = 45  # address of the account whose closed orders made room last
QUEUE_NEWEST = 1  # a queue is named by the word of its oldest; the word after it names its newest

# --- why following stopped before an event (HEADER_ERROR) -----------------------------------------
ERROR_UNKNOWN_ORDER = 1
ERROR_UNKNOWN_SESSION = 2
ERROR_UNKNOWN_INSTRUMENT = 3
ERROR_UNKNOWN_CURRENCY = 4
ERROR_ORDER_EXISTS = 5
ERROR_BALANCE = 6
# a capacity is too small
ERROR_CURRENCIES = 16
ERROR_INSTRUMENTS = 17
ERROR_SESSIONS = 18
ERROR_ACCOUNTS = 19
ERROR_POSITIONS = 20
ERROR_ORDERS = 21
ERROR_NOT_TAKEN = 22

# --- definitions ----------------------------------------------------------------------------------
CURRENCY_WORDS = 8
CURRENCY_DEFINED = 0
CURRENCY_DECIMALS = 1
CURRENCY_FEE_ACCOUNT = 2
CURRENCY_CODE = 3

INSTRUMENT_WORDS = 8
INSTRUMENT_DEFINED = 0
INSTRUMENT_CURRENCY = 1
INSTRUMENT_MULTIPLIER = 2
INSTRUMENT_MAKER_RATE = 3
INSTRUMENT_TAKER_RATE = 4
INSTRUMENT_FREEZE_RATE = 5

SESSION_WORDS = 4
SESSION_DEFINED = 0
SESSION_ACCOUNT = 1
SESSION_USERNAME = 2
SESSION_KILLED = 3

# --- accounts -------------------------------------------------------------------------------------
ACCOUNT_DEFINED = 1
ACCOUNT_BLOCKED = 2
ACCOUNT_KILLED = 3
ACCOUNT_DAILY_COUNT = 4
ACCOUNT_DAILY_LIMIT = 5
ACCOUNT_CREATED_NS = 6
ACCOUNT_UPDATED_NS = 7  # of what is not money
ACCOUNT_NEWEST_ORDER = 8  # address
ACCOUNT_NEWEST_OPEN = 9  # address
ACCOUNT_OPEN_COUNT = 10
ACCOUNT_NEWEST_FILL = 11  # fill number, see below
ACCOUNT_NEWEST_POSITION = 12  # address
ACCOUNT_ORDER_COUNT = 13  # kept orders
ACCOUNT_DIRTY = 14
ACCOUNT_CLOSED_OLDEST = 16  # queue of its closed orders
ACCOUNT_CLOSED_NEWEST = 17
ACCOUNT_BALANCES = 20  # currency 0 is none; BALANCE_WORDS per currency from here on
BALANCE_WORDS = 4
BALANCE_AMOUNT = 0
BALANCE_FROZEN = 1
BALANCE_DIRTY = 2
BALANCE_UPDATED_NS = 3  # 0: it has never been changed

# --- positions ------------------------------------------------------------------------------------
POSITION_WORDS = 16
POSITION_NAME = 0  # number of the instrument (16 bits) and of the account (48 bits)
POSITION_INSTRUMENT_NUMBER = part(POSITION_NAME, 0, 16)
POSITION_ACCOUNT_NUMBER = part(POSITION_NAME, 16, 48)
POSITION_QUANTITY = 1
POSITION_FROZEN = 2
POSITION_COST = 3
POSITION_OPEN_BUYS = 4
POSITION_OPEN_SHORTS = 5
POSITION_UPDATED_NS = 6
POSITION_CREATED_NS = 7
POSITION_BALANCE = 8  # address of the account's balance in the instrument's currency
POSITION_INSTRUMENT = 9  # address
POSITION_ACCOUNT = 10  # address
POSITION_OLDER = 11  # address of the account's position before this one
POSITION_DIRTY = 12

# --- orders: three cache lines; listings touch the first one, fills and cancels the first two -----
ORDER_WORDS = 24
ORDER_ID = 0
# status | side | type | display | reason (8 bits each) | flags (8 bits) | instrument (16 bits)
ORDER_PACKED = 1
ORDER_STATUS = part(ORDER_PACKED, 0, 8)
ORDER_SIDE = part(ORDER_PACKED, 8, 8)
ORDER_TYPE = part(ORDER_PACKED, 16, 8)
ORDER_DISPLAY = part(ORDER_PACKED, 24, 8)
ORDER_REASON = part(ORDER_PACKED, 32, 8)
FLAG_DIRTY = 1 << 40
FLAG_HELD = 2 << 40
FLAG_WAITING = 4 << 40
ORDER_INSTRUMENT = part(ORDER_PACKED, 48, 16)
ORDER_PRICE = 2  # limit or protection price; 0 where a market order tells nobody
ORDER_OPEN = 3
ORDER_FILLED = 4
ORDER_LINKS = 5  # in the account's list: older (low half), newer (high half)
ORDER_POSITION = 6  # address; 0: it was rejected
ORDER_UPDATED_NS = 7
ORDER_NEWEST_FILL = 8  # fill number
ORDER_VALUE = 9  # sum of price x quantity of its fills, at most 2^56
ORDER_OPEN_LINKS = 10  # in the account's open list, as above, while it lives
ORDER_NEXT_CLOSED = 10  # ... and then: address of the order that closed next
ORDER_CHAINS = 11  # next in the chain of the order index (low), of the token index (high)
ORDER_PREVENTED = 12  # what self-trade prevention has taken away
ORDER_QUANTITY = 13
ORDER_OWNER = 14  # account (low half), session (16 bits), day (15 bits)
ORDER_ACCOUNT = part(ORDER_OWNER, 0, 32)
ORDER_SESSION = part(ORDER_OWNER, 32, 16)
ORDER_DAY_SHIFT = 48
DAY_MASK = (1 << 15) - 1
ORDER_CREATED_NS = 15
ORDER_TOKEN_0 = 16
ORDER_TOKEN_1 = 17
ORDER_TERMS = 18  # time in force (low half), minimum quantity (high half)
ORDER_TIME_IN_FORCE = part(ORDER_TERMS, 0, 32)
ORDER_MINIMUM_QUANTITY = part(ORDER_TERMS, 32, 32)
ORDER_STOP_PRICE = 19
ORDER_DISPLAY_QUANTITY = 20
ORDER_REPLACES = 21
ORDER_REPLACED_BY = 22
ORDER_FILLED_BEFORE = 23  # what the orders in whose place it came have filled, all of the chain

# --- trades: both fills of one TRADE --------------------------------------------------------------
# A fill's number is 2 x (number of the trade) + role + 1; it is there while its trade is in the
# ring. Role 0 is the maker (in an auction: the bid), role 1 the aggressor.
TRADE_WORDS = 16
TRADE_SEQUENCE = 0
TRADE_TIMESTAMP_NS = 1
TRADE_PRICE = 2
TRADE_QUANTITY = 3
TRADE_PACKED = 4  # instrument (16 bits) | maker's side (8) | aggressor's side (8) | reason (8)
TRADE_INSTRUMENT = part(TRADE_PACKED, 0, 16)
TRADE_MAKER_SIDE = part(TRADE_PACKED, 16, 8)
TRADE_AGGRESSOR_SIDE = part(TRADE_PACKED, 24, 8)
TRADE_REASON = part(TRADE_PACKED, 32, 8)
TRADE_FILLS = 5  # the two fills, by role, FILL_WORDS each, from here on
FILL_WORDS = 5
FILL_ORDER = 0
FILL_ACCOUNT = 1
FILL_FEE = 2
FILL_OLDER_OF_ACCOUNT = 3  # fill number
FILL_OLDER_OF_ORDER = 4  # fill number


def account_words(currencies: int) -> int:
    """Words of an account's row, a multiple of 8."""
    return -(-(ACCOUNT_BALANCES + BALANCE_WORDS * currencies) // 8) * 8


# a queue is named by the word of its oldest, the newest is in the next
assert HEADER_CLOSED_NEWEST == HEADER_CLOSED_OLDEST + QUEUE_NEWEST
assert ACCOUNT_CLOSED_NEWEST == ACCOUNT_CLOSED_OLDEST + QUEUE_NEWEST
# no two fields of a packed word overlap, and none lies on the flags
for _fields in (
    (ORDER_STATUS, ORDER_SIDE, ORDER_TYPE, ORDER_DISPLAY, ORDER_REASON, ORDER_INSTRUMENT),
    (ORDER_ACCOUNT, ORDER_SESSION),
    (TRADE_INSTRUMENT, TRADE_MAKER_SIDE, TRADE_AGGRESSOR_SIDE, TRADE_REASON),
):
    _bits = [each.mask << each.shift for each in _fields]
    assert sum(_bits) == reduce(or_, _bits) and len({each.word for each in _fields}) == 1
assert not (FLAG_DIRTY | FLAG_HELD | FLAG_WAITING) & (
    sum(each.mask << each.shift for each in (ORDER_STATUS, ORDER_REASON, ORDER_INSTRUMENT))
)
assert ORDER_FILLED_BEFORE < ORDER_WORDS and POSITION_DIRTY < POSITION_WORDS
assert TRADE_FILLS + 2 * FILL_WORDS <= TRADE_WORDS
