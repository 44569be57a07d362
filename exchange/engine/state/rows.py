"""Every field of every table's rows by name: what reads it, what sets it, what adds to it.

``order_price(view, slot)`` reads, ``set_order_price(view, slot, price)`` writes and
``add_to_order_open(view, slot, change)`` adds. Where each field lies is in layout.py. A row is
named by its number or, where a table's rows are looked up once and used often (instruments,
accounts, positions, scratch), by its first word: ``instrument_at``, ``account_at``,
``position_at``. Numbers narrower than a word are read as 0 or more.

Names that would be those of the values themselves end in ``_of``: order_id_of, order_type_of.

Decision ENG-13.
"""

from __future__ import annotations

from exchange.engine.state.fields import adder, reader, writer
from exchange.engine.state.layout import (
    ACCOUNT_FLAGS,
    ACCOUNT_LIVE_LIMIT,
    ACCOUNT_LIVE_ORDERS,
    ACCOUNT_POSITION_LIMIT,
    ACCOUNT_POSITIONS,
    ACCOUNT_PREVENTION_GROUP,
    ACCOUNT_PREVENTION_MODE,
    ACCOUNT_RATE_INTERVAL,
    ACCOUNT_RATE_TIME,
    ACCOUNT_RATE_TOLERANCE,
    ACCOUNT_RATIO_MINIMUM,
    ACCOUNT_RATIO_PPM,
    ACCOUNT_RATIO_WINDOW_S,
    ACCOUNT_TODAY_LIMIT,
    ACCOUNT_TODAY_ORDERS,
    ACCOUNT_WINDOW_CANCELS,
    ACCOUNT_WINDOW_NS,
    ACCOUNT_WINDOW_ORDERS,
    BALANCE_AMOUNT,
    BALANCE_FROZEN,
    BOOK_BEST,
    BOOK_LEVEL,
    BOOK_ROOT,
    BOOK_WORDS,
    BREAKER_BUCKET,
    BREAKER_DOWN,
    BREAKER_END_NS,
    BREAKER_HIGH,
    BREAKER_LOW,
    BREAKER_QUIET_HIGH,
    BREAKER_QUIET_LOW,
    BREAKER_UP,
    BREAKER_WORDS,
    COLD_DISPLAY_QUANTITY,
    COLD_EXECUTED,
    COLD_EXPIRY_SECOND,
    COLD_HIDDEN,
    COLD_MINIMUM_QUANTITY,
    COLD_NEXT,
    COLD_PREVIOUS,
    COLD_STOP_PRICE,
    COLD_WORDS,
    CURRENCY_CODE,
    CURRENCY_DECIMALS,
    CURRENCY_DEFINED,
    CURRENCY_FEE_ACCOUNT,
    CURRENCY_NET_MONEY,
    CURRENCY_WORDS,
    INSTRUMENT_BAND_HIGH,
    INSTRUMENT_BAND_LOW,
    INSTRUMENT_BAND_PPM,
    INSTRUMENT_BREAKER_HALT_S,
    INSTRUMENT_BREAKER_PPM,
    INSTRUMENT_BREAKER_WINDOW_S,
    INSTRUMENT_COLLAR_PPM,
    INSTRUMENT_CURRENCY,
    INSTRUMENT_DECIMALS,
    INSTRUMENT_DEFINED,
    INSTRUMENT_FREEZE_RATE,
    INSTRUMENT_GROUP,
    INSTRUMENT_LAST_PRICE,
    INSTRUMENT_LIVE_ORDERS,
    INSTRUMENT_LOT,
    INSTRUMENT_MAKER_FEE,
    INSTRUMENT_MAXIMUM_PRICE,
    INSTRUMENT_MAXIMUM_QUANTITY,
    INSTRUMENT_MINIMUM_PRICE,
    INSTRUMENT_MULTIPLIER,
    INSTRUMENT_NET_STOCK,
    INSTRUMENT_PENDING_LINK,
    INSTRUMENT_PENDING_MARK,
    INSTRUMENT_POSITION_BOUND,
    INSTRUMENT_REFERENCE,
    INSTRUMENT_REVIEW_VALUE,
    INSTRUMENT_STATE,
    INSTRUMENT_SYMBOL,
    INSTRUMENT_TAKER_FEE,
    INSTRUMENT_TICK,
    INSTRUMENT_UNTIL_NS,
    LEAF_BITMAP,
    LEAF_NAME,
    LEAF_NEXT_FREE,
    LEAF_WORDS,
    LEVEL_HEAD,
    LEVEL_HIDDEN,
    LEVEL_ORDERS,
    LEVEL_QUANTITY,
    LEVEL_TAIL,
    LEVEL_WORDS,
    NODE_BITMAP,
    NODE_NEXT_FREE,
    NODE_WORDS,
    ORDER_CAPACITY,
    ORDER_CROSS_TYPE,
    ORDER_DISPLAY,
    ORDER_FIRM,
    ORDER_FLAGS,
    ORDER_ID,
    ORDER_IDENTITY,
    ORDER_IDS_SLOT,
    ORDER_INSTRUMENT,
    ORDER_LEVEL,
    ORDER_NEXT,
    ORDER_OPEN,
    ORDER_PREVIOUS,
    ORDER_PRICE,
    ORDER_SESSION,
    ORDER_SIDE,
    ORDER_TOKEN_0,
    ORDER_TOKEN_TAIL,
    ORDER_TOKEN_WORD,
    ORDER_TYPE,
    ORDER_WORDS,
    POSITION_COST,
    POSITION_FROZEN,
    POSITION_NAME,
    POSITION_NEXT_EMPTY,
    POSITION_OPEN_BUYS,
    POSITION_OPEN_SHORTS,
    POSITION_QUANTITY,
    SCRATCH_FOUND,
    SCRATCH_HASH,
    SCRATCH_KIND,
    SCRATCH_SEQUENCE,
    SESSION_ACCOUNT,
    SESSION_CANCEL_AFTER,
    SESSION_FLAGS,
    SESSION_MESSAGES,
    SESSION_RATE_INTERVAL,
    SESSION_RATE_TIME,
    SESSION_RATE_TOLERANCE,
    SESSION_TOKENS,
    SESSION_USERNAME,
    SESSION_WORDS,
    TOKEN_KEY_0,
    TOKEN_KEY_1,
    TOKEN_ORDER_ID,
    TOKEN_SLOT,
    TOKEN_WORDS,
    WHEEL_HEAD,
    WHEEL_TAIL,
)

