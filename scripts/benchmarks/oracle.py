"""The answers that the exchange must give: the same orders, applied by the matcher in this process.

The TCP benchmarks compare what came back with this: one session sends in order, so the number of
messages after every order, and how many of each type, are fixed before the first byte is sent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange import codes
from exchange.core.capacity import EngineCapacity
from exchange.core.pipeline import AGENTS, CURSOR_WORDS, EVENT_RELEASED
from exchange.definitions.rules import InstrumentTerms
from exchange.engine.matcher import apply_commands
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import NEXT_EVENT
from exchange.engine.state.pointers import Rings, make_links
from exchange.records import COMMAND, EVENT
from ringbuffer.ring import UNGATED
from scripts.benchmarks import funding
from scripts.benchmarks.load import OrderFlow, token_digits

CHUNK = 4096


class Expectation(NamedTuple):
    """The messages that one session receives for a flow."""

    after: np.ndarray  # int64 (n,): messages received once message i is answered
    by_type: dict[str, int]  # OUCH letter -> messages
    answered: int  # messages that get at least one answer of their own


def _commands(flow: OrderFlow, price_per_tick: int, token_prefix: int) -> np.ndarray:
    count = flow.token.size
    commands = np.zeros(count, COMMAND)
    tokens = np.zeros((count, 16), np.uint8)
    tokens[:, :14] = token_digits(flow.token, token_prefix)
    commands["token_0"] = tokens[:, 0:8].copy().view("<u8")[:, 0]
    commands["token_1"] = tokens[:, 8:12].copy().view("<u4")[:, 0]
    commands["token_2"] = tokens[:, 12:14].copy().view("<u2")[:, 0]
    commands["session"] = 1
    commands["kind"] = np.where(flow.is_cancel, codes.CommandKind.CANCEL, codes.CommandKind.ENTER)
    enter = ~flow.is_cancel
    commands["instrument"][enter] = 1
    commands["side"][enter] = flow.side[enter]
    commands["price"][enter] = flow.ticks[enter] * price_per_tick
    commands["quantity"] = np.where(enter, flow.quantity, 0)
    commands["time_in_force"][enter] = codes.TIME_IN_FORCE_SYSTEM_HOURS
    commands["display"][enter] = ord("Y")
    commands["capacity"][enter] = ord("P")
    commands["cross_type"][enter] = ord("N")
    return commands


def _preamble() -> np.ndarray:
    """One instrument, one session with a rich account, a day; no control refuses anything."""
    terms = InstrumentTerms("ORACLE", 1, 1, 2, 1, 1 << 29, 1_000_000, 1, 1)
    return funding.opening(
        [terms], 1, controls=(), reference_price=10_000, money=1 << 55, stock=1 << 30
    )


def expect(flow: OrderFlow, token_prefix: int = 0) -> Expectation:
    """Run ``flow`` through a fresh matcher; messages of its one session, START_OF_DAY left out."""
    commands = np.concatenate([_preamble(), _commands(flow, 1, token_prefix)])
    first = commands.size - flow.token.size
    capacity = EngineCapacity()
    state = create_state(capacity)
    cursors = np.zeros(CURSOR_WORDS, np.int64)
    cursors[EVENT_RELEASED] = UNGATED
    wakeups = np.full(AGENTS, -1, np.int64)
    room = 1 << int(np.ceil(np.log2(capacity.orders + 8 * CHUNK)))
    events = np.zeros(room, EVENT)
    padded = np.zeros(1 << int(np.ceil(np.log2(commands.size))), COMMAND)
    padded[: commands.size] = commands
    per_command = np.zeros(commands.size, np.int64)
    by_kind = np.zeros(256, np.int64)
    own = np.zeros(commands.size, np.bool_)
    begin = 0
    while begin < commands.size:
        end = min(begin + CHUNK, commands.size)
        base = int(state.scalars[NEXT_EVENT])
        rings = Rings(padded, events, base, cursors, wakeups, make_links())
        apply_commands(state, rings, begin, end)
        batch = events[: int(state.scalars[NEXT_EVENT]) - base]
        kinds = batch["kind"]
        messages = (
            np.isin(kinds, [codes.EventKind.ACCEPTED, codes.EventKind.REJECTED,
                            codes.EventKind.CANCELED, codes.EventKind.SYSTEM]).astype(np.int64)
            + 2 * (kinds == codes.EventKind.TRADE)
        )  # fmt: skip
        np.add.at(per_command, batch["command_sequence"], messages)
        by_kind += np.bincount(kinds, minlength=256)
        own[batch["command_sequence"]] = True
        begin = end
    letters = {
        "A": int(by_kind[codes.EventKind.ACCEPTED]),
        "J": int(by_kind[codes.EventKind.REJECTED]),
        "C": int(by_kind[codes.EventKind.CANCELED]),
        "E": 2 * int(by_kind[codes.EventKind.TRADE]),
    }
    return Expectation(np.cumsum(per_command[first:]), letters, int(own[first:].sum()))
