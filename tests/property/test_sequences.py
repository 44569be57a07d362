"""Hypothesis looks for short command sequences on which the naive exchange and the matcher differ.

The world is small (two sessions, five tokens each, six prices, few orders), so that commands hit
each other all the time and a failure shrinks to a handful of readable lines of
``tests/model/cases/script.py``.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, note, settings
from hypothesis import strategies as st

from exchange.engine.invariants.check import check_state
from tests.model.cases.script import PRELUDE, Script
from tests.model.comparison import Matcher
from tests.model.generators.streams import as_events, event_fields, run
from tests.model.invariants import check
from tests.model.naive.command import Capacities
from tests.model.naive.exchange import NaiveExchange

CAPACITIES = Capacities(instruments=8, sessions=8, orders=6, tokens=24)

sessions = st.sampled_from(["1", "1", "2", "2", "3"])
tokens = st.sampled_from([f"{letter}{number}" for letter in "abcde" for number in range(4)])
bad_tokens = st.sampled_from(["BLANK", "NUL", "HIGH"])
any_token = st.one_of(tokens, tokens, tokens, tokens, tokens, tokens, tokens, bad_tokens)
sides = st.sampled_from("BBBSST")
quantities = st.sampled_from([10, 10, 20, 30, 50, 100, 0, 15, 5000, 5010])
prices = st.sampled_from(["48", "49", "50", "51", "52", "50", "market", "1001", "0"])
times_in_force = st.sampled_from(["99998", "99998", "99999", "0", "0", "1", "3", "100000"])
displays = st.sampled_from("YYYYPPx")
minima = st.sampled_from([0, 0, 0, 10, 20, 50])


def _words(*parts: object) -> str:
    return " ".join(str(part) for part in parts)


enters = st.builds(
    lambda session, token, side, quantity, price, tif, display, minimum: _words(
        ">", session, "enter", token, side, quantity, "@", price,
        f"tif={tif}", f"display={display}", f"min={minimum}",
    ),
    sessions, any_token, sides, quantities, prices, times_in_force, displays, minima,
)  # fmt: skip
replaces = st.builds(
    lambda session, token, new, quantity, price, tif, display, minimum: _words(
        ">", session, "replace", token, new, quantity, "@", price,
        f"tif={tif}", f"display={display}", f"min={minimum}",
    ),
    sessions, tokens, any_token, quantities, prices, times_in_force, displays, minima,
)  # fmt: skip
cancels = st.builds(
    lambda session, token, quantity: _words(">", session, "cancel", token, quantity),
    sessions, tokens, quantities,
)  # fmt: skip
numbers = st.integers(23, 80)  # order ids: commands from after the prelude on
cancels_by_id = st.builds(
    lambda number, quantity: _words("> cancel-id", number, quantity), numbers, quantities
)
modifies = st.builds(
    lambda session, token, side, quantity: _words(">", session, "modify", token, side, quantity),
    sessions, tokens, st.sampled_from(["B", "S", "T", "E", "7"]), quantities,
)  # fmt: skip
stop_prices = st.sampled_from(["", "", "", "stop=49", "stop=50", "stop=51", "stop=0"])
shows = st.sampled_from(["", "show=10", "show=20", "show=50", "show=15", "show=0"])
reprices = st.sampled_from(["", "display=P reprice=1"])
long_enters = st.builds(
    lambda session, token, side, quantity, price, tif, stop, show, reprice: _words(
        ">", session, "enter", token, side, quantity, "@", price, f"tif={tif}", stop, show, reprice
    ),
    sessions, tokens, sides, quantities, prices, times_in_force, stop_prices, shows, reprices,
)  # fmt: skip
by_id = st.one_of(
    st.builds(
        lambda session, number, quantity: _words(">", session, "cancel-id", number, quantity),
        sessions, numbers, quantities,
    ),
    st.builds(
        lambda session, number, side, quantity: _words(
            ">", session, "modify-id", number, side, quantity
        ),
        sessions, numbers, st.sampled_from("BST"), quantities,
    ),
    st.builds(
        lambda session, number, new, quantity, price, stop, show: _words(
            ">", session, "replace-id", number, new, quantity, "@", price, stop, show
        ),
        sessions, numbers, tokens, quantities, prices, stop_prices, shows,
    ),
)  # fmt: skip
states = st.builds(
    lambda state, target: _words("> state", state, target),
    st.sampled_from(["OPEN", "OPEN", "AUCTION", "AUCTION", "HALTED", "CANCEL_ONLY", "CLOSED"]),
    st.sampled_from(["instrument=1", "instrument=1", "instrument=1", ""]),
)
halts = st.builds(lambda until: f"> state HALTED instrument=1 until={until}", st.integers(0, 9))
limits = st.sampled_from(
    [
        f"> parameter {text}"
        for text in (
            "FEES -100 300 instrument=1", "FEES 0 0 instrument=1",
            "REFERENCE_PRICE 50 instrument=1", "REFERENCE_PRICE 0 instrument=1",
            "PRICE_BAND 30000 instrument=1", "PRICE_BAND 0 instrument=1",
            "COLLAR 20000 instrument=1", "REVIEW_VALUE 1000 instrument=1",
            "REVIEW_VALUE 0 instrument=1", "BREAKER 20000 16 2 instrument=1",
            "BREAKER 0 instrument=1", "DAILY_ORDERS 3 account=1", "DAILY_ORDERS 0 account=1",
            "OPEN_ORDERS 2 account=1", "OPEN_ORDERS 0 account=1", "ACCOUNT_RATE 1 2 account=2",
            "ACCOUNT_RATE 0 account=2", "SESSION_RATE 1 2 session=1", "SESSION_RATE 0 session=1",
            "POSITION_LIMIT 1000100 account=1", "POSITION_LIMIT 0 account=1",
            "SELF_TRADE 1 5 account=1", "SELF_TRADE 2 5 account=1", "SELF_TRADE 3 0 account=2",
            "SELF_TRADE 4 5 account=2", "SELF_TRADE 0 5 account=2", "SHORT_SALES 0 account=2",
            "SHORT_SALES 1 account=2", "CANCEL_RATIO 400000 9 2 account=1", "BLOCKED 1 account=1",
            "BLOCKED 0 account=1", "CANCEL_ON_DISCONNECT 1 session=1",
        )
    ]
)  # fmt: skip
operators = st.one_of(
    st.sampled_from(
        [
            "> kill ACCOUNT on account=1", "> kill ACCOUNT off account=1",
            "> kill SESSION on session=2", "> kill SESSION off session=2",
            "> kill EXCHANGE on", "> kill EXCHANGE off",
            "> mass-cancel", "> mass-cancel account=1 side=0", "> mass-cancel side=1 key=k",
            "> 1 mass-cancel", "> 2 mass-cancel side=0", "> 1 disconnect", "> disconnect",
            "> 1 cancel-after 2", "> 1 cancel-after 0",
            "> deposit 1 500 key=d", "> withdraw 1 500 key=d", "> withdraw 2 1000000000000",
            "> deposit 2 10 stock=1 price=40", "> withdraw 2 1000000 stock=1",
            "> account 3", "> session 3 account=3", "> deposit 3 2000",
        ]
    ),
    st.builds(
        lambda number, choice: _words("> review", number, choice),
        numbers, st.sampled_from(["yes", "yes", "no", "2"]),
    ),
)  # fmt: skip
controls = st.sampled_from(
    [
        "> end",
        "> start 20260106",
        "> session 3",
        "> session 9",
        "> instrument 2 tick=5 lot=1 low=5 high=100 most=50",
        "> instrument 2 tick=5 lot=1 low=4 high=100 most=50",
        "> kind 77",
    ]
)
timers = st.just("> timer")
commands = st.one_of(
    enters, enters, long_enters, long_enters, replaces, cancels, cancels_by_id, modifies, by_id,
    timers, limits, operators, states, halts,
)  # fmt: skip
rare = st.one_of(commands, commands, commands, commands, commands, commands, commands, controls)
steps = st.lists(st.tuples(rare, st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.0, 3.0])), max_size=40)


def make_slots(script: Script, sequence: list[tuple[str, float]]) -> list[np.ndarray]:
    """The slots of the prelude and of ``sequence`` (command line, seconds since the last)."""
    made = [script.slots(line) for line in PRELUDE.strip().splitlines()]
    seconds = 0.0
    for line, wait in sequence:
        seconds += wait
        note(f"{line} t={seconds}")
        made.append(script.slots(f"{line} t={seconds}"))
    return made


@settings(max_examples=1_500, deadline=None, derandomize=True, print_blob=True)
@given(steps)
def test_naive_exchange_and_matcher_agree(sequence: list[tuple[str, float]]) -> None:
    script = Script()
    naive, matcher = NaiveExchange(CAPACITIES), Matcher(CAPACITIES, ring_slots=16)
    position = 0
    for slots in make_slots(script, sequence):
        expected = run(naive, slots, position)
        position += len(slots)
        actual = matcher.run(slots)
        if actual != expected:
            words = [[event_fields(event) for event in as_events(x)] for x in (actual, expected)]
            assert words[0] == words[1]
        assert actual == expected  # and what the words leave out
        check(naive)
        check_state(matcher.state)


@settings(max_examples=100, deadline=None, derandomize=True, print_blob=True)
@given(steps, st.lists(st.integers(2, 12), min_size=1, max_size=5))
def test_batches_do_not_matter(sequence: list[tuple[str, float]], sizes: list[int]) -> None:
    """The same commands, cut into other batches, give the same bytes."""
    slots = np.concatenate(make_slots(Script(), sequence))
    whole = Matcher(CAPACITIES, ring_slots=128).run(slots)
    for size in sizes:
        assert Matcher(CAPACITIES, ring_slots=16).run(slots, size) == whole
