"""What the engine's tests share: a small exchange in process, and commands by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.codes import FLAG_LONG, CommandKind, Parameter
from exchange.core import pipeline
from exchange.core.capacity import EngineCapacity
from exchange.engine.matcher import apply_commands
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import NEXT_COMMAND, NEXT_EVENT, EngineState
from exchange.engine.state.pointers import Rings, make_links
from exchange.records import (
    ADMIN_CONTINUATION,
    COMMAND,
    EVENT,
    INSTRUMENT_CONTINUATION,
    ORDER_CONTINUATION,
)
from ringbuffer.ring import UNGATED

SMALL = EngineCapacity(
    instruments=8,
    sessions=8,
    orders=64,
    leaves=64,
    nodes=64,
    tokens=256,
    accounts=64,
    positions=256,
)
SEED = 20260101
GOOD_FOR_DAY = 99_998
MIDNIGHT_NS = 1_700_000_000_000_000_000
CURRENCY = 1
FEE_ACCOUNT = 9
MONEY = 1 << 50  # what every account begins with
STOCK = 1 << 30  # of every instrument
_TERMS = ("stop_price", "display_quantity", "options", "order_id")


def token_bytes(token: str) -> bytes:
    """The 14 bytes of a token, as on the wire."""
    return token.encode("latin-1").ljust(14)[:14]


def slots(count: int = 1) -> np.ndarray:
    return np.zeros(count, COMMAND)


def set_token(slot: Any, token: str) -> None:
    raw = token_bytes(token)
    slot["token_0"] = int.from_bytes(raw[:8], "little")
    slot["token_1"] = int.from_bytes(raw[8:12], "little")
    slot["token_2"] = int.from_bytes(raw[12:], "little")


def command(kind: CommandKind | int, token: str | None = None, **fields: int) -> np.ndarray:
    """One slot of ``kind``."""
    made = slots()
    made["kind"] = kind
    for name, value in fields.items():
        made[name] = value
    if token is not None:
        set_token(made[0], token)
    return made


def enter(token: str, side: int, quantity: int, price: int, **fields: int) -> np.ndarray:
    """An ENTER; with a field of ORDER_CONTINUATION it is a long one."""
    terms = {name: fields.pop(name) for name in _TERMS if name in fields}
    values = {
        "instrument": 1,
        "session": 1,
        "time_in_force": GOOD_FOR_DAY,
        "display": ord("Y"),
        "capacity": ord("P"),
        "cross_type": ord("N"),
        "intermarket_sweep": ord("N"),
        "side": side,
        "quantity": quantity,
        "price": price,
        "flags": FLAG_LONG if terms else 0,
    } | fields
    first = command(CommandKind.ENTER, token, **values)
    return np.concatenate([first, order_continuation(terms)]) if terms else first


def order_continuation(terms: dict[str, int], token: str | None = None) -> np.ndarray:
    made = np.zeros(1, ORDER_CONTINUATION)
    for name, value in terms.items():
        made[name] = value
    slot = made.view(COMMAND)
    if token is not None:
        set_token(slot[0], token)
    return slot


def administer(
    kind: CommandKind, key: str | None = None, terms: dict[str, int] | None = None, **fields: int
) -> np.ndarray:
    """An operator's command; ``terms`` are the fields of its continuation."""
    continuation = np.zeros(1, ADMIN_CONTINUATION)
    for name, value in (terms or {}).items():
        continuation[name] = value
    first = command(kind, key, flags=FLAG_LONG, **fields)
    return np.concatenate([first, continuation.view(COMMAND)])


def parameter(number: Parameter, *values: int, account: int = 0, **fields: int) -> np.ndarray:
    """PARAMETER of an instrument or session (in ``fields``) or of ``account``."""
    terms = {f"value_{i}": value for i, value in enumerate(values)}
    terms |= {"parameter": number, "account": account}
    return administer(CommandKind.PARAMETER, terms=terms, **fields)


def deposit(account: int, amount: int, instrument: int = 0, price: int = 0) -> np.ndarray:
    """Money, or stock of ``instrument`` that has cost ``price`` a unit."""
    return administer(
        CommandKind.DEPOSIT,
        terms={"account": account, "currency": CURRENCY},
        quantity=amount,
        instrument=instrument,
        price=price,
    )


