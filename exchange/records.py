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

``timestamp_ns``: in an ingress ring CLOCK_MONOTONIC when the bytes were received (for the histogram
MATCHING_NS), in the command ring and the journal the matcher's stamp (UTC of the exchange's clock,
never goes backwards). ``price``: minor units of the instrument (0 for a market order; the order id
for CANCEL_BY_ORDER_ID). ``reject``: order entry's verdict about a field that cannot be expressed
here (for example a price between two ticks of the wire format); the matcher turns it into the
reject event. ``token`` bytes are as on the wire.

Event, 128 bytes, two cache lines::

     0 sequence i8 | 8 command_sequence i8 | 16 timestamp_ns i8 | 24 order_id i8 |
    32 price i8 | 40 quantity i8 | 48 level_quantity i8 | 56 level_orders u4 |
    60 session_sequence u4 |
    64 token 14 bytes | 78 instrument u2 | 80 session u2 |
    82 kind | 83 side | 84 reason | 85 flags | 86 display | 87 order_type       (u1 each)
    88 .. 127 depends on the kind: see EVENT_FIELDS below

Decisions ARC-5 and ARC-8.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from journal.layout import layout_hash
from ringbuffer.jit import JIT_DISABLED

WORD_BYTES = 8
COMMAND_SIZE_BYTES = 64
EVENT_SIZE_BYTES = 128
COMMAND_WORDS = COMMAND_SIZE_BYTES // WORD_BYTES
EVENT_WORDS = EVENT_SIZE_BYTES // WORD_BYTES
TOKEN_BYTES = 14


class Field(NamedTuple):
    """Where a field lies in a record, or in a row of a table, that is read as 64-bit words.

    Its value is ``(words[word] >> shift) & mask``; the mask of a whole word is -1. ``offset`` is
    in bytes. All four are compile-time constants in jitted code.
    """

    word: int
    shift: int
    mask: int
    offset: int

    def of(self, row: Any) -> int:
        """The field of one row or record, given as a sequence of its words."""
        return (int(row[self.word]) >> self.shift) & self.mask

    def column(self, rows: np.ndarray) -> np.ndarray:
        """The field of every row of ``rows``, int64[n, words of a row]; int64[n]."""
        values: np.ndarray = (rows[:, self.word] >> self.shift) & self.mask
        return values


