"""OUCH 4.2 messages: layouts, letters for our codes, and Python encoding and decoding.

Who uses it: exchange/gateway/decoder.py and exchange/gateway/encoder.py (sizes, offsets, letters);
the order entry client, tools and tests (everything). Big-endian unsigned integers, alphanumeric
fields left-justified and space-padded, prices in 1/10,000 of the currency unit, timestamps in
nanoseconds since midnight.

Inbound (``offset:length``)::

    O Enter    49   type | token 1:14 | side 15 | shares 16:4 | stock 20:8 | price 28:4 |
                    time in force 32:4 | firm 36:4 | display 40 | capacity 41 |
                    intermarket sweep 42 | minimum quantity 43:4 | cross type 47 | customer type 48
                    (48 without the customer type)
    U Replace  47   type | existing token 1:14 | replacement token 15:14 | shares 29:4 |
                    price 33:4 | time in force 37:4 | display 41 | intermarket sweep 42 |
                    minimum quantity 43:4
    X Cancel   19   type | token 1:14 | shares 15:4
    M Modify   20   type | token 1:14 | side 15 | shares 16:4

Outbound that this exchange sends; all have the timestamp at 1:8, all but S the token at 9:14::

    S System Event  10   event 9
    A Accepted      66   side 23 | shares 24:4 | stock 28:8 | price 36:4 | time in force 40:4 |
                         firm 44:4 | display 48 | order reference 49:8 | capacity 57 |
                         intermarket sweep 58 | minimum quantity 59:4 | cross type 63 | state 64 |
                         bbo weight 65
    U Replaced      80   as A up to 64 (token = replacement) | previous token 65:14 | bbo weight 79
    C Canceled      28   decrement 23:4 | reason 27
    D AIQ Canceled  37   decrement 23:4 | reason 27 | prevented 28:4 | price 32:4 | liquidity 36
    E Executed      40   shares 23:4 | price 27:4 | liquidity 31 | match number 32:8
    J Rejected      24   reason 23
    I Cancel Reject 23
    M Modified      28   side 23 | shares 24:4

Decision GTW-4.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import CancelReason, Reject, Side, SystemEvent, TradeReason

PRICE_MARKET = 0x7FFFFFFF  # this price on the wire makes a market order
PRICE_MAXIMUM = PRICE_MARKET - 1
PRICE_DECIMALS = 4

ENTER = ord("O")
REPLACE = ord("U")
CANCEL = ord("X")
MODIFY = ord("M")
ENTER_SIZE_BYTES = 49
ENTER_SHORT_SIZE_BYTES = 48  # without the customer type
REPLACE_SIZE_BYTES = 47
CANCEL_SIZE_BYTES = 19
MODIFY_SIZE_BYTES = 20
INBOUND_SIZES_BYTES = {
    ENTER: (ENTER_SHORT_SIZE_BYTES, ENTER_SIZE_BYTES),
    REPLACE: (REPLACE_SIZE_BYTES,),
    CANCEL: (CANCEL_SIZE_BYTES,),
    MODIFY: (MODIFY_SIZE_BYTES,),
}
MESSAGE_SIZE_MAXIMUM = ENTER_SIZE_BYTES

SYSTEM_EVENT = ord("S")
ACCEPTED = ord("A")
REPLACED = ord("U")
CANCELED = ord("C")
SELF_TRADE_PREVENTED = ord("D")  # "AIQ Canceled": anti-internalisation
EXECUTED = ord("E")
REJECTED = ord("J")
CANCEL_REJECTED = ord("I")
MODIFIED = ord("M")
SYSTEM_EVENT_SIZE_BYTES = 10
ACCEPTED_SIZE_BYTES = 66
REPLACED_SIZE_BYTES = 80
CANCELED_SIZE_BYTES = 28
SELF_TRADE_PREVENTED_SIZE_BYTES = 37
EXECUTED_SIZE_BYTES = 40
REJECTED_SIZE_BYTES = 24
CANCEL_REJECTED_SIZE_BYTES = 23
MODIFIED_SIZE_BYTES = 28
OUTBOUND_SIZE_MAXIMUM = REPLACED_SIZE_BYTES

STATE_LIVE = "L"
BBO_WEIGHT_UNSPECIFIED = " "
LIQUIDITY_ADDED = "A"
LIQUIDITY_REMOVED = "R"
LIQUIDITY_OPENING_CROSS = "O"
LIQUIDITY_CLOSING_CROSS = "C"

SIDE_INVALID = 255  # what the decoder writes for an unknown side letter
SIDE_LETTERS = {
    Side.BUY: "B",
    Side.SELL: "S",
    Side.SELL_SHORT: "T",
    Side.SELL_SHORT_EXEMPT: "E",
}
REJECT_LETTERS = {
    Reject.UNKNOWN_INSTRUMENT: "S",
    Reject.INVALID_PRICE: "X",
    Reject.PRICE_OUT_OF_RANGE: "X",
    Reject.INVALID_QUANTITY: "O",
    Reject.QUANTITY_TOO_LARGE: "Z",
    Reject.INVALID_MINIMUM_QUANTITY: "N",
    Reject.INVALID_DISPLAY: "D",
    Reject.INVALID_SIDE: "O",
    Reject.INVALID_TIME_IN_FORCE: "O",
    Reject.INVALID_TOKEN: "O",
    Reject.CROSS_NOT_SUPPORTED: "R",
    Reject.MARKET_CLOSED: "C",
    Reject.INSTRUMENT_HALTED: "H",
    Reject.POST_ONLY_WOULD_TRADE: "X",
    Reject.ORDER_POOL_FULL: "O",
    Reject.LEVEL_POOL_FULL: "O",
    Reject.TOKEN_TABLE_FULL: "O",
    Reject.INVALID_CAPACITY: "R",
    # OUCH's lower-case letters are reasons of pre-trade risk checks
    Reject.UNKNOWN_ACCOUNT: "L",
    Reject.ACCOUNT_BLOCKED: "a",
    Reject.KILL_SWITCH: "a",
    Reject.RATE_LIMITED: "M",
    Reject.CANCEL_ONLY: "H",
    Reject.INVALID_ORDER_TYPE: "O",
    Reject.INVALID_STOP_PRICE: "X",
    Reject.INVALID_DISPLAY_QUANTITY: "D",
    Reject.SHORT_SALE_NOT_ALLOWED: "i",
    Reject.PRICE_BAND: "X",
    Reject.DAILY_ORDER_LIMIT: "m",
    Reject.OPEN_ORDER_LIMIT: "m",
    Reject.POSITION_LIMIT: "m",
    Reject.INSUFFICIENT_FUNDS: "n",
    Reject.INSUFFICIENT_POSITION: "b",
    Reject.POSITION_TABLE_FULL: "O",
    Reject.NOT_IN_AUCTION: "R",
    Reject.ORDER_WAITING: "O",
}
REJECT_LETTER_OTHER = "O"
CANCEL_REASON_LETTERS = {
    CancelReason.USER: "U",
    CancelReason.IMMEDIATE_OR_CANCEL: "I",
    CancelReason.TIMEOUT: "T",
    CancelReason.SUPERVISORY: "S",
    CancelReason.REGULATORY: "D",
    CancelReason.SELF_MATCH: "Q",
    CancelReason.SYSTEM: "Z",
}
TRADE_LIQUIDITY_LETTERS = {  # (maker's, aggressor's)
    TradeReason.CONTINUOUS: (LIQUIDITY_ADDED, LIQUIDITY_REMOVED),
    TradeReason.OPENING_AUCTION: (LIQUIDITY_OPENING_CROSS, LIQUIDITY_OPENING_CROSS),
    TradeReason.CLOSING_AUCTION: (LIQUIDITY_CLOSING_CROSS, LIQUIDITY_CLOSING_CROSS),
}
SYSTEM_EVENT_LETTERS = {SystemEvent.START_OF_DAY: "S", SystemEvent.END_OF_DAY: "E"}


def _letter_table(letters: dict[Any, str], other: str) -> np.ndarray:
    table = np.full(256, ord(other), np.uint8)
    for number, letter in letters.items():
        table[int(number)] = ord(letter)
    return table


# uint8[256], indexed by our number
SIDE_LETTER = _letter_table(SIDE_LETTERS, "?")
REJECT_LETTER = _letter_table(REJECT_LETTERS, REJECT_LETTER_OTHER)
CANCEL_REASON_LETTER = _letter_table(CANCEL_REASON_LETTERS, "?")
SYSTEM_EVENT_LETTER = _letter_table(SYSTEM_EVENT_LETTERS, "?")
MAKER_LIQUIDITY = _letter_table(
    {reason: letters[0] for reason, letters in TRADE_LIQUIDITY_LETTERS.items()}, LIQUIDITY_ADDED
)
AGGRESSOR_LIQUIDITY = _letter_table(
    {reason: letters[1] for reason, letters in TRADE_LIQUIDITY_LETTERS.items()}, LIQUIDITY_REMOVED
)
# uint8[256], indexed by the letter on the wire
SIDE_OF_LETTER = np.full(256, SIDE_INVALID, np.uint8)
for _side, _letter in SIDE_LETTERS.items():
    SIDE_OF_LETTER[ord(_letter)] = int(_side)

_TIMESTAMP = ("timestamp", ">u8")
_TOKEN = ("token", "S14")
_ORDER_DETAILS = [
    _TIMESTAMP,
    _TOKEN,
    ("side", "S1"),
    ("shares", ">u4"),
    ("stock", "S8"),
    ("price", ">u4"),
    ("time_in_force", ">u4"),
    ("firm", "S4"),
    ("display", "S1"),
    ("order_reference", ">u8"),
    ("capacity", "S1"),
    ("intermarket_sweep", "S1"),
    ("minimum_quantity", ">u4"),
    ("cross_type", "S1"),
    ("state", "S1"),
]
_ENTER_SHORT = [
    _TOKEN,
    ("side", "S1"),
    ("shares", ">u4"),
    ("stock", "S8"),
    ("price", ">u4"),
    ("time_in_force", ">u4"),
    ("firm", "S4"),
    ("display", "S1"),
    ("capacity", "S1"),
    ("intermarket_sweep", "S1"),
    ("minimum_quantity", ">u4"),
    ("cross_type", "S1"),
]


def _message(name: str, fields: list[tuple[str, str]], size_bytes: int) -> np.dtype:
    dtype = np.dtype([("type", "S1"), *fields])
    assert dtype.itemsize == size_bytes, name
    return dtype


# Packed big-endian dtypes of the bare messages, by (letter, size in bytes).
INBOUND: dict[tuple[str, int], np.dtype] = {
    ("O", 49): _message("Enter", [*_ENTER_SHORT, ("customer_type", "S1")], ENTER_SIZE_BYTES),
    ("O", 48): _message("Enter", _ENTER_SHORT, ENTER_SHORT_SIZE_BYTES),
    ("U", 47): _message(
        "Replace",
        [
            ("token", "S14"),
            ("replacement_token", "S14"),
            ("shares", ">u4"),
            ("price", ">u4"),
            ("time_in_force", ">u4"),
            ("display", "S1"),
            ("intermarket_sweep", "S1"),
            ("minimum_quantity", ">u4"),
        ],
        REPLACE_SIZE_BYTES,
    ),
    ("X", 19): _message("Cancel", [_TOKEN, ("shares", ">u4")], CANCEL_SIZE_BYTES),
    ("M", 20): _message("Modify", [_TOKEN, ("side", "S1"), ("shares", ">u4")], MODIFY_SIZE_BYTES),
}
OUTBOUND: dict[tuple[str, int], np.dtype] = {
    ("S", 10): _message("System Event", [_TIMESTAMP, ("event", "S1")], SYSTEM_EVENT_SIZE_BYTES),
    ("A", 66): _message("Accepted", [*_ORDER_DETAILS, ("bbo_weight", "S1")], ACCEPTED_SIZE_BYTES),
    ("U", 80): _message(
        "Replaced",
        [*_ORDER_DETAILS, ("previous_token", "S14"), ("bbo_weight", "S1")],
        REPLACED_SIZE_BYTES,
    ),
    ("C", 28): _message(
        "Canceled",
        [_TIMESTAMP, _TOKEN, ("decrement", ">u4"), ("reason", "S1")],
        CANCELED_SIZE_BYTES,
    ),
    ("D", 37): _message(
        "AIQ Canceled",
        [
            _TIMESTAMP,
            _TOKEN,
            ("decrement", ">u4"),
            ("reason", "S1"),
            ("prevented", ">u4"),
            ("price", ">u4"),
            ("liquidity", "S1"),
        ],
        SELF_TRADE_PREVENTED_SIZE_BYTES,
    ),
    ("E", 40): _message(
        "Executed",
        [
            _TIMESTAMP,
            _TOKEN,
            ("shares", ">u4"),
            ("price", ">u4"),
            ("liquidity", "S1"),
            ("match_number", ">u8"),
        ],
        EXECUTED_SIZE_BYTES,
    ),
    ("J", 24): _message("Rejected", [_TIMESTAMP, _TOKEN, ("reason", "S1")], REJECTED_SIZE_BYTES),
    ("I", 23): _message("Cancel Reject", [_TIMESTAMP, _TOKEN], CANCEL_REJECTED_SIZE_BYTES),
    ("M", 28): _message(
        "Modified",
        [_TIMESTAMP, _TOKEN, ("side", "S1"), ("shares", ">u4")],
        MODIFIED_SIZE_BYTES,
    ),
}


def _offsets(layouts: dict[tuple[str, int], np.dtype], letter: int) -> Any:
    """A named tuple: field -> byte offset in the longest message of type ``letter``."""
    _, dtype = max(
        (size, dtype) for (known, size), dtype in layouts.items() if ord(known) == letter
    )
    assert dtype.fields is not None and dtype.names is not None
    offsets = {name: int(dtype.fields[name][1]) for name in dtype.names}
    return namedtuple("Offsets", offsets)(**offsets)


def inbound_offsets(letter: int) -> Any:
    """Byte offset of each field of an inbound message; compiled code sees constants."""
    return _offsets(INBOUND, letter)


def outbound_offsets(letter: int) -> Any:
    """Byte offset of each field of an outbound message; compiled code sees constants."""
    return _offsets(OUTBOUND, letter)


MESSAGE_NAMES = {
    "S": "system_event",
    "A": "accepted",
    "U": "replaced",
    "C": "canceled",
    "D": "self_trade_prevented",
    "E": "executed",
    "J": "rejected",
    "I": "cancel_rejected",
    "M": "modified",
}


def framed(message: np.dtype) -> np.dtype:
    """``message`` with its SoupBinTCP header: ``length`` (u16 BE) and ``packet`` (1 letter)."""
    assert message.fields is not None
    return np.dtype(
        [
            ("length", ">u2"),
            ("packet", "S1"),
            *((name, message.fields[name][0]) for name in message.names or ()),
        ]
    )


# The same with the SoupBinTCP header in front, to build whole loads with numpy.
INBOUND_FRAMED = {key: framed(dtype) for key, dtype in INBOUND.items()}

_TEXT_SIZES = {"token": 14, "replacement_token": 14, "previous_token": 14, "stock": 8, "firm": 4}


class Message(NamedTuple):
    """One decoded message: its letter and its fields (text as str, numbers as int)."""

    letter: str
    fields: dict[str, int | str]

    @property
    def name(self) -> str:
        return MESSAGE_NAMES.get(self.letter, self.letter)


def encode(letter: str, fields: dict[str, int | str], *, inbound: bool = True) -> bytes:
    """Encode one bare message. Missing text fields are spaces, missing numbers 0.

    Raises ValueError for an unknown field, a number out of range or a text that is too long.
    """
    layouts = INBOUND if inbound else OUTBOUND
    size = max(size for known, size in layouts if known == letter)
    dtype = layouts[letter, size]
    assert dtype.fields is not None and dtype.names is not None
    unknown = set(fields) - set(dtype.names)
    if unknown:
        raise ValueError(f"message {letter} has no field {sorted(unknown)}")
    parts = [letter.encode("ascii")]
    for name in dtype.names[1:]:
        kind = dtype.fields[name][0]
        value = fields.get(name, "" if kind.kind == "S" else 0)
        if kind.kind == "S":
            text = str(value).encode("latin-1").ljust(kind.itemsize)
            if len(text) > kind.itemsize:
                raise ValueError(f"{name} is longer than {kind.itemsize} characters")
            parts.append(text)
        else:
            number = int(value)
            if not 0 <= number < 1 << (8 * kind.itemsize):
                raise ValueError(f"{name} {number} does not fit {kind.itemsize} bytes")
            parts.append(number.to_bytes(kind.itemsize, "big"))
    return b"".join(parts)


def decode(data: bytes, *, inbound: bool = False) -> Message:
    """Decode one bare message. Raises ValueError for an unknown (letter, length)."""
    letter = chr(data[0]) if data else ""
    layouts = INBOUND if inbound else OUTBOUND
    dtype = layouts.get((letter, len(data)))
    if dtype is None:
        raise ValueError(f"no OUCH message {letter!r} of {len(data)} bytes")
    assert dtype.fields is not None and dtype.names is not None
    fields: dict[str, int | str] = {}
    for name in dtype.names[1:]:
        kind, offset = dtype.fields[name][:2]
        raw = data[offset : offset + kind.itemsize]
        if kind.kind == "S":
            text = raw.decode("latin-1")
            fields[name] = text.rstrip(" ") if name in _TEXT_SIZES else text
        else:
            fields[name] = int.from_bytes(raw, "big")
    return Message(letter, fields)