# orders: by slot
order_open = reader("orders", ORDER_WORDS, ORDER_OPEN)
set_order_open = writer("orders", ORDER_WORDS, ORDER_OPEN)
add_to_order_open = adder("orders", ORDER_WORDS, ORDER_OPEN)
order_price = reader("orders", ORDER_WORDS, ORDER_PRICE)
set_order_price = writer("orders", ORDER_WORDS, ORDER_PRICE)
order_id_of = reader("orders", ORDER_WORDS, ORDER_ID)
set_order_id = writer("orders", ORDER_WORDS, ORDER_ID)
order_token_0 = reader("orders", ORDER_WORDS, ORDER_TOKEN_0)
set_order_token_0 = writer("orders", ORDER_WORDS, ORDER_TOKEN_0)
order_token_word = reader("orders", ORDER_WORDS, ORDER_TOKEN_WORD)
set_order_token_word = writer("orders", ORDER_WORDS, ORDER_TOKEN_WORD)
order_token_tail = reader("orders", ORDER_WORDS, ORDER_TOKEN_TAIL)
order_instrument = reader("orders", ORDER_WORDS, ORDER_INSTRUMENT)
order_next = reader("orders", ORDER_WORDS, ORDER_NEXT)
set_order_next = writer("orders", ORDER_WORDS, ORDER_NEXT)
order_previous = reader("orders", ORDER_WORDS, ORDER_PREVIOUS)
set_order_previous = writer("orders", ORDER_WORDS, ORDER_PREVIOUS)
order_level = reader("orders", ORDER_WORDS, ORDER_LEVEL)
set_order_level = writer("orders", ORDER_WORDS, ORDER_LEVEL)
order_firm = reader("orders", ORDER_WORDS, ORDER_FIRM)
set_order_firm = writer("orders", ORDER_WORDS, ORDER_FIRM)
order_identity = reader("orders", ORDER_WORDS, ORDER_IDENTITY)
set_order_identity = writer("orders", ORDER_WORDS, ORDER_IDENTITY)
order_session = reader("orders", ORDER_WORDS, ORDER_SESSION)
order_capacity = reader("orders", ORDER_WORDS, ORDER_CAPACITY)
order_side = reader("orders", ORDER_WORDS, ORDER_SIDE)
set_order_side = writer("orders", ORDER_WORDS, ORDER_SIDE)
order_cross_type = reader("orders", ORDER_WORDS, ORDER_CROSS_TYPE)
order_flags = reader("orders", ORDER_WORDS, ORDER_FLAGS)
set_order_flags = writer("orders", ORDER_WORDS, ORDER_FLAGS)
order_display = reader("orders", ORDER_WORDS, ORDER_DISPLAY)
order_type_of = reader("orders", ORDER_WORDS, ORDER_TYPE)