def part(word: int, shift: int, bits: int) -> Field:
    """The field of ``bits`` bits, from bit ``shift`` of ``word`` on."""
    assert shift % 8 == 0 and shift + bits <= 64, "a field lies within one word"
    mask = -1 if bits == 64 else (1 << bits) - 1
    return Field(word, shift, mask, word * WORD_BYTES + shift // 8)


def whole(word: int) -> Field:
    """The field that fills ``word``, or all the fields that share it."""
    return part(word, 0, 64)


def field(record: np.dtype, name: str) -> Field:
    """Where field ``name`` of ``record`` lies."""
    fields = record.fields
    assert fields is not None
    kind, offset = fields[name][:2]
    return part(offset // WORD_BYTES, offset % WORD_BYTES * 8, kind.itemsize * 8)


def record_struct(record: np.dtype, *names: str) -> struct.Struct:
    """Packs and unpacks the fields ``names``, in ascending order of offset; the rest is padding.

    A name without its number stands for the bytes of all its parts: ``token`` for ``token_0`` to
    ``token_2``.
    """
    fields: Any = record.fields
    text, at = "<", 0
    for name in names:
        parts = [name] if name in fields else [each for each in fields if each[:-2] == name]
        offset = int(fields[parts[0]][1])
        sizes = [fields[each][0].itemsize for each in parts]
        assert offset >= at and parts, name
        code = fields[name][0].char if name in fields else f"{sum(sizes)}s"
        text += f"{offset - at}x" * (offset > at) + {"l": "q", "L": "Q"}.get(code, code)
        at = offset + sum(sizes)
    text += f"{record.itemsize - at}x" * (record.itemsize > at)
    packer = struct.Struct(text)
    assert packer.size == record.itemsize
    return packer


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
# NOTE: token = the idempotency key of the command that follows (none: it has no key), order_type =
# its kind; operator_0, operator_1, operator_uid = who asked; scope = number of the part, from 0;
# value_0 .. value_2, then price, quantity of the first slot = 40 characters of text, zero-padded.
# SESSION fits one slot: session id, token_0 = username (6 bytes, space-padded to 8),
# quantity = account id. START_OF_DAY: price = day number, quantity = midnight (UTC ns). END_OF_DAY:
# quantity = 1: auctions that are on find their prices first; 0 (older builds): they do not.

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
# NOTED: the NOTE's fields: token, order_type, scope; price, quantity, level_quantity,
#   contra_order_id, remaining = 40 characters of text; prevented, order_id = operator_0 and _1;
#   account = operator_uid
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

# --- texts in records -----------------------------------------------------------------------------

_WORD_MASK = (1 << 64) - 1
_TOKEN_SIZES = (8, 4, 2)  # bytes of token_0, token_1 and token_2


def text_word(text: str) -> int:
    """Up to 8 ASCII characters, padded with spaces, as a little-endian u64 (``token_0``)."""
    assert len(text) <= 8, text
    return int.from_bytes(text.encode("ascii").ljust(8), "little")


def word_text(*words: int, sizes: Sequence[int] = (8,)) -> str:
    """The ASCII text in the first ``sizes`` bytes of little-endian ``words``, without its padding.

    Padding is spaces or zeros. Signed words are fine; bytes that are not ASCII come out as escapes.
    """
    octets = b"".join(
        (int(word) & _WORD_MASK).to_bytes(8, "little")[:size]
        for word, size in zip(words, sizes, strict=True)
    )
    return octets.rstrip(b"\0 ").decode("ascii", "backslashreplace")


def token_text(record: Any, prefix: str = "token") -> str:
    """The 14 bytes of a scalar record's token, or idempotency key, without their padding."""
    words = (record[f"{prefix}_{part}"] for part in range(3))
    return word_text(*words, sizes=_TOKEN_SIZES)


_NOTE_FIELDS = ("price", "quantity", "level_quantity", "contra_order_id", "remaining")


def noted_operator(event: Any) -> str:
    """Who asked, in a NOTED (a scalar event)."""
    return word_text(event["prevented"], event["order_id"], sizes=(8, 8))


def note_text(words: Sequence[int]) -> str:
    """The part of a text in ``words`` of a NOTE; what is not printable comes out as escapes.

    Its padding is zeros: a part may end with a space.
    """
    octets = b"".join((int(word) & _WORD_MASK).to_bytes(8, "little") for word in words)
    text = octets.rstrip(b"\0").decode("ascii", "backslashreplace")
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def noted_text(event: Any) -> str:
    """The part of the text that a NOTED has."""
    return note_text([event[name] for name in _NOTE_FIELDS])


# what journal and archive segments carry in their headers
COMMAND_LAYOUT = layout_hash(COMMAND)
EVENT_LAYOUT = layout_hash(EVENT)

# --- where each field is, as words, shifts, masks and byte offsets --------------------------------

COMMAND_TIMESTAMP_NS = field(COMMAND, "timestamp_ns")
COMMAND_PRICE = field(COMMAND, "price")
COMMAND_QUANTITY = field(COMMAND, "quantity")
COMMAND_TOKEN_0 = field(COMMAND, "token_0")
COMMAND_TOKEN_1 = field(COMMAND, "token_1")
COMMAND_TOKEN_2 = field(COMMAND, "token_2")
COMMAND_INSTRUMENT = field(COMMAND, "instrument")
COMMAND_SESSION = field(COMMAND, "session")
COMMAND_KIND = field(COMMAND, "kind")
COMMAND_SIDE = field(COMMAND, "side")
COMMAND_TIME_IN_FORCE = field(COMMAND, "time_in_force")
COMMAND_MINIMUM_QUANTITY = field(COMMAND, "minimum_quantity")
COMMAND_FIRM = field(COMMAND, "firm")
COMMAND_DISPLAY = field(COMMAND, "display")
COMMAND_CAPACITY = field(COMMAND, "capacity")
COMMAND_INTERMARKET_SWEEP = field(COMMAND, "intermarket_sweep")
COMMAND_CROSS_TYPE = field(COMMAND, "cross_type")
COMMAND_CUSTOMER_TYPE = field(COMMAND, "customer_type")
COMMAND_FLAGS = field(COMMAND, "flags")
COMMAND_REJECT = field(COMMAND, "reject")
COMMAND_ORDER_TYPE = field(COMMAND, "order_type")
# The word of token bytes 8 to 13 and the instrument; the token's part of it.
COMMAND_TOKEN_WORD = whole(COMMAND_TOKEN_1.word)
COMMAND_TOKEN_TAIL = part(COMMAND_TOKEN_1.word, 0, 48)

CONTINUATION_STOP_PRICE = field(ORDER_CONTINUATION, "stop_price")
CONTINUATION_DISPLAY_QUANTITY = field(ORDER_CONTINUATION, "display_quantity")
CONTINUATION_OPTIONS = field(ORDER_CONTINUATION, "options")
CONTINUATION_TOKEN_0 = field(ORDER_CONTINUATION, "token_0")
CONTINUATION_ORDER_ID = field(ORDER_CONTINUATION, "order_id")
CONTINUATION_TOKEN_TAIL = part(field(ORDER_CONTINUATION, "token_1").word, 0, 48)

ADMIN_VALUE_0 = field(ADMIN_CONTINUATION, "value_0")
ADMIN_VALUE_1 = field(ADMIN_CONTINUATION, "value_1")
ADMIN_VALUE_2 = field(ADMIN_CONTINUATION, "value_2")
ADMIN_OPERATOR_0 = field(ADMIN_CONTINUATION, "operator_0")
ADMIN_OPERATOR_1 = field(ADMIN_CONTINUATION, "operator_1")
ADMIN_OPERATOR_UID = field(ADMIN_CONTINUATION, "operator_uid")
ADMIN_ACCOUNT = field(ADMIN_CONTINUATION, "account")
ADMIN_CURRENCY = field(ADMIN_CONTINUATION, "currency")
ADMIN_PARAMETER = field(ADMIN_CONTINUATION, "parameter")
ADMIN_SCOPE = field(ADMIN_CONTINUATION, "scope")
ADMIN_GROUP = field(ADMIN_CONTINUATION, "group")

SPECIFICATION_MINIMUM_PRICE = field(INSTRUMENT_CONTINUATION, "minimum_price")
SPECIFICATION_MAXIMUM_PRICE = field(INSTRUMENT_CONTINUATION, "maximum_price")
SPECIFICATION_MAXIMUM_QUANTITY = field(INSTRUMENT_CONTINUATION, "maximum_quantity")
SPECIFICATION_CURRENCY = field(INSTRUMENT_CONTINUATION, "currency")
SPECIFICATION_GROUP = field(INSTRUMENT_CONTINUATION, "group")

EVENT_SEQUENCE = field(EVENT, "sequence")
EVENT_COMMAND_SEQUENCE = field(EVENT, "command_sequence")
EVENT_TIMESTAMP_NS = field(EVENT, "timestamp_ns")
EVENT_ORDER_ID = field(EVENT, "order_id")
EVENT_PRICE = field(EVENT, "price")
EVENT_QUANTITY = field(EVENT, "quantity")
EVENT_LEVEL_QUANTITY = field(EVENT, "level_quantity")
EVENT_LEVEL_ORDERS = field(EVENT, "level_orders")
EVENT_SESSION_SEQUENCE = field(EVENT, "session_sequence")
EVENT_TOKEN_0 = field(EVENT, "token_0")
EVENT_TOKEN_1 = field(EVENT, "token_1")
EVENT_TOKEN_2 = field(EVENT, "token_2")
EVENT_INSTRUMENT = field(EVENT, "instrument")
EVENT_SESSION = field(EVENT, "session")
EVENT_KIND = field(EVENT, "kind")
EVENT_SIDE = field(EVENT, "side")
EVENT_REASON = field(EVENT, "reason")
EVENT_FLAGS = field(EVENT, "flags")
EVENT_DISPLAY = field(EVENT, "display")
EVENT_ORDER_TYPE = field(EVENT, "order_type")
EVENT_CONTRA_ORDER_ID = field(EVENT, "contra_order_id")
EVENT_REMAINING = field(EVENT, "remaining")
EVENT_CONTRA_TOKEN_0 = field(EVENT, "contra_token_0")
EVENT_CONTRA_TOKEN_1 = field(EVENT, "contra_token_1")
EVENT_CONTRA_TOKEN_2 = field(EVENT, "contra_token_2")
EVENT_CONTRA_SESSION = field(EVENT, "contra_session")
EVENT_CONTRA_SESSION_SEQUENCE = field(EVENT, "contra_session_sequence")
EVENT_CONTRA_SIDE = field(EVENT, "contra_side")
EVENT_TIME_IN_FORCE = field(EVENT, "time_in_force")
EVENT_MINIMUM_QUANTITY = field(EVENT, "minimum_quantity")
EVENT_FIRM = field(EVENT, "firm")
EVENT_CAPACITY = field(EVENT, "capacity")
EVENT_INTERMARKET_SWEEP = field(EVENT, "intermarket_sweep")
EVENT_CROSS_TYPE = field(EVENT, "cross_type")
EVENT_PREVENTED = field(EVENT, "prevented")
EVENT_LIQUIDITY = field(EVENT, "liquidity")
EVENT_CURRENCY = field(EVENT, "currency")
EVENT_ACCOUNT = field(EVENT, "account")
EVENT_GROUP = field(EVENT, "group")
EVENT_PARAMETER = field(EVENT, "parameter")
EVENT_SCOPE = field(EVENT, "scope")
# The words that hold several fields of every event: token bytes 8 to 13 and instrument; session,
# kind, side, reason, flags, display, order_type (an order's identity, and what happened to it).
EVENT_TOKEN_WORD = whole(EVENT_TOKEN_1.word)
EVENT_TOKEN_TAIL = part(EVENT_TOKEN_1.word, 0, 48)
EVENT_IDENTITY = whole(EVENT_SESSION.word)
# The last two words, whose fields depend on the kind.
EVENT_CONTRA_WORD = whole(EVENT_CONTRA_TOKEN_1.word)
EVENT_LAST_WORD = whole(EVENT_CONTRA_SESSION_SEQUENCE.word)

# the three byte offsets that the journal's callers pass on
FLAGS_OFFSET = COMMAND_FLAGS.offset
KIND_OFFSET = EVENT_KIND.offset
COMMAND_SEQUENCE_OFFSET = EVENT_COMMAND_SEQUENCE.offset

# A record is a whole number of words, and the matcher writes an event's words one by one.
assert (EVENT_TOKEN_WORD.word, EVENT_IDENTITY.word) == (9, 10)
assert (EVENT_CONTRA_WORD.word, EVENT_LAST_WORD.word) == (EVENT_WORDS - 2, EVENT_WORDS - 1)
# A replacement's token is where the first slot has its own.
assert CONTINUATION_TOKEN_0 == COMMAND_TOKEN_0 and CONTINUATION_TOKEN_TAIL == COMMAND_TOKEN_TAIL