def cancel(token: str, quantity: int = 0, session: int = 1) -> np.ndarray:
    return command(CommandKind.CANCEL, token, session=session, quantity=quantity)


def replace(token: str, new_token: str, quantity: int, price: int, **fields: int) -> np.ndarray:
    terms = {name: fields.pop(name) for name in _TERMS if name in fields}
    values = {
        "session": 1,
        "time_in_force": GOOD_FOR_DAY,
        "display": ord("Y"),
        "quantity": quantity,
        "price": price,
        "flags": FLAG_LONG,
    } | fields
    first = command(CommandKind.REPLACE, token, **values)
    return np.concatenate([first, order_continuation(terms, new_token)])


def instrument(
    number: int = 1,
    tick: int = 1,
    lot: int = 1,
    minimum_price: int = 1,
    maximum_price: int = 1_000_000,
    maximum_quantity: int = 1_000_000,
) -> np.ndarray:
    continuation = np.zeros(1, INSTRUMENT_CONTINUATION)
    continuation["minimum_price"] = minimum_price
    continuation["maximum_price"] = maximum_price
    continuation["maximum_quantity"] = maximum_quantity
    continuation["currency"] = CURRENCY
    first = command(
        CommandKind.INSTRUMENT,
        f"SYMBOL{number}",
        instrument=number,
        price=tick,
        quantity=lot,
        display=2,
        flags=FLAG_LONG,
    )
    return np.concatenate([first, continuation.view(COMMAND)])


def opening(instruments: int = 1, sessions: int = 2) -> np.ndarray:
    """A currency, instruments, funded accounts, a session for each, and the start of a day."""
    parts = [
        administer(CommandKind.ACCOUNT, terms={"account": account})
        for account in (*range(1, sessions + 1), FEE_ACCOUNT)
    ]
    parts.append(
        administer(
            CommandKind.CURRENCY,
            terms={
                "currency": CURRENCY,
                "value_0": int.from_bytes(b"USD".ljust(8), "little"),
                "value_1": 2,
                "account": FEE_ACCOUNT,
            },
        )
    )
    parts += [instrument(i + 1) for i in range(instruments)]
    for account in range(1, sessions + 1):
        parts.append(command(CommandKind.SESSION, "user", session=account, quantity=account))
        parts.append(parameter(Parameter.SHORT_SALES, 1, account=account))
        parts.append(deposit(account, MONEY))
        parts += [deposit(account, STOCK, i + 1, 100) for i in range(instruments)]
    parts.append(command(CommandKind.START_OF_DAY, quantity=MIDNIGHT_NS, price=20260101))
    return np.concatenate(parts)


def private_cursors() -> np.ndarray:
    """Cursors of a replay: the event ring is never full."""
    cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
    cursors[pipeline.EVENT_RELEASED] = UNGATED
    return cursors


def no_wakeups() -> np.ndarray:
    return np.full(pipeline.AGENTS, -1, np.int64)


class Exchange:
    """An engine in process. ``run`` applies slots and returns the events as one array."""

    def __init__(self, capacity: EngineCapacity = SMALL, state: EngineState | None = None) -> None:
        self.state = create_state(capacity, SEED) if state is None else state
        self.cursors = private_cursors()
        self.wakeups = no_wakeups()
        self.ring = np.zeros(1 << 12, COMMAND)
        self.events = np.zeros(1 << 15, EVENT)

    def run(self, commands: np.ndarray) -> np.ndarray:
        """Apply ``commands`` (whole commands, at most the ring's size); copies of their events."""
        scalars = self.state.scalars
        first, base = int(scalars[NEXT_COMMAND]), int(scalars[NEXT_EVENT])
        end = first + len(commands)
        self.ring[np.arange(first, end) & (len(self.ring) - 1)] = commands
        rings = Rings(self.ring, self.events, base, self.cursors, self.wakeups, make_links())
        count = apply_commands(self.state, rings, first, end)
        assert int(scalars[NEXT_COMMAND]) == end
        assert int(scalars[NEXT_EVENT]) == base + count
        return self.events[:count].copy()


def opened(capacity: EngineCapacity = SMALL, instruments: int = 1) -> Exchange:
    exchange = Exchange(capacity)
    exchange.run(opening(instruments))
    return exchange