# orders_cold: by slot
order_executed = reader("orders_cold", COLD_WORDS, COLD_EXECUTED)
set_order_executed = writer("orders_cold", COLD_WORDS, COLD_EXECUTED)
order_expiry_second = reader("orders_cold", COLD_WORDS, COLD_EXPIRY_SECOND)
set_order_expiry_second = writer("orders_cold", COLD_WORDS, COLD_EXPIRY_SECOND)
expiry_next = reader("orders_cold", COLD_WORDS, COLD_NEXT)
set_expiry_next = writer("orders_cold", COLD_WORDS, COLD_NEXT)
expiry_previous = reader("orders_cold", COLD_WORDS, COLD_PREVIOUS)
set_expiry_previous = writer("orders_cold", COLD_WORDS, COLD_PREVIOUS)
order_hidden = reader("orders_cold", COLD_WORDS, COLD_HIDDEN)
set_order_hidden = writer("orders_cold", COLD_WORDS, COLD_HIDDEN)
order_display_quantity = reader("orders_cold", COLD_WORDS, COLD_DISPLAY_QUANTITY)
set_order_display_quantity = writer("orders_cold", COLD_WORDS, COLD_DISPLAY_QUANTITY)
order_stop_price = reader("orders_cold", COLD_WORDS, COLD_STOP_PRICE)
set_order_stop_price = writer("orders_cold", COLD_WORDS, COLD_STOP_PRICE)
order_minimum_quantity = reader("orders_cold", COLD_WORDS, COLD_MINIMUM_QUANTITY)
set_order_minimum_quantity = writer("orders_cold", COLD_WORDS, COLD_MINIMUM_QUANTITY)

