"""The memory of the account model: one array of 64-bit words, and what each word of it is.

Who writes: ``accounts_apply.py`` and what it calls. Who reads: ``accounts_find.py`` and
``accounts.py``. One array because a jitted function that is given one array is called at no cost,
and because a record is then named by its *address*, the index of its first word: an order names its
position, a position the balance that pays for it, without another look-up. Address 0 is "none".

    0 .. 63          header: H_... words
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

from exchange.records import EVENT, EVENT_SIZE_BYTES

EVENT_WORDS = EVENT_SIZE_BYTES // 8
HALF_BITS = 32
HALF = (1 << HALF_BITS) - 1
TOKEN_TAIL = (1 << 48) - 1  # of the second word of a token: bytes 8 to 13

# --- header ---------------------------------------------------------------------------------------
HEADER_WORDS = 64
H_NEXT_EVENT = 0
H_ERROR = 1  # why the last call stopped; see accounts_apply.py
H_DAY = 2  # days started so far
H_TOKEN_SEED = 3
H_EXCHANGE_KILLED = 4
H_TRACK_DIRTY = 5
H_SESSIONS_DEFINED = 6
H_ACCOUNTS_DEFINED = 7
H_ACCOUNT_WORDS = 8
H_LAST_NS = 9  # timestamp of the last event
# capacities
H_CURRENCIES_MAXIMUM = 10
H_INSTRUMENTS_MAXIMUM = 11
H_SESSIONS_MAXIMUM = 12
H_ACCOUNTS_MAXIMUM = 13
H_POSITIONS_MAXIMUM = 14
H_ORDERS_MAXIMUM = 15
H_TRADES_MAXIMUM = 16
# first words of the tables
H_CURRENCIES = 17
H_INSTRUMENTS = 18
H_SESSIONS = 19
H_ACCOUNTS = 20
H_POSITIONS = 21
H_POSITION_INDEX = 22
H_ORDER_INDEX = 23
H_TOKEN_INDEX = 24
H_DIRTY_ORDERS = 25
H_DIRTY_ACCOUNTS = 26
H_DIRTY_POSITIONS = 27
H_ORDERS = 28
H_TRADES = 29
H_END = 30
# index sizes - 1
H_POSITION_MASK = 31
H_ORDER_MASK = 32
H_TOKEN_MASK = 33
# how much is used
H_POSITIONS_USED = 34
H_ORDERS_USED = 35  # slots ever used; from the maximum on, the oldest closed order makes room
H_LIVE_ORDERS = 36
H_CLOSED_OLDEST = 37  # with H_TRACK_DIRTY one queue of all closed orders, else one per account
H_CLOSED_NEWEST = 38
H_TRADES_SEEN = 39  # of all time; the ring holds the last of them
H_DIRTY_ORDERS_COUNT = 40
H_DIRTY_ACCOUNTS_COUNT = 41
H_DIRTY_POSITIONS_COUNT = 42
H_ORDERS_EVICTED = 43
H_HOLDERS = 44  # accounts of which at least one order is kept
H_VICTIM = 45  # address of the account whose closed orders made room last

# --- why following stopped before an event (H_ERROR) ----------------------------------------------
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
C_DEFINED = 0
C_DECIMALS = 1
C_FEE_ACCOUNT = 2
C_CODE = 3

INSTRUMENT_WORDS = 8
I_DEFINED = 0
I_CURRENCY = 1
I_MULTIPLIER = 2
I_MAKER_RATE = 3
I_TAKER_RATE = 4
I_FREEZE_RATE = 5

SESSION_WORDS = 4
S_DEFINED = 0
S_ACCOUNT = 1
S_USERNAME = 2
S_KILLED = 3

# --- accounts -------------------------------------------------------------------------------------
A_DEFINED = 1
A_BLOCKED = 2
A_KILLED = 3
A_DAILY_COUNT = 4
A_DAILY_LIMIT = 5
A_CREATED_NS = 6
A_UPDATED_NS = 7  # of what is not money
A_NEWEST_ORDER = 8  # address
A_NEWEST_OPEN = 9  # address
A_OPEN_COUNT = 10
A_NEWEST_FILL = 11  # fill number, see below
A_NEWEST_POSITION = 12  # address
A_ORDER_COUNT = 13  # kept orders
A_DIRTY = 14
A_CLOSED_OLDEST = 16  # queue of its closed orders
A_CLOSED_NEWEST = 17
A_BALANCES = 20  # currency 0 is none; BALANCE_WORDS per currency from here on
BALANCE_WORDS = 4
B_BALANCE = 0
B_FROZEN = 1
B_DIRTY = 2
B_UPDATED_NS = 3  # 0: it has never been changed

# --- positions ------------------------------------------------------------------------------------
POSITION_WORDS = 16
P_NAME = 0  # account << 16 | instrument
P_QUANTITY = 1
P_FROZEN = 2
P_COST = 3
P_OPEN_BUYS = 4
P_OPEN_SHORTS = 5
P_UPDATED_NS = 6
P_CREATED_NS = 7
P_BALANCE = 8  # address of the account's balance in the instrument's currency
P_INSTRUMENT = 9  # address
P_ACCOUNT = 10  # address
P_OLDER = 11  # address of the account's position before this one
P_DIRTY = 12

# --- orders: three cache lines; listings touch the first one, fills and cancels the first two -----
ORDER_WORDS = 24
O_ID = 0
# status | side | type | display | reason (8 bits each) | flags (8 bits) | instrument (16 bits)
O_WHAT = 1
O_PRICE = 2  # limit or protection price; 0 where a market order tells nobody
O_OPEN = 3
O_FILLED = 4
O_LINKS = 5  # in the account's list: older (low half), newer (high half)
O_POSITION = 6  # address; 0: it was rejected
O_UPDATED_NS = 7
O_NEWEST_FILL = 8  # fill number
O_VALUE = 9  # sum of price x quantity of its fills, below VALUE_CARRY
O_OPEN_LINKS = 10  # in the account's open list, as above
O_CHAINS = 11  # next in the chain of the order index (low), of the token index (high)
O_NEXT_CLOSED = 12  # address of the order that closed next
O_QUANTITY = 13
O_OWNER = 14  # account (low half), session (16 bits), day (15 bits)
O_CREATED_NS = 15
O_TOKEN_0 = 16
O_TOKEN_1 = 17
O_TERMS = 18  # time in force (low half), minimum quantity (high half)
O_STOP_PRICE = 19
O_DISPLAY_QUANTITY = 20
O_REPLACES = 21
O_REPLACED_BY = 22
O_VALUE_HIGH = 23  # in units of VALUE_CARRY

STATUS_MASK = 0xFF
SIDE_SHIFT = 8
TYPE_SHIFT = 16
DISPLAY_SHIFT = 24
REASON_SHIFT = 32
FLAGS_SHIFT = 40
INSTRUMENT_SHIFT = 48
BYTE = 0xFF
SHORT = 0xFFFF
FLAG_DIRTY = 1 << FLAGS_SHIFT
FLAG_HELD = 2 << FLAGS_SHIFT
FLAG_WAITING = 4 << FLAGS_SHIFT
SESSION_SHIFT = 32
DAY_SHIFT = 48
DAY_MASK = (1 << 15) - 1
VALUE_CARRY_BITS = 61
VALUE_CARRY = 1 << VALUE_CARRY_BITS  # one fill adds at most 2^56

# --- trades: both fills of one TRADE --------------------------------------------------------------
# A fill's number is 2 x (number of the trade) + role + 1; it is there while its trade is in the
# ring. Role 0 is the maker (in an auction: the bid), role 1 the aggressor.
TRADE_WORDS = 16
T_SEQUENCE = 0
T_TIMESTAMP_NS = 1
T_PRICE = 2
T_QUANTITY = 3
T_WHAT = 4  # instrument (16 bits) | maker's side (8) | aggressor's side (8) | reason (8)
T_ROLES = 5  # five words per role from here on
ROLE_WORDS = 5
R_ORDER = 0
R_ACCOUNT = 1
R_FEE = 2
R_OLDER_OF_ACCOUNT = 3  # fill number
R_OLDER_OF_ORDER = 4  # fill number

# --- where an event's fields are, as 64-bit words -------------------------------------------------
# Word 9: token_1, token_2 and the instrument. Word 10: session and six bytes. Words 14 and 15: the
# fields of each kind.
E_SEQUENCE = 0
E_COMMAND_SEQUENCE = 1
E_TIMESTAMP_NS = 2
E_ORDER_ID = 3
E_PRICE = 4
E_QUANTITY = 5
E_LEVEL_QUANTITY = 6
E_TOKEN_0 = 8
E_TOKEN_1 = 9
E_WHAT = 10
E_CONTRA_ORDER_ID = 11
E_REMAINING = 12
E_NUMBERS = 14
E_ACCOUNT = 15
EVENT_INSTRUMENT_SHIFT = 48
EVENT_KIND_SHIFT = 16
EVENT_SIDE_SHIFT = 24
EVENT_REASON_SHIFT = 32
EVENT_DISPLAY_SHIFT = 48
EVENT_TYPE_SHIFT = 56
EVENT_CURRENCY_SHIFT = 48
EVENT_CONTRA_SIDE_SHIFT = 32
EVENT_PARAMETER_SHIFT = 48
EVENT_SCOPE_SHIFT = 56


def account_words(currencies: int) -> int:
    """Words of an account's row, a multiple of 8."""
    return -(-(A_BALANCES + BALANCE_WORDS * currencies) // 8) * 8


# a queue is named by the word of its oldest, the newest is in the next
assert H_CLOSED_NEWEST == H_CLOSED_OLDEST + 1 and A_CLOSED_NEWEST == A_CLOSED_OLDEST + 1

for _name, _word, _shift in (
    ("sequence", E_SEQUENCE, 0),
    ("command_sequence", E_COMMAND_SEQUENCE, 0),
    ("timestamp_ns", E_TIMESTAMP_NS, 0),
    ("order_id", E_ORDER_ID, 0),
    ("price", E_PRICE, 0),
    ("quantity", E_QUANTITY, 0),
    ("level_quantity", E_LEVEL_QUANTITY, 0),
    ("token_0", E_TOKEN_0, 0),
    ("token_1", E_TOKEN_1, 0),
    ("token_2", E_TOKEN_1, 32),
    ("instrument", E_TOKEN_1, EVENT_INSTRUMENT_SHIFT),
    ("session", E_WHAT, 0),
    ("kind", E_WHAT, EVENT_KIND_SHIFT),
    ("side", E_WHAT, EVENT_SIDE_SHIFT),
    ("reason", E_WHAT, EVENT_REASON_SHIFT),
    ("display", E_WHAT, EVENT_DISPLAY_SHIFT),
    ("order_type", E_WHAT, EVENT_TYPE_SHIFT),
    ("contra_order_id", E_CONTRA_ORDER_ID, 0),
    ("remaining", E_REMAINING, 0),
    ("time_in_force", E_REMAINING, 0),
    ("minimum_quantity", E_REMAINING, 32),
    ("currency", E_NUMBERS, EVENT_CURRENCY_SHIFT),
    ("account", E_ACCOUNT, 0),
    ("contra_side", E_ACCOUNT, EVENT_CONTRA_SIDE_SHIFT),
    ("parameter", E_ACCOUNT, EVENT_PARAMETER_SHIFT),
    ("scope", E_ACCOUNT, EVENT_SCOPE_SHIFT),
):
    assert EVENT.fields is not None
    assert EVENT.fields[_name][1] == 8 * _word + _shift // 8, _name
