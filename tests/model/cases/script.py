"""A small text language for cases: commands in, events out, both readable by eye.

Commands (times in seconds since START, default: the time of the command before)::

    > 1 enter a B 100 @ 50 tif=0 min=10     session 1; sides B S T E; price "market" or a number
    > 1 enter a B 100 @ 50 stop=48 show=10  a stop order (also "market"), an iceberg; reprice=1
    > 1 cancel a 0                          new intended total
    > cancel-id 9 0                         by order id (or by "id of a": cancel-id :a 0); with a
                                            session it is that client's, without the operator's
    > 1 replace a b 100 @ 51                existing token, new token, new total of the chain
    > 1 replace-id :a b 100 @ 51            the same by order id
    > 1 amend :a 100 @ 51                   the same, but the order stays if it is refused
    > 1 modify a S 50                       | > 1 modify-id :a S 50
    > review :a yes | review :a no          approve or refuse a held order
    > state HALTED instrument=1 until=5     also group=2; neither: the market
    > parameter BREAKER 100000 16 5 instrument=1       also account=1, session=1; none: defaults
    > kill ACCOUNT on account=1 | mass-cancel account=1 session=1 instrument=1 side=0
    > 1 mass-cancel | 1 disconnect | 1 cancel-after 5
    > deposit 1 1000 | withdraw 1 1000      money; stock with stock=1 price=50
    > account 1 | currency 1 fees=9 | session 3 account=1
    > timer t=3.5
    > start 1 | end | instrument 2 tick=5 lot=10 low=5 high=500 most=1000
    > kind 99

Operators' commands take an idempotency key with ``key=word``. Events: ``event_lines.py``.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import (
    FLAG_LONG,
    MASS_CANCEL_ANY_SIDE,
    OPTION_AMEND,
    CommandKind,
    InstrumentState,
    OrderType,
    Parameter,
    Scope,
)
from exchange.records import (
    ADMIN_CONTINUATION,
    COMMAND,
    INSTRUMENT_CONTINUATION,
    ORDER_CONTINUATION,
)
from tests.model.cases.event_lines import (
    DEFAULTS,
    ENTRY_FIELDS,
    SIDES,
    START_NS,
    lines,
    token_bytes,
)

__all__ = ["PRELUDE", "START_NS", "Script", "lines", "token_bytes"]

# What every case begins with: two rich traders who may sell short, and a day.
PRELUDE = """
> account 9
> currency 1 fees=9
> parameter SHORT_SALES 1
> account 1
> account 2
> session 1
> session 2
> instrument 1 tick=1 lot=10 low=2 high=1000 most=5000
> deposit 1 1000000000000
> deposit 2 1000000000000
> deposit 1 1000000 stock=1 price=50
> deposit 2 1000000 stock=1 price=50
> start 20260102
"""
_KEYS = ENTRY_FIELDS | {
    "display": "display",
    "type": "order_type",
    "reject": "reject",
    "instrument": "instrument",
    "side": "side",
    "flags": "flags",
}
_TERMS = {"stop": "stop_price", "show": "display_quantity", "reprice": "options"}


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

    def _order_id(self, word: str) -> int:
        return self.order_ids[word[1:]] if word.startswith(":") else int(word)

    def _order_fields(self, slots: np.ndarray, price: str, keys: dict[str, str]) -> None:
        for name, value in DEFAULTS.items():
            slots[name][0] = value
        market = price == "market"
        if "stop" in keys:
            slots["order_type"][0] = OrderType.STOP if market else OrderType.STOP_LIMIT
        elif market:
            slots["order_type"][0] = OrderType.MARKET
        slots["price"][0] = 0 if market else int(price)
        continuation = slots[1:].view(ORDER_CONTINUATION)
        for key, word in keys.items():
            if key in _TERMS:
                continuation[_TERMS[key]] = int(word)
                slots["flags"][0] |= FLAG_LONG
            else:
                is_letter = len(word) == 1 and not word.isdigit()
                slots[_KEYS[key]][0] = ord(word) if is_letter else int(word)

    def _enter(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        token, side, quantity, price = words
        slots["kind"][0] = CommandKind.ENTER
        slots["side"][0] = SIDES.index(side)
        slots["quantity"][0] = int(quantity)
        self._order_fields(slots, price, keys)
        self._set_token(slots, 0, token)
        return 2 if slots["flags"][0] & FLAG_LONG else 1

    def _replace(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        token, replacement, quantity, price = words
        slots["kind"][0] = CommandKind.REPLACE
        slots["quantity"][0] = int(quantity)
        slots["flags"][0] = FLAG_LONG
        self._order_fields(slots, price, keys)
        self._set_token(slots, 0, token)
        self._set_token(slots, 1, replacement)
        return 2

    def _replace_id(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        self._replace(slots, ["", *words[1:]], keys)
        slots["kind"][0] = CommandKind.REPLACE_BY_ORDER_ID
        slots[1:].view(ORDER_CONTINUATION)["order_id"] = self._order_id(words[0])
        return 2

    def _amend(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        self._replace_id(slots, [words[0], "unused", *words[1:]], keys)
        slots[1:].view(ORDER_CONTINUATION)["options"] |= OPTION_AMEND
        return 2

    def _cancel(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.CANCEL
        slots["quantity"][0] = int(words[1])
        self._set_token(slots, 0, words[0])
        return 1

    def _cancel_id(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.CANCEL_BY_ORDER_ID
        slots["price"][0] = self._order_id(words[0])
        slots["quantity"][0] = int(words[1])
        return 1

    def _modify(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.MODIFY
        slots["side"][0] = SIDES.index(words[1]) if words[1] in SIDES else int(words[1])
        slots["quantity"][0] = int(words[2])
        slots["flags"][0] = int(keys.get("flags", "0"))
        self._set_token(slots, 0, words[0])
        return 1

    def _modify_id(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        self._modify(slots, ["", *words[1:]], keys)
        slots["kind"][0] = CommandKind.MODIFY_BY_ORDER_ID
        slots["price"][0] = self._order_id(words[0])
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
        slots["quantity"][0] = int(words[0] == "prices") if words else 0
        return 1

    def _kind(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = int(words[0])
        return 1

    def _disconnect(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.DISCONNECT
        return 1

    def _cancel_after(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.CANCEL_AFTER
        slots["quantity"][0] = int(words[0])
        return 1

    def _session(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        slots["kind"][0] = CommandKind.SESSION
        slots["session"][0] = int(words[0])
        slots["quantity"][0] = int(keys.get("account", words[0]))
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
        continuation["currency"] = int(keys.get("currency", "1"))
        continuation["group"] = int(keys.get("group", "0"))
        return 2

    def _operator(
        self, slots: np.ndarray, kind: CommandKind, keys: dict[str, str], *values: int
    ) -> np.ndarray:
        """An operator's command of ``kind`` with its key and targets; its continuation."""
        slots["kind"][0] = kind
        slots["flags"][0] = FLAG_LONG
        if "key" in keys:
            self._set_token(slots, 0, keys["key"])
        continuation = slots[1:].view(ADMIN_CONTINUATION)
        for name in ("session", "instrument"):
            if name in keys:
                slots[name][0] = int(keys[name])
        for name in ("account", "currency", "group"):
            if name in keys:
                continuation[name] = int(keys[name])
        for number, value in enumerate(values):
            continuation[f"value_{number}"] = value
        return continuation

    def _note(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        name, text = words[0], "_".join(words[1:])
        raw = np.frombuffer(text.encode().ljust(40, b"\0"), "<i8")
        continuation = self._operator(slots, CommandKind.NOTE, keys, *raw[:3].tolist())
        slots["price"][0], slots["quantity"][0] = raw[3:]
        slots["order_type"][0] = CommandKind[keys["about"]] if "about" in keys else 0
        operator = np.frombuffer(name.encode().ljust(16, b"\0"), "<u8")
        continuation["operator_0"], continuation["operator_1"] = operator
        continuation["scope"] = int(keys.get("part", "0"))
        return 2

    def _account(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        self._operator(slots, CommandKind.ACCOUNT, keys | {"account": words[0]})
        return 2

    def _currency(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        code = int.from_bytes(keys.get("code", "EUR").ljust(8).encode(), "little")
        targets = keys | {"currency": words[0], "account": keys["fees"]}
        decimals = int(keys.get("decimals", "2"))
        self._operator(slots, CommandKind.CURRENCY, targets, code, decimals)
        return 2

    def _deposit(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        account, amount = words
        targets = keys | {"account": account}
        if "stock" in keys:
            targets["instrument"] = keys["stock"]
        else:
            targets.setdefault("currency", "1")
        self._operator(slots, CommandKind.DEPOSIT, targets)
        slots["quantity"][0] = int(amount)
        slots["price"][0] = int(keys.get("price", "0"))
        return 2

    def _withdraw(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        self._deposit(slots, words, keys)
        slots["kind"][0] = CommandKind.WITHDRAW
        return 2

    def _parameter(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        name, *values = words
        continuation = self._operator(
            slots, CommandKind.PARAMETER, keys, *(int(value) for value in values)
        )
        continuation["parameter"] = int(name) if name.isdigit() else Parameter[name]
        return 2

    def _state(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        until_ns = START_NS + round(float(keys["until"]) * 1e9) if "until" in keys else 0
        continuation = self._operator(slots, CommandKind.INSTRUMENT_STATE, keys, until_ns)
        name = words[0]
        continuation["parameter"] = int(name) if name.isdigit() else InstrumentState[name]
        return 2

    def _kill(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        scope, switch = words
        continuation = self._operator(slots, CommandKind.KILL, keys, int(switch == "on"))
        continuation["scope"] = Scope[scope]
        return 2

    def _review(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        self._operator(slots, CommandKind.REVIEW, keys)
        slots["price"][0] = self._order_id(words[0])
        choices = {"yes": 1, "no": 0}
        slots["quantity"][0] = choices[words[1]] if words[1] in choices else int(words[1])
        return 2

    def _mass_cancel(self, slots: np.ndarray, words: list[str], keys: dict[str, str]) -> int:
        """A client's (session before the verb) or, long, the operator's."""
        client = int(slots["session"][0]) != 0
        targets = {name: word for name, word in keys.items() if name in ("key", "instrument")}
        self._operator(slots, CommandKind.MASS_CANCEL, targets)
        slots["quantity"][0] = int(keys.get("account", "0"))
        slots["price"][0] = int(keys.get("session", "0"))
        slots["side"][0] = int(keys.get("side", MASS_CANCEL_ANY_SIDE))
        if client:
            slots["flags"][0] = 0
        return 1 if client else 2