# instruments: by first word
instrument_set = reader("instruments", 1, INSTRUMENT_DEFINED)
set_instrument_set = writer("instruments", 1, INSTRUMENT_DEFINED)
instrument_decimals = reader("instruments", 1, INSTRUMENT_DECIMALS)
set_instrument_decimals = writer("instruments", 1, INSTRUMENT_DECIMALS)
instrument_state = reader("instruments", 1, INSTRUMENT_STATE)
set_instrument_state = writer("instruments", 1, INSTRUMENT_STATE)
instrument_group = reader("instruments", 1, INSTRUMENT_GROUP)
set_instrument_group = writer("instruments", 1, INSTRUMENT_GROUP)
instrument_currency = reader("instruments", 1, INSTRUMENT_CURRENCY)
set_instrument_currency = writer("instruments", 1, INSTRUMENT_CURRENCY)
instrument_tick = reader("instruments", 1, INSTRUMENT_TICK)
set_instrument_tick = writer("instruments", 1, INSTRUMENT_TICK)
instrument_lot = reader("instruments", 1, INSTRUMENT_LOT)
set_instrument_lot = writer("instruments", 1, INSTRUMENT_LOT)
instrument_minimum_price = reader("instruments", 1, INSTRUMENT_MINIMUM_PRICE)
set_instrument_minimum_price = writer("instruments", 1, INSTRUMENT_MINIMUM_PRICE)
instrument_maximum_price = reader("instruments", 1, INSTRUMENT_MAXIMUM_PRICE)
set_instrument_maximum_price = writer("instruments", 1, INSTRUMENT_MAXIMUM_PRICE)
instrument_maximum_quantity = reader("instruments", 1, INSTRUMENT_MAXIMUM_QUANTITY)
set_instrument_maximum_quantity = writer("instruments", 1, INSTRUMENT_MAXIMUM_QUANTITY)
set_instrument_symbol = writer("instruments", 1, INSTRUMENT_SYMBOL)
instrument_multiplier = reader("instruments", 1, INSTRUMENT_MULTIPLIER)
set_instrument_multiplier = writer("instruments", 1, INSTRUMENT_MULTIPLIER)
instrument_band_low = reader("instruments", 1, INSTRUMENT_BAND_LOW)
set_instrument_band_low = writer("instruments", 1, INSTRUMENT_BAND_LOW)
instrument_band_high = reader("instruments", 1, INSTRUMENT_BAND_HIGH)
set_instrument_band_high = writer("instruments", 1, INSTRUMENT_BAND_HIGH)
instrument_last_price = reader("instruments", 1, INSTRUMENT_LAST_PRICE)
set_instrument_last_price = writer("instruments", 1, INSTRUMENT_LAST_PRICE)
instrument_reference = reader("instruments", 1, INSTRUMENT_REFERENCE)
set_instrument_reference = writer("instruments", 1, INSTRUMENT_REFERENCE)
instrument_maker_fee = reader("instruments", 1, INSTRUMENT_MAKER_FEE)
set_instrument_maker_fee = writer("instruments", 1, INSTRUMENT_MAKER_FEE)
instrument_taker_fee = reader("instruments", 1, INSTRUMENT_TAKER_FEE)
set_instrument_taker_fee = writer("instruments", 1, INSTRUMENT_TAKER_FEE)
instrument_freeze_rate = reader("instruments", 1, INSTRUMENT_FREEZE_RATE)
set_instrument_freeze_rate = writer("instruments", 1, INSTRUMENT_FREEZE_RATE)
instrument_review_value = reader("instruments", 1, INSTRUMENT_REVIEW_VALUE)
set_instrument_review_value = writer("instruments", 1, INSTRUMENT_REVIEW_VALUE)
instrument_band_ppm = reader("instruments", 1, INSTRUMENT_BAND_PPM)
set_instrument_band_ppm = writer("instruments", 1, INSTRUMENT_BAND_PPM)
instrument_collar_ppm = reader("instruments", 1, INSTRUMENT_COLLAR_PPM)
set_instrument_collar_ppm = writer("instruments", 1, INSTRUMENT_COLLAR_PPM)
instrument_breaker_ppm = reader("instruments", 1, INSTRUMENT_BREAKER_PPM)
set_instrument_breaker_ppm = writer("instruments", 1, INSTRUMENT_BREAKER_PPM)
instrument_breaker_window_s = reader("instruments", 1, INSTRUMENT_BREAKER_WINDOW_S)
set_instrument_breaker_window_s = writer("instruments", 1, INSTRUMENT_BREAKER_WINDOW_S)
instrument_breaker_halt_s = reader("instruments", 1, INSTRUMENT_BREAKER_HALT_S)
set_instrument_breaker_halt_s = writer("instruments", 1, INSTRUMENT_BREAKER_HALT_S)
instrument_until_ns = reader("instruments", 1, INSTRUMENT_UNTIL_NS)
set_instrument_until_ns = writer("instruments", 1, INSTRUMENT_UNTIL_NS)
instrument_position_bound = reader("instruments", 1, INSTRUMENT_POSITION_BOUND)
set_instrument_position_bound = writer("instruments", 1, INSTRUMENT_POSITION_BOUND)
instrument_net_stock = reader("instruments", 1, INSTRUMENT_NET_STOCK)
add_to_instrument_net_stock = adder("instruments", 1, INSTRUMENT_NET_STOCK)
instrument_pending_link = reader("instruments", 1, INSTRUMENT_PENDING_LINK)
set_instrument_pending_link = writer("instruments", 1, INSTRUMENT_PENDING_LINK)
instrument_pending_mark = reader("instruments", 1, INSTRUMENT_PENDING_MARK)
set_instrument_pending_mark = writer("instruments", 1, INSTRUMENT_PENDING_MARK)
instrument_live_orders = reader("instruments", 1, INSTRUMENT_LIVE_ORDERS)
add_to_instrument_live_orders = adder("instruments", 1, INSTRUMENT_LIVE_ORDERS)

