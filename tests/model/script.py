"""A small text language for cases: commands in, events out, both readable by eye.

Commands (times in seconds since START, default: the time of the command before)::

    > 1 enter a B 100 @ 50 tif=0 min=10     session 1; sides B S T E; price "market" or a number
    > 1 cancel a 0                          new intended total
    > cancel-id 9 0                         by order id (or by "id of a": cancel-id :a 0)
    > 1 replace a b 100 @ 51                existing token, new token, new total of the chain
    > 1 modify a S 50
    > timer t=3.5
    > start 1 | end | session 3 | instrument 2 tick=5 lot=10 low=5 high=500 most=1000
    > kind 99

Events: ``KIND session#number token side quantity@price reason left=open L=quantity/orders``,
``with session#number token side`` for a trade's aggressor, ``was token`` for what was replaced.
Entry fields that have their default are left out; so is what the rules fix: order ids are checked
in ``lines`` instead.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import (
    FLAG_LEVEL,
    FLAG_LONG,
    CancelReason,
    CommandKind,
    EventKind,
    OrderType,
    Reject,
    SystemEvent,
)
from exchange.records import COMMAND, EVENT, INSTRUMENT_CONTINUATION

START_NS = 1_700_000_000_000_000_000
SIDES = "BSTE"
PRELUDE = """
> session 1
> session 2
> instrument 1 tick=1 lot=10 low=2 high=1000 most=5000
> start 20260102
"""
_KEYS = {
    "tif": "time_in_force",
    "min": "minimum_quantity",
    "firm": "firm",
    "display": "display",
    "capacity": "capacity",
    "sweep": "intermarket_sweep",
    "cross": "cross_type",
    "type": "order_type",
    "reject": "reject",
    "instrument": "instrument",
    "side": "side",
}
_DEFAULTS = {
    "time_in_force": 99_998,
    "firm": 7,
    "display": ord("Y"),
    "capacity": ord("A"),
    "intermarket_sweep": ord("N"),
    "cross_type": ord("N"),
    "instrument": 1,
}


def token_bytes(word: str) -> bytes:
    """A token of a script: padded with spaces; ``BLANK``, ``NUL`` and ``HIGH`` are malformed."""
    special = {"BLANK": b" " * 14, "NUL": b"ab" + bytes(12), "HIGH": b"a\x7f" + b" " * 12}
    return special.get(word, word.ljust(14).encode())


class Script:
    """Turns command lines into COMMAND slots and remembers time, sequence and order ids."""

    def __init__(self) -> None:
        self.time_ns = START_NS
        self.sequence = 0
        self.order_ids: dict[str, int] = {}  # of the last ACCEPTED or REPLACED with that token

    def slots(self, line: str) -> np.ndarray:
        words = line.removeprefix(">").split()
        session = int(words.pop(0)) if words[0].isdigit() else 0
        verb, *rest = words
        plain = [word for word in rest if "=" not in word and word != "@"]
        keys = dict(word.split("=", 1) for word in rest if "=" in word)
        if "t" in keys:
            self.time_ns = START_NS + round(float(keys.pop("t")) * 1e9)
        slots = np.zeros(2, COMMAND)
        slots["timestamp_ns"][0] = self.time_ns
        slots["session"][0] = session
        used = getattr(self, "_" + verb.replace("-", "_"))(slots, plain, keys)
        slots = slots[:used]
        self.sequence += used
        return slots

    def _set_token(self, slots: np.ndarray, index: int, word: str) -> None:
        slots.view(np.uint8).reshape(2, 64)[index, 24:38] = np.frombuffer(
            token_bytes(word), np.uint8
        )

    def _order_fields(self, slots: np.ndarray, price: str, keys: dict[str, str]) -> None:
        for name, value in _DEFAULTS.items():
            slots[name][0] = value
        if price == "market":
            slots["order_type"][0] = OrderType.MARKET
        else:
            slots["price"][0] = int(price)
        for key, word in keys.items():
            is_letter = len(word) == 1 and not word.isdigit()
            slots[_KEYS[key]][0] = ord(word) if is_letter else int(word)

    def _enter(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        token, side, quantity, price = words
        slots["kind"][0] = CommandKind.ENTER
        slots["side"][0] = SIDES.index(side)
        slots["quantity"][0] = int(quantity)
        self._order_fields(slots, price, keys)
        self._set_token(slots, 0, token)
        return 1

    def _replace(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        token, replacement, quantity, price = words
        slots["kind"][0] = CommandKind.REPLACE
        slots["quantity"][0] = int(quantity)
        slots["flags"][0] = FLAG_LONG
        self._order_fields(slots, price, keys)
        self._set_token(slots, 0, token)
        self._set_token(slots, 1, replacement)
        return 2

    def _cancel(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.CANCEL
        slots["quantity"][0] = int(words[1])
        self._set_token(slots, 0, words[0])
        return 1

    def _cancel_id(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.CANCEL_BY_ORDER_ID
        named = words[0].startswith(":")
        slots["price"][0] = self.order_ids[words[0][1:]] if named else int(words[0])
        slots["quantity"][0] = int(words[1])
        return 1

    def _modify(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.MODIFY
        slots["side"][0] = SIDES.index(words[1]) if words[1] in SIDES else int(words[1])
        slots["quantity"][0] = int(words[2])
        self._set_token(slots, 0, words[0])
        return 1

    def _timer(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.TIMER
        return 1

    def _start(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.START_OF_DAY
        slots["price"][0] = int(words[0])
        slots["quantity"][0] = START_NS
        return 1

    def _end(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.END_OF_DAY
        return 1

    def _kind(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = int(words[0])
        return 1

    def _session(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.SESSION
        slots["session"][0] = int(words[0])
        slots["quantity"][0] = 100 + int(words[0])
        slots["token_0"][0] = int.from_bytes(f"U{words[0]}".ljust(8).encode(), "little")
        return 1

    def _instrument(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.INSTRUMENT
        slots["flags"][0] = FLAG_LONG
        slots["instrument"][0] = int(words[0])
        slots["price"][0] = int(keys["tick"])
        slots["quantity"][0] = int(keys["lot"])
        slots["display"][0] = int(keys.get("decimals", "2"))
        slots["token_0"][0] = int.from_bytes(f"SYM{words[0]}".ljust(8).encode(), "little")
        continuation = slots[1:].view(INSTRUMENT_CONTINUATION)
        continuation["minimum_price"] = int(keys["low"])
        continuation["maximum_price"] = int(keys["high"])
        continuation["maximum_quantity"] = int(keys["most"])
        return 2


def lines(data: bytes, order_ids: dict[str, int]) -> list[str]:
    """Events as lines of the language; checks that every event names the right order."""
    return [_line(event, order_ids) for event in np.frombuffer(data, EVENT)]


def _word(raw: bytes) -> str:
    for name in ("BLANK", "NUL", "HIGH"):
        if token_bytes(name) == raw:
            return name
    return raw.rstrip(b"\0 ").decode()


def _line(event: np.ndarray, order_ids: dict[str, int]) -> str:
    raw, kind = event.tobytes(), int(event["kind"])
    token, contra = _word(raw[64:78]), _word(raw[104:118])
    entry = kind in (EventKind.ACCEPTED, EventKind.REPLACED)
    words = [EventKind(kind).name]
    if event["session"]:
        number = int(event["session_sequence"])
        words.append(f"{event['session']}#{number}" if number else f"{event['session']}")
    if kind in (EventKind.INSTRUMENT_DEFINED, EventKind.CONTROL_REJECTED) and event["instrument"]:
        words.append(f"instrument={event['instrument']}")
    if token:
        words.append(token)
    order_event = kind <= EventKind.REMOVED and kind != EventKind.SYSTEM
    if order_event:
        words.append(SIDES[event["side"]] if event["side"] < 4 else str(event["side"]))
        if entry or kind == EventKind.REJECTED:
            assert event["order_id"] == event["command_sequence"]
            if entry:
                order_ids[token] = int(event["order_id"])
        else:
            assert event["order_id"] == order_ids[token], f"wrong order id: {event}"
        assert kind == EventKind.REJECTED or event["instrument"] > 0
    if event["price"] or event["quantity"]:
        words.append(f"{event['quantity']}@{event['price']}")
    if event["reason"]:
        names = {
            EventKind.CANCELED: CancelReason,
            EventKind.SYSTEM: SystemEvent,
            EventKind.REJECTED: Reject,
            EventKind.CONTROL_REJECTED: Reject,
        }
        words.append(names[EventKind(kind)](int(event["reason"])).name)
    if order_event and event["order_type"]:
        words.append(f"type={event['order_type']}")
    if order_event and event["display"] != ord("Y"):
        words.append(f"display={chr(event['display'])}")
    if entry:
        for key in ("tif", "min", "firm", "capacity", "sweep", "cross"):
            value = int(event[_KEYS[key]])
            if value != _DEFAULTS.get(_KEYS[key], 0):
                words.append(
                    f"{key}={chr(value) if key in ('capacity', 'sweep', 'cross') else value}"
                )
    elif event["remaining"]:
        words.append(f"left={event['remaining']}")
    if event["flags"] & FLAG_LEVEL:
        words.append(f"L={event['level_quantity']}/{event['level_orders']}")
    if kind == EventKind.INSTRUMENT_DEFINED:
        words.append(f"low={event['level_quantity']} high={event['contra_order_id']}")
    if kind == EventKind.TRADE:
        assert event["contra_order_id"] == order_ids[contra]
        words.append(f"with {event['contra_session']}#{event['contra_session_sequence']}")
        words.append(f"{contra} {SIDES[event['contra_side']]}")
    elif kind == EventKind.REPLACED:
        assert event["contra_order_id"] == order_ids[contra]
        words.append(f"was {contra}")
    return " ".join(words)
