"""Hypothesis looks for short command sequences on which the naive exchange and the matcher differ.

The world is small (two sessions, five tokens each, six prices, few orders), so that commands hit
each other all the time and a failure shrinks to a handful of readable lines of
``tests/model/script.py``.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.model.comparison import Matcher
from tests.model.invariants import check
from tests.model.naive_command import Capacities
from tests.model.naive_exchange import NaiveExchange
from tests.model.script import PRELUDE, Script, lines
from tests.model.streams import run

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
cancels_by_id = st.builds(
    lambda number, quantity: _words("> cancel-id", number, quantity), st.integers(0, 40), quantities
)
modifies = st.builds(
    lambda session, token, side, quantity: _words(">", session, "modify", token, side, quantity),
    sessions, tokens, st.sampled_from(["B", "S", "T", "E", "7"]), quantities,
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
commands = st.one_of(enters, enters, enters, replaces, cancels, cancels_by_id, modifies, timers)
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
        assert lines(actual, script.order_ids) == lines(expected, script.order_ids)
        assert actual == expected  # and what the words leave out
        check(naive)


@settings(max_examples=100, deadline=None, derandomize=True, print_blob=True)
@given(steps, st.lists(st.integers(2, 12), min_size=1, max_size=5))
def test_batches_do_not_matter(sequence: list[tuple[str, float]], sizes: list[int]) -> None:
    """The same commands, cut into other batches, give the same bytes."""
    slots = np.concatenate(make_slots(Script(), sequence))
    whole = Matcher(CAPACITIES, ring_slots=128).run(slots)
    for size in sizes:
        assert Matcher(CAPACITIES, ring_slots=16).run(slots, size) == whole