# breakers: by instrument
set_breaker_up = writer("breakers", BREAKER_WORDS, BREAKER_UP)
set_breaker_down = writer("breakers", BREAKER_WORDS, BREAKER_DOWN)
breaker_low = reader("breakers", BREAKER_WORDS, BREAKER_LOW)
set_breaker_low = writer("breakers", BREAKER_WORDS, BREAKER_LOW)
breaker_high = reader("breakers", BREAKER_WORDS, BREAKER_HIGH)
set_breaker_high = writer("breakers", BREAKER_WORDS, BREAKER_HIGH)
breaker_end_ns = reader("breakers", BREAKER_WORDS, BREAKER_END_NS)
set_breaker_end_ns = writer("breakers", BREAKER_WORDS, BREAKER_END_NS)
breaker_bucket = reader("breakers", BREAKER_WORDS, BREAKER_BUCKET)
set_breaker_bucket = writer("breakers", BREAKER_WORDS, BREAKER_BUCKET)
breaker_quiet_low = reader("breakers", BREAKER_WORDS, BREAKER_QUIET_LOW)
set_breaker_quiet_low = writer("breakers", BREAKER_WORDS, BREAKER_QUIET_LOW)
breaker_quiet_high = reader("breakers", BREAKER_WORDS, BREAKER_QUIET_HIGH)
set_breaker_quiet_high = writer("breakers", BREAKER_WORDS, BREAKER_QUIET_HIGH)

# books: by number
book_best = reader("books", BOOK_WORDS, BOOK_BEST)
set_book_best = writer("books", BOOK_WORDS, BOOK_BEST)
book_level = reader("books", BOOK_WORDS, BOOK_LEVEL)
set_book_level = writer("books", BOOK_WORDS, BOOK_LEVEL)
book_root = reader("books", BOOK_WORDS, BOOK_ROOT)
set_book_root = writer("books", BOOK_WORDS, BOOK_ROOT)

# levels: by number
level_quantity = reader("levels", LEVEL_WORDS, LEVEL_QUANTITY)
add_to_level_quantity = adder("levels", LEVEL_WORDS, LEVEL_QUANTITY)
level_head = reader("levels", LEVEL_WORDS, LEVEL_HEAD)
set_level_head = writer("levels", LEVEL_WORDS, LEVEL_HEAD)
level_tail = reader("levels", LEVEL_WORDS, LEVEL_TAIL)
set_level_tail = writer("levels", LEVEL_WORDS, LEVEL_TAIL)
level_orders = reader("levels", LEVEL_WORDS, LEVEL_ORDERS)
add_to_level_orders = adder("levels", LEVEL_WORDS, LEVEL_ORDERS)
level_hidden = reader("levels", LEVEL_WORDS, LEVEL_HIDDEN)
add_to_level_hidden = adder("levels", LEVEL_WORDS, LEVEL_HIDDEN)

# leaves: by number
leaf_bitmap = reader("leaves", LEAF_WORDS, LEAF_BITMAP)
set_leaf_bitmap = writer("leaves", LEAF_WORDS, LEAF_BITMAP)
leaf_name_of = reader("leaves", LEAF_WORDS, LEAF_NAME)
set_leaf_name = writer("leaves", LEAF_WORDS, LEAF_NAME)
leaf_next_free = reader("leaves", LEAF_WORDS, LEAF_NEXT_FREE)
set_leaf_next_free = writer("leaves", LEAF_WORDS, LEAF_NEXT_FREE)

# nodes: by number
node_bitmap = reader("nodes", NODE_WORDS, NODE_BITMAP)
set_node_bitmap = writer("nodes", NODE_WORDS, NODE_BITMAP)
node_next_free = reader("nodes", NODE_WORDS, NODE_NEXT_FREE)
set_node_next_free = writer("nodes", NODE_WORDS, NODE_NEXT_FREE)

# sessions: by number
session_flags = reader("sessions", SESSION_WORDS, SESSION_FLAGS)
set_session_flags = writer("sessions", SESSION_WORDS, SESSION_FLAGS)
set_session_username = writer("sessions", SESSION_WORDS, SESSION_USERNAME)
session_account = reader("sessions", SESSION_WORDS, SESSION_ACCOUNT)
set_session_account = writer("sessions", SESSION_WORDS, SESSION_ACCOUNT)
session_messages = reader("sessions", SESSION_WORDS, SESSION_MESSAGES)
set_session_messages = writer("sessions", SESSION_WORDS, SESSION_MESSAGES)
set_session_rate_time = writer("sessions", SESSION_WORDS, SESSION_RATE_TIME)
session_rate_interval = reader("sessions", SESSION_WORDS, SESSION_RATE_INTERVAL)
set_session_rate_interval = writer("sessions", SESSION_WORDS, SESSION_RATE_INTERVAL)
session_rate_tolerance = reader("sessions", SESSION_WORDS, SESSION_RATE_TOLERANCE)
set_session_rate_tolerance = writer("sessions", SESSION_WORDS, SESSION_RATE_TOLERANCE)
session_cancel_after = reader("sessions", SESSION_WORDS, SESSION_CANCEL_AFTER)
set_session_cancel_after = writer("sessions", SESSION_WORDS, SESSION_CANCEL_AFTER)
session_tokens = reader("sessions", SESSION_WORDS, SESSION_TOKENS)
set_session_tokens = writer("sessions", SESSION_WORDS, SESSION_TOKENS)
add_to_session_tokens = adder("sessions", SESSION_WORDS, SESSION_TOKENS)

