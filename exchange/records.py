"""Layouts of the two records that flow through the exchange: command and event.

Who writes: order entry and the other producers write commands; only the matcher writes events.
Who reads: everything behind the rings, the journal and the archive. Little-endian, fixed width,
never renumbered, never reordered: the journal's segment header carries a hash of these layouts.

Sequences start at 0. A command's sequence is its position in the journal's stream of 64-byte slots;
a *long* command (FLAG_LONG) fills two slots and has the first one's sequence, so the next command's
sequence is 2 higher. ``order_id`` is the sequence of the ENTER or REPLACE that made the order.
An event's sequence is its position in the archive.

Command, 64 bytes, one cache line::

     0 timestamp_ns i8 | 8 price i8 | 16 quantity i8 |
    24 token 14 bytes (token_0 u8, token_1 u4, token_2 u2) | 38 instrument u2 |
    40 session u2 | 42 kind u1 | 43 side u1 | 44 time_in_force u4 |
    48 minimum_quantity u4 | 52 firm u4 |
    56 display | 57 capacity | 58 intermarket_sweep | 59 cross_type |
    60 customer_type | 61 flags | 62 reject | 63 order_type            (u1 each)

``timestamp_ns``: in an ingress ring the time the bytes were received, in the command ring and the
journal the matcher's stamp (UTC, never goes backwards). ``price``: minor units of the instrument
(0 for a market order; the order id for CANCEL_BY_ORDER_ID). ``reject``: order entry's verdict about
a field that cannot be expressed here (for example a price between two ticks of the wire format);
the matcher turns it into the reject event. ``token`` bytes are as on the wire.

Event, 128 bytes, two cache lines::

     0 sequence i8 | 8 command_sequence i8 | 16 timestamp_ns i8 | 24 order_id i8 |
    32 price i8 | 40 quantity i8 | 48 level_quantity i8 | 56 level_orders u4 |
    60 session_sequence u4 |
    64 token 14 bytes | 78 instrument u2 | 80 session u2 |
    82 kind | 83 side | 84 reason | 85 flags | 86 display | 87 order_type       (u1 each)
    88 .. 127 depends on the kind: see EVENT_FIELDS below
"""

from __future__ import annotations

import numpy as np

from ringbuffer.jit import JIT_DISABLED

COMMAND_SIZE_BYTES = 64
EVENT_SIZE_BYTES = 128


def _layout(size_bytes: int, fields: list[tuple[str, str, int]]) -> np.dtype:
    layout = np.dtype(
        {
            "names": [name for name, _, _ in fields],
            "formats": [code for _, code, _ in fields],
            "offsets": [offset for _, _, offset in fields],
            "itemsize": size_bytes,
        }
    )
    # compiled code reads a record's fields as attributes; plain Python needs np.record for that
    return np.dtype((np.record, layout)) if JIT_DISABLED else layout


COMMAND_FIELDS: list[tuple[str, str, int]] = [
    ("timestamp_ns", "<i8", 0),
    ("price", "<i8", 8),
    ("quantity", "<i8", 16),
    ("token_0", "<u8", 24),
    ("token_1", "<u4", 32),
    ("token_2", "<u2", 36),
    ("instrument", "<u2", 38),
    ("session", "<u2", 40),
    ("kind", "u1", 42),
    ("side", "u1", 43),
    ("time_in_force", "<u4", 44),
    ("minimum_quantity", "<u4", 48),
    ("firm", "<u4", 52),
    ("display", "u1", 56),
    ("capacity", "u1", 57),
    ("intermarket_sweep", "u1", 58),
    ("cross_type", "u1", 59),
    ("customer_type", "u1", 60),
    ("flags", "u1", 61),
    ("reject", "u1", 62),
    ("order_type", "u1", 63),
]
COMMAND = _layout(COMMAND_SIZE_BYTES, COMMAND_FIELDS)

# Second slot of a REPLACE: the replacement token, at the same offset as `token` in the first, and
# the terms of ORDER_CONTINUATION.
# Second slot of an INSTRUMENT. The first slot holds: instrument id, token_0 = symbol (8 bytes),
# price = tick size, quantity = lot size, display = price_decimals.
INSTRUMENT_CONTINUATION = _layout(
    COMMAND_SIZE_BYTES,
    [
        ("minimum_price", "<i8", 0),
        ("maximum_price", "<i8", 8),
        ("maximum_quantity", "<i8", 16),
        ("operator_0", "<u8", 24),
        ("operator_1", "<u8", 32),
        ("operator_uid", "<u4", 40),
        ("currency", "<u2", 48),
        ("group", "u1", 52),
    ],
)
# Second slot of a long ENTER, REPLACE or REPLACE_BY_ORDER_ID: terms that few orders have.
ORDER_CONTINUATION = _layout(
    COMMAND_SIZE_BYTES,
    [
        ("stop_price", "<i8", 0),  # STOP and STOP_LIMIT
        ("display_quantity", "<i8", 8),  # iceberg: what is shown at a time; 0 = all
        ("options", "<u4", 16),  # OPTION_... bits
        ("token_0", "<u8", 24),  # the replacement token
        ("token_1", "<u4", 32),
        ("token_2", "<u2", 36),
        ("order_id", "<i8", 40),  # REPLACE_BY_ORDER_ID: the existing order
    ],
)
# Second slot of the operators' commands (kinds from 11 on marked (2), and optionally of
# CANCEL_BY_ORDER_ID and MASS_CANCEL). The first slot's token is the idempotency key (14 zero bytes:
# none). `operator` is who asked, up to 16 bytes of ASCII padded with zeros, and its Unix user id.
ADMIN_CONTINUATION = _layout(
    COMMAND_SIZE_BYTES,
    [
        ("value_0", "<i8", 0),
        ("value_1", "<i8", 8),
        ("value_2", "<i8", 16),
        ("operator_0", "<u8", 24),
        ("operator_1", "<u8", 32),
        ("operator_uid", "<u4", 40),
        ("account", "<u4", 44),
        ("currency", "<u2", 48),
        ("parameter", "u1", 50),  # PARAMETER; INSTRUMENT_STATE: the new state
        ("scope", "u1", 51),  # KILL
        ("group", "u1", 52),  # INSTRUMENT_STATE: instrument group, 0 = none
    ],
)
# SESSION fits one slot: session id, token_0 = username (6 bytes, space-padded to 8),
# quantity = account id.

