"""Everything the matcher remembers: a NamedTuple of arrays, sized once, zero-initialised.

Who writes: only ``apply_commands`` (one process). Who reads: snapshots, replay, invariants, tests.
Every pool numbers its members from 1: 0 is null, so untouched memory is all zero and never
resident. All arrays are int64 words; two 32-bit numbers that share a word are named low | high.

    orders       8 words a slot, one cache line
        0 open quantity | 1 price | 2 order_id (0 = free slot) | 3 token_0 |
        4 token_1, token_2, instrument as in the records | 5 next | previous of its level |
        6 level (0: held) | firm | 7 as bytes 80..87 of an event: session u2, capacity u1 (instead
        of kind), side, cross_type (instead of reason), order flags (instead of flags), display,
        order_type
        A free slot keeps the next free slot in `next`.
        Word 0 is what the level shows of it; an iceberg's hidden part is in the cold words.
    orders_cold  8 words a slot
        0 executed quantity (valid with ORDER_HAS_EXECUTED) | 1 expiry second (ORDER_HAS_EXPIRY) |
        2 next | previous of its expiry second | 3 hidden quantity, 4 display quantity
        (ORDER_ICEBERG) | 5 stop price (ORDER_WAITING or held STOP, STOP_LIMIT) |
        6 minimum quantity (ORDER_HELD) | 7 spare
    instruments  32 words, named INSTRUMENT_... below; row 0 holds the defaults
    breakers     40 words an instrument: 0..15 lowest, 16..31 highest price of each bucket,
        32.. see BREAKER_... below
    books        4 words per (instrument, book side): 0 best key (0 = empty) | 1 its level |
        2 root of its tree | 3 spare. After the last instrument's books come, in the same
        order, the stop books: number 2 * (MAX_INSTRUMENTS + instrument) + (0 sell stops, 1 buy
        stops).
        Key of a price: its tick number for bids and sell stops, 2^30 - tick number for asks and buy
        stops, so that the best price, and the stop that is due first, is the highest key.
    levels       4 words a price level, 64 levels a leaf: 0 quantity shown | 1 head | tail |
        2 orders | 3 hidden quantity
    leaves       4 words: 0 bitmap of non-empty levels | 1 (book << 24 | key >> 6) + 1 |
        2 next free | 3 spare
    nodes        34 words: 0 bitmap of children | 1..32 children (64 halves) | 33 next free
    leaf_cache   1 word: the leaf last used for that hash of (book, key >> 6)
    sessions     8 words: 0 flags (SESSION_...) | tokens today | 1 username | 2 account |
        3 messages so far today | 4 rate: time t of its bucket | 5 interval T | 6 (burst - 1) x T |
        7 cancel-after second. Row 0 holds the defaults
    accounts     32 words, named ACCOUNT_... below, with the balances; row 0 holds the defaults
    positions    8 words, open addressing by account and instrument; empty ones go (SHARES):
        0 (account << 16 | instrument) + 1, 0 = empty | 1 quantity | 2 frozen | 3 total cost |
        4 open buys | 5 open shorts | 6 spare | 7 name of the next one that may be empty
    currencies   8 words: 0 defined | 1 code | 2 decimals | 3 fee account |
        4 deposits - withdrawals | 5.. spare
    keys         idempotency keys, see exchange/engine/control/idempotency_keys.py
    selection    what a mass cancel has selected, see exchange/engine/orders/mass_cancel.py; not
        part of the state's meaning
    token_index  1 word: entry (28 bits) | generation (12) | tag (24)
    token_log    4 words, in order of arrival: 0 token_0 | 1 token_1, token_2, session |
        2 order slot | 3 order_id
    order_ids    1 word: slot | low half of the order_id
    expiry_wheel 1 word a second (modulo its length): head | tail
    expiry_bits  three levels of bitmaps over the wheel
    chain        streaming state of XXH64 over all events (journal/xxh64.py)
    scratch      per command of a group, see matcher.py; not part of the state's meaning

Decision ARC-8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.records import part, whole

# scalars
NEXT_COMMAND = 0
NEXT_EVENT = 1
CHAIN_EVENTS = 6  # events that the chain hash has taken in; all of them between calls
CHECKPOINT_EVENT = 7  # the event after the last CHECKPOINT
DAY_OPEN = 8
MIDNIGHT_NS = 9
DAY_NUMBER = 10
NEXT_EXPIRY_SECOND = 11  # earliest second of a live good-till-time order, 0 = none
LAST_EXPIRY_SECOND = 12  # no live one is later
LIVE_ORDERS = 13
ORDER_FREE = 14  # first of the free list
ORDER_HIGH = 15  # slots 1..ORDER_HIGH have been used
LEAF_FREE = 16
LEAF_HIGH = 17
LEAVES_USED = 18
NODE_FREE = 19
NODE_HIGH = 20
NODES_USED = 21
TOKENS_USED = 22  # today
TOKEN_GENERATION = 23  # 1..4095; entries of another generation are empty
TOKEN_SEED_0 = 24
TOKEN_SEED_1 = 25
LAST_TIMESTAMP_NS = 26
TRADES = 27
REJECTS = 28
EXPIRING_ORDERS = 29
EVENT_WAITS = 30  # times the event ring was full
MARKET_STATE = 56  # InstrumentState
MARKET_UNTIL_NS = 57
EXCHANGE_KILLED = 58
PENDING_HEAD = 59  # queue of instruments with due stops, linked by INSTRUMENT_PENDING_NEXT
PENDING_TAIL = 60
HELD_HEAD = 61  # held orders, oldest first, linked by `next` and `previous`
HELD_TAIL = 62
POSITIONS_USED = 63
NEXT_DEADLINE_SECOND = 64  # no later than the first reopening or cancel-after second, 0 = none
KEYS_USED = 65
HELD_ORDERS = 66
WAITING_ORDERS = 67
MATCH_END = 68  # why the last match() ended: 0 nothing more to trade, 1 the aggressor was prevented
#                 from trading with its own group and is gone, 2 the circuit breaker tripped
MATCH_TRADED = 69  # what it traded (self-trade decrements are not trades)
# capacities, fixed at creation
MAX_ORDERS = 32
MAX_LEAVES = 33
MAX_NODES = 34
MAX_TOKENS = 35
MAX_INSTRUMENTS = 36  # ids 1..MAX_INSTRUMENTS - 1
MAX_SESSIONS = 37  # ids 1..MAX_SESSIONS - 1
TOKEN_INDEX_MASK = 38
ORDER_ID_BITS = 39
LEAF_CACHE_MASK = 40
MAX_ACCOUNTS = 41  # ids 1..MAX_ACCOUNTS - 1
MAX_POSITIONS = 42
POSITION_MASK = 43
# of the running call, meaningless between calls
COMMAND_SEQUENCE = 48
TIMESTAMP_NS = 49
EVENT_BASE = 50
EVENT_MASK = 51
EVENT_LIMIT = 52  # the first event sequence that needs another look at EVENT_RELEASED
ABORTED = 53  # 1 = STOP was set while the event ring was full: the process is going down
COMMAND_MASK = 54
SCALARS = 96

ORDER_WORDS = 8
COLD_WORDS = 8
INSTRUMENT_WORDS = 32
BOOK_WORDS = 4
LEVEL_WORDS = 4
LEAF_WORDS = 4
NODE_WORDS = 34
SESSION_WORDS = 8
ACCOUNT_WORDS = 32
POSITION_WORDS = 8
BREAKER_WORDS = 40
CURRENCY_WORDS = 8
MAX_CURRENCIES = 8  # ids 1..7
IDEMPOTENCY_KEYS = 1 << 16  # the last so many are remembered
SELECTION_COUNTERS = 1 << 11  # a mass cancel's counters while it sorts
TOKEN_WORDS = 4
LEAF_LEVELS = 64
KEY_BITS = 30
ASK_MIRROR = 1 << KEY_BITS
WHEEL_BITS = 20
WHEEL_SECONDS = 1 << WHEEL_BITS
GROUP = 16  # commands whose memory is fetched together
GROUPS = 8  # of them on their way at one time, a power of two
SCRATCH_WORDS = 4
LOG_AHEAD = 32  # spare entries at the end of the token log, only ever fetched

# order flags (byte 5 of order word 7)
ORDER_HAS_EXECUTED = 1
ORDER_HAS_EXPIRY = 2
ORDER_WAITING = 4  # in a stop book
ORDER_ICEBERG = 8
ORDER_HELD = 16  # in the list of held orders, on no level
ORDER_IMMEDIATE = 32  # rests only until the auction ends (time_in_force 0, MARKET, STOP)
ORDER_MARKET_HOURS = 64  # time_in_force 99,998

# words of an instrument
INSTRUMENT_FLAGS = 0  # 1 = defined | byte 1 price_decimals | byte 2 state | byte 3 group |
#                       bytes 4, 5 currency
INSTRUMENT_TICK = 1
INSTRUMENT_LOT = 2
INSTRUMENT_MINIMUM_PRICE = 3
INSTRUMENT_MAXIMUM_PRICE = 4
INSTRUMENT_MAXIMUM_QUANTITY = 5
INSTRUMENT_SYMBOL = 6
INSTRUMENT_MULTIPLIER = 7
INSTRUMENT_BAND_LOW = 8  # limit prices must be in band_low..band_high; 0 and 2^62 without a band
INSTRUMENT_BAND_HIGH = 9
INSTRUMENT_LAST_PRICE = 10  # 0 = none today
INSTRUMENT_REFERENCE = 11
INSTRUMENT_MAKER_FEE = 12
INSTRUMENT_TAKER_FEE = 13
INSTRUMENT_FREEZE_RATE = 14
INSTRUMENT_REVIEW_VALUE = 15
INSTRUMENT_BAND_PPM = 16
INSTRUMENT_COLLAR_PPM = 17
INSTRUMENT_BREAKER_PPM = 18
INSTRUMENT_BREAKER_WINDOW_S = 19
INSTRUMENT_BREAKER_HALT_S = 20
INSTRUMENT_UNTIL_NS = 21
INSTRUMENT_POSITION_BOUND = 22
INSTRUMENT_NET_STOCK = 23  # deposits - withdrawals
INSTRUMENT_PENDING_NEXT = 24  # low half: next in the pending queue; high half: 1 = in the queue
INSTRUMENT_LIVE_ORDERS = 25
# words of a breaker after its 32 prices
BREAKER_UP = 32  # a trade above trips; valid while BREAKER_END_NS > timestamp
BREAKER_DOWN = 33
BREAKER_LOW = 34  # of the whole window
BREAKER_HIGH = 35
BREAKER_END_NS = 36  # end of the current bucket, 0 = empty window
BREAKER_BUCKET = 37  # its number
BREAKER_QUIET_LOW = 38  # a trade from quiet low to quiet high, before END_NS, changes nothing
BREAKER_QUIET_HIGH = 39
# words of an account
ACCOUNT_FLAGS = 0  # ACCOUNT_... bits | byte 1 prevention mode | high half prevention group
ACCOUNT_LIVE = 1  # low half: live orders; high half: limit
ACCOUNT_TODAY = 2  # low half: orders today; high half: limit
ACCOUNT_RATE_TIME = 3
ACCOUNT_RATE_INTERVAL = 4
ACCOUNT_RATE_TOLERANCE = 5
ACCOUNT_POSITION_LIMIT = 6
ACCOUNT_WINDOW_NS = 7  # start of the cancel ratio's window
ACCOUNT_WINDOW_ORDERS = 8
ACCOUNT_WINDOW_CANCELS = 9  # bit 62: warned
ACCOUNT_RATIO_PPM = 10
ACCOUNT_RATIO_WINDOW_S = 11
ACCOUNT_RATIO_MINIMUM = 12
ACCOUNT_BALANCES = 16  # per currency: balance, frozen
ACCOUNT_DEFINED_FLAG = 1
ACCOUNT_BLOCKED_FLAG = 2
ACCOUNT_KILLED_FLAG = 4
ACCOUNT_SHORT_FLAG = 8
SESSION_DEFINED_FLAG = 1
SESSION_KILLED_FLAG = 2
SESSION_CANCEL_FLAG = 4  # cancel on disconnect

# Scalars that were added after snapshots had been written, 0 in those. They are fields, and not
# numbers, because the layout hash of a snapshot covers numbers and must stay as it was.
SHARES = whole(70)  # 1: the rules of shares hold (Parameter.SHARES)
EMPTY_POSITION = whole(71)  # name of the first position that may be empty; 0 between commands
ORDERS_STOPPED = whole(72)  # 1: clients can only cancel (Parameter.ORDERS_STOPPED)

# --- the fields of each table's rows, where a word's number alone does not name it ----------------
# (a snapshot's layout hash does not cover them: see exchange/engine/state/snapshot.py)
ORDER_OPEN = whole(0)  # what its level shows of it
ORDER_PRICE = whole(1)
ORDER_ID = whole(2)  # 0 = free slot
ORDER_TOKEN_0 = whole(3)
ORDER_TOKEN_WORD = whole(4)  # token bytes 8 to 13 and the instrument
ORDER_TOKEN_TAIL = part(4, 0, 48)
ORDER_INSTRUMENT = part(4, 48, 16)
ORDER_NEXT = part(5, 0, 32)  # of its level, of the held orders, or of the free list
ORDER_PREVIOUS = part(5, 32, 32)
ORDER_LEVEL = part(6, 0, 32)
ORDER_FIRM = part(6, 32, 32)
ORDER_IDENTITY = whole(7)  # session, side, display, order_type as in an event, and what follows
ORDER_SESSION = part(7, 0, 16)
ORDER_CAPACITY = part(7, 16, 8)
ORDER_SIDE = part(7, 24, 8)
ORDER_CROSS_TYPE = part(7, 32, 8)
ORDER_FLAGS = part(7, 40, 8)
ORDER_DISPLAY = part(7, 48, 8)
ORDER_TYPE = part(7, 56, 8)
COLD_EXECUTED = whole(0)
COLD_EXPIRY_SECOND = whole(1)
COLD_NEXT = part(2, 0, 32)  # of its expiry second
COLD_PREVIOUS = part(2, 32, 32)
COLD_HIDDEN = whole(3)
COLD_DISPLAY_QUANTITY = whole(4)
COLD_STOP_PRICE = whole(5)
COLD_MINIMUM_QUANTITY = whole(6)
INSTRUMENT_DEFINED = part(INSTRUMENT_FLAGS, 0, 8)
INSTRUMENT_DECIMALS = part(INSTRUMENT_FLAGS, 8, 8)
INSTRUMENT_STATE = part(INSTRUMENT_FLAGS, 16, 8)
INSTRUMENT_GROUP = part(INSTRUMENT_FLAGS, 24, 8)
INSTRUMENT_CURRENCY = part(INSTRUMENT_FLAGS, 32, 16)
INSTRUMENT_PENDING_LINK = part(INSTRUMENT_PENDING_NEXT, 0, 32)
INSTRUMENT_PENDING_MARK = part(INSTRUMENT_PENDING_NEXT, 32, 32)
BOOK_BEST = whole(0)  # highest key, 0 = empty
BOOK_LEVEL = whole(1)  # the level of that key
BOOK_ROOT = whole(2)
LEVEL_QUANTITY = whole(0)
LEVEL_HEAD = part(1, 0, 32)
LEVEL_TAIL = part(1, 32, 32)
LEVEL_ORDERS = whole(2)
LEVEL_HIDDEN = whole(3)
LEAF_BITMAP = whole(0)
LEAF_NAME = whole(1)
LEAF_NEXT_FREE = whole(2)
NODE_BITMAP = whole(0)
NODE_CHILDREN = whole(1)  # the first of 32 words
NODE_NEXT_FREE = whole(33)
SESSION_FLAGS = part(0, 0, 32)
SESSION_TOKENS = part(0, 32, 32)  # used today; counted while SHARES
SESSION_USERNAME = whole(1)
SESSION_ACCOUNT = whole(2)
SESSION_MESSAGES = whole(3)  # sent to it today
SESSION_RATE_TIME = whole(4)
SESSION_RATE_INTERVAL = whole(5)
SESSION_RATE_TOLERANCE = whole(6)
SESSION_CANCEL_AFTER = whole(7)  # second, 0 = never
ACCOUNT_BITS = part(ACCOUNT_FLAGS, 0, 8)  # ACCOUNT_..._FLAG
ACCOUNT_PREVENTION_MODE = part(ACCOUNT_FLAGS, 8, 8)
ACCOUNT_PREVENTION_GROUP = part(ACCOUNT_FLAGS, 32, 32)
ACCOUNT_LIVE_ORDERS = part(ACCOUNT_LIVE, 0, 32)
ACCOUNT_LIVE_LIMIT = part(ACCOUNT_LIVE, 32, 32)
ACCOUNT_TODAY_ORDERS = part(ACCOUNT_TODAY, 0, 32)
ACCOUNT_TODAY_LIMIT = part(ACCOUNT_TODAY, 32, 32)
ACCOUNT_POSITIONS = whole(13)  # rows of its positions; counted while SHARES
RATE_TIME = whole(0)  # of the three words of a session's or an account's rate
RATE_INTERVAL = whole(1)
RATE_TOLERANCE = whole(2)
BALANCE_AMOUNT = whole(0)  # of an account's two words for a currency, from ACCOUNT_BALANCES on
BALANCE_FROZEN = whole(1)
POSITION_NAME = whole(0)  # (account << 16 | instrument) + 1, 0 = empty
POSITION_QUANTITY = whole(1)
POSITION_FROZEN = whole(2)
POSITION_COST = whole(3)
POSITION_OPEN_BUYS = whole(4)
POSITION_OPEN_SHORTS = whole(5)
POSITION_NEXT_EMPTY = whole(
    7
)  # name of the next in the list of the command, -1 = last, 0 = not in it
CURRENCY_DEFINED = whole(0)
CURRENCY_CODE = whole(1)
CURRENCY_DECIMALS = whole(2)
CURRENCY_FEE_ACCOUNT = whole(3)
CURRENCY_NET_MONEY = whole(4)  # deposits - withdrawals
TOKEN_KEY_0 = whole(0)
TOKEN_KEY_1 = whole(1)  # token bytes 8 to 13 and the session
TOKEN_SLOT = whole(2)
TOKEN_ORDER_ID = whole(3)
ORDER_IDS_SLOT = part(0, 0, 32)
ORDER_IDS_LOW_ID = part(0, 32, 32)
WHEEL_HEAD = part(0, 0, 32)
WHEEL_TAIL = part(0, 32, 32)
SCRATCH_SEQUENCE = whole(0)
SCRATCH_HASH = whole(1)
SCRATCH_FOUND = whole(2)
SCRATCH_KIND = whole(3)

# rows that are named by their first word
assert max(INSTRUMENT_NET_STOCK, INSTRUMENT_PENDING_NEXT, INSTRUMENT_LIVE_ORDERS) < INSTRUMENT_WORDS
assert ACCOUNT_RATIO_MINIMUM < ACCOUNT_BALANCES
assert ACCOUNT_BALANCES + 2 * MAX_CURRENCIES == ACCOUNT_WORDS
assert POSITION_OPEN_SHORTS.word < POSITION_WORDS and SCRATCH_KIND.word < SCRATCH_WORDS
# a group is applied four steps after it was gathered (engine/prefetch.py), in its own scratch
assert GROUPS > 4 and GROUPS & (GROUPS - 1) == 0
assert ORDER_FLAGS.mask >= ORDER_MARKET_HOURS, "an order's flags fit their byte"

assert SESSION_RATE_INTERVAL.word == SESSION_RATE_TIME.word + RATE_INTERVAL.word
assert SESSION_RATE_TOLERANCE.word == SESSION_RATE_TIME.word + RATE_TOLERANCE.word
assert ACCOUNT_RATE_TIME + RATE_INTERVAL.word == ACCOUNT_RATE_INTERVAL
assert ACCOUNT_RATE_TIME + RATE_TOLERANCE.word == ACCOUNT_RATE_TOLERANCE


class EngineState(NamedTuple):
    """The arrays described above; every one int64 and one-dimensional."""

    scalars: np.ndarray
    orders: np.ndarray
    orders_cold: np.ndarray
    instruments: np.ndarray
    books: np.ndarray
    levels: np.ndarray
    leaves: np.ndarray
    nodes: np.ndarray
    leaf_cache: np.ndarray
    sessions: np.ndarray
    accounts: np.ndarray
    positions: np.ndarray
    currencies: np.ndarray
    breakers: np.ndarray
    keys: np.ndarray
    selection: np.ndarray
    token_index: np.ndarray
    token_log: np.ndarray
    order_ids: np.ndarray
    expiry_wheel: np.ndarray
    expiry_bits: np.ndarray
    chain: np.ndarray
    scratch: np.ndarray