# accounts: by first word
account_positions = reader("accounts", 1, ACCOUNT_POSITIONS)
set_account_positions = writer("accounts", 1, ACCOUNT_POSITIONS)
add_to_account_positions = adder("accounts", 1, ACCOUNT_POSITIONS)
account_flags = reader("accounts", 1, ACCOUNT_FLAGS)
set_account_flags = writer("accounts", 1, ACCOUNT_FLAGS)
account_prevention_mode = reader("accounts", 1, ACCOUNT_PREVENTION_MODE)
set_account_prevention_mode = writer("accounts", 1, ACCOUNT_PREVENTION_MODE)
account_prevention_group = reader("accounts", 1, ACCOUNT_PREVENTION_GROUP)
set_account_prevention_group = writer("accounts", 1, ACCOUNT_PREVENTION_GROUP)
account_live_orders = reader("accounts", 1, ACCOUNT_LIVE_ORDERS)
add_to_account_live_orders = adder("accounts", 1, ACCOUNT_LIVE_ORDERS)
account_live_limit = reader("accounts", 1, ACCOUNT_LIVE_LIMIT)
set_account_live_limit = writer("accounts", 1, ACCOUNT_LIVE_LIMIT)
account_today_orders = reader("accounts", 1, ACCOUNT_TODAY_ORDERS)
set_account_today_orders = writer("accounts", 1, ACCOUNT_TODAY_ORDERS)
add_to_account_today_orders = adder("accounts", 1, ACCOUNT_TODAY_ORDERS)
account_today_limit = reader("accounts", 1, ACCOUNT_TODAY_LIMIT)
set_account_today_limit = writer("accounts", 1, ACCOUNT_TODAY_LIMIT)
set_account_rate_time = writer("accounts", 1, ACCOUNT_RATE_TIME)
set_account_rate_interval = writer("accounts", 1, ACCOUNT_RATE_INTERVAL)
set_account_rate_tolerance = writer("accounts", 1, ACCOUNT_RATE_TOLERANCE)
account_position_limit = reader("accounts", 1, ACCOUNT_POSITION_LIMIT)
set_account_position_limit = writer("accounts", 1, ACCOUNT_POSITION_LIMIT)
account_window_ns = reader("accounts", 1, ACCOUNT_WINDOW_NS)
set_account_window_ns = writer("accounts", 1, ACCOUNT_WINDOW_NS)
account_window_orders = reader("accounts", 1, ACCOUNT_WINDOW_ORDERS)
set_account_window_orders = writer("accounts", 1, ACCOUNT_WINDOW_ORDERS)
add_to_account_window_orders = adder("accounts", 1, ACCOUNT_WINDOW_ORDERS)
account_window_cancels = reader("accounts", 1, ACCOUNT_WINDOW_CANCELS)
set_account_window_cancels = writer("accounts", 1, ACCOUNT_WINDOW_CANCELS)
account_ratio_ppm = reader("accounts", 1, ACCOUNT_RATIO_PPM)
set_account_ratio_ppm = writer("accounts", 1, ACCOUNT_RATIO_PPM)
account_ratio_window_s = reader("accounts", 1, ACCOUNT_RATIO_WINDOW_S)
set_account_ratio_window_s = writer("accounts", 1, ACCOUNT_RATIO_WINDOW_S)
account_ratio_minimum = reader("accounts", 1, ACCOUNT_RATIO_MINIMUM)
set_account_ratio_minimum = writer("accounts", 1, ACCOUNT_RATIO_MINIMUM)