_EVENT_COMMON: list[tuple[str, str, int]] = [
    ("sequence", "<i8", 0),
    ("command_sequence", "<i8", 8),
    ("timestamp_ns", "<i8", 16),
    ("order_id", "<i8", 24),
    ("price", "<i8", 32),
    ("quantity", "<i8", 40),
    ("level_quantity", "<i8", 48),
    ("level_orders", "<u4", 56),
    ("session_sequence", "<u4", 60),
    ("token_0", "<u8", 64),
    ("token_1", "<u4", 72),
    ("token_2", "<u2", 76),
    ("instrument", "<u2", 78),
    ("session", "<u2", 80),
    ("kind", "u1", 82),
    ("side", "u1", 83),
    ("reason", "u1", 84),
    ("flags", "u1", 85),
    ("display", "u1", 86),
    ("order_type", "u1", 87),
]
# ACCEPTED, REPLACED, RESTED, REMOVED, CANCELED, MODIFIED, REJECTED
#   contra_order_id: REPLACED: the order that was replaced
#   remaining: open quantity of the order after this event (not ACCEPTED, REPLACED: see below)
#   contra_token: REPLACED: the token that was replaced
#   quantity: ACCEPTED, REPLACED: the order's open quantity on entry (OUCH "shares");
#             CANCELED: the decrement; MODIFIED: open quantity; RESTED, REMOVED: open quantity
# TRADE (maker's view; one event for both sides, also the public trade print)
#   side, order_id, token, session, session_sequence: the maker's; remaining: the maker's
#   contra_*: the aggressor's; match number = sequence + 1 (never 0)
# CHECKPOINT: price = chain hash (XXH64 of every event byte before this event), quantity = number
#   of events hashed
#   reason: TradeReason. In an auction TRADE has no level fields; LEVEL events follow.
# TERMS: contra_order_id = stop price, remaining = display quantity, price = limit or protection
#   price, quantity = open quantity
# SELF_TRADE_PREVENTED: quantity = decrement, remaining, prevented = what would have traded,
#   price = at which price, contra_order_id = the other order, liquidity = `A` resting, `R` incoming
# CANCEL_REJECTED: token = the order's as the command names it
# AUCTION: price, quantity = volume, remaining = imbalance (bids - asks at that price)
# INSTRUMENT_DEFINED: token_0 = symbol, price = tick, quantity = lot, display = price_decimals,
#   level_quantity = minimum price, contra_order_id = maximum price, remaining = maximum quantity,
#   currency, group
# CURRENCY_DEFINED: currency, token_0 = code, display = decimals, account = the fee account
# ACCOUNT_DEFINED: account
# BALANCE_CHANGED: account, currency or instrument, quantity = change (negative: out),
#   remaining = balance or position after it, price = cost per unit (stock)
# PARAMETER_SET: parameter, instrument, session, account; price, quantity, level_quantity = values
# STATE_CHANGED: instrument, display = InstrumentState, quantity = until (UTC ns, 0 = until told)
# KILL_SWITCHED: scope, account, session, quantity = 1 on, 0 off
# WARNING: account, quantity = cancels, price = orders, level_quantity = window in seconds
# CONTROL_DONE: token = idempotency key, order_type = the command's kind, quantity = how many orders
#   it cancelled
# CONTROL_REJECTED of kinds from 11 on: also token, order_type = the kind, account, currency
# SESSION_DEFINED: token_0 = username, quantity = account
# DAY_STARTED, DAY_ENDED, SYSTEM: quantity = midnight (UTC ns), price = day number (YYYYMMDD)
_EVENT_BY_KIND: list[tuple[str, str, int]] = [
    ("contra_order_id", "<i8", 88),
    ("remaining", "<i8", 96),
    ("contra_token_0", "<u8", 104),
    ("contra_token_1", "<u4", 112),
    ("contra_token_2", "<u2", 116),
    ("contra_session", "<u2", 118),
    ("contra_session_sequence", "<u4", 120),
    ("contra_side", "u1", 124),
    # ACCEPTED and REPLACED: the fields that order entry echoes. They overlap what only other
    # kinds use: remaining (which would equal quantity) and contra_session_sequence.
    ("time_in_force", "<u4", 96),
    ("minimum_quantity", "<u4", 100),
    ("firm", "<u4", 120),
    ("capacity", "u1", 125),
    ("intermarket_sweep", "u1", 126),
    ("cross_type", "u1", 127),
    # SELF_TRADE_PREVENTED
    ("prevented", "<i8", 104),
    ("liquidity", "u1", 125),
    # events that are about no order: accounts, parameters, states
    ("currency", "<u2", 118),
    ("account", "<u4", 120),
    ("group", "u1", 125),
    ("parameter", "u1", 126),
    ("scope", "u1", 127),
]
EVENT_FIELDS = _EVENT_COMMON + _EVENT_BY_KIND
EVENT = _layout(EVENT_SIZE_BYTES, EVENT_FIELDS)

assert COMMAND.itemsize == COMMAND_SIZE_BYTES
assert EVENT.itemsize == EVENT_SIZE_BYTES