# balances: by first word of the currency's two in the account's row
balance_amount = reader("accounts", 1, BALANCE_AMOUNT)
add_to_balance_amount = adder("accounts", 1, BALANCE_AMOUNT)
balance_frozen = reader("accounts", 1, BALANCE_FROZEN)
add_to_balance_frozen = adder("accounts", 1, BALANCE_FROZEN)

# positions: by first word
position_name_of = reader("positions", 1, POSITION_NAME)
set_position_name = writer("positions", 1, POSITION_NAME)
position_quantity = reader("positions", 1, POSITION_QUANTITY)
set_position_quantity = writer("positions", 1, POSITION_QUANTITY)
position_frozen = reader("positions", 1, POSITION_FROZEN)
add_to_position_frozen = adder("positions", 1, POSITION_FROZEN)
position_cost = reader("positions", 1, POSITION_COST)
set_position_cost = writer("positions", 1, POSITION_COST)
position_open_buys = reader("positions", 1, POSITION_OPEN_BUYS)
add_to_position_open_buys = adder("positions", 1, POSITION_OPEN_BUYS)
position_next_empty = reader("positions", 1, POSITION_NEXT_EMPTY)
set_position_next_empty = writer("positions", 1, POSITION_NEXT_EMPTY)
position_open_shorts = reader("positions", 1, POSITION_OPEN_SHORTS)
add_to_position_open_shorts = adder("positions", 1, POSITION_OPEN_SHORTS)

# currencies: by number
currency_set = reader("currencies", CURRENCY_WORDS, CURRENCY_DEFINED)
set_currency_set = writer("currencies", CURRENCY_WORDS, CURRENCY_DEFINED)
set_currency_code = writer("currencies", CURRENCY_WORDS, CURRENCY_CODE)
currency_decimals = reader("currencies", CURRENCY_WORDS, CURRENCY_DECIMALS)
set_currency_decimals = writer("currencies", CURRENCY_WORDS, CURRENCY_DECIMALS)
currency_fee_account = reader("currencies", CURRENCY_WORDS, CURRENCY_FEE_ACCOUNT)
set_currency_fee_account = writer("currencies", CURRENCY_WORDS, CURRENCY_FEE_ACCOUNT)
currency_net_money = reader("currencies", CURRENCY_WORDS, CURRENCY_NET_MONEY)
add_to_currency_net_money = adder("currencies", CURRENCY_WORDS, CURRENCY_NET_MONEY)

# token_log: by entry
token_key_0 = reader("token_log", TOKEN_WORDS, TOKEN_KEY_0)
set_token_key_0 = writer("token_log", TOKEN_WORDS, TOKEN_KEY_0)
token_key_1 = reader("token_log", TOKEN_WORDS, TOKEN_KEY_1)
set_token_key_1 = writer("token_log", TOKEN_WORDS, TOKEN_KEY_1)
token_slot = reader("token_log", TOKEN_WORDS, TOKEN_SLOT)
set_token_slot = writer("token_log", TOKEN_WORDS, TOKEN_SLOT)
token_order_id = reader("token_log", TOKEN_WORDS, TOKEN_ORDER_ID)
set_token_order_id = writer("token_log", TOKEN_WORDS, TOKEN_ORDER_ID)

# order_ids: by place
order_ids_slot = reader("order_ids", 1, ORDER_IDS_SLOT)

# expiry_wheel: by bucket
wheel_head = reader("expiry_wheel", 1, WHEEL_HEAD)
set_wheel_head = writer("expiry_wheel", 1, WHEEL_HEAD)
wheel_tail = reader("expiry_wheel", 1, WHEEL_TAIL)
set_wheel_tail = writer("expiry_wheel", 1, WHEEL_TAIL)

# scratch: by first word
scratch_sequence = reader("scratch", 1, SCRATCH_SEQUENCE)
set_scratch_sequence = writer("scratch", 1, SCRATCH_SEQUENCE)
scratch_hash = reader("scratch", 1, SCRATCH_HASH)
set_scratch_hash = writer("scratch", 1, SCRATCH_HASH)
scratch_found = reader("scratch", 1, SCRATCH_FOUND)
set_scratch_found = writer("scratch", 1, SCRATCH_FOUND)
scratch_kind = reader("scratch", 1, SCRATCH_KIND)
set_scratch_kind = writer("scratch", 1, SCRATCH_KIND)
