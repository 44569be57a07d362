"""All readable cases: each table's name, cases and capacities, and how a case is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.model import case_table, case_table_breaker, case_table_held, case_table_stops
from tests.model.naive_command import Capacities
from tests.model.script import PRELUDE, Script, lines


class Case(NamedTuple):
    text: str
    capacities: Capacities


_FEW = Capacities(instruments=8, sessions=8, orders=6, tokens=12)
CASES: dict[str, Case] = {
    f"{table}: {name}": Case(text, _FEW)
    for table, cases in (
        ("rules", case_table.CASES),
        ("stops", case_table_stops.CASES),
        ("held", case_table_held.CASES),
        ("breaker", case_table_breaker.CASES),
    )
    for name, text in cases.items()
}


def play(text: str, run: Callable[[np.ndarray], bytes]) -> tuple[list[str], list[str]]:
    """The lines that the case ``text`` expects and those that ``run`` gives.

    ``run`` applies the slots of one command and returns the bytes of its events.
    """
    script = Script()
    for line in PRELUDE.strip().splitlines():
        run(script.slots(line))
    expected: list[str] = []
    got: list[str] = []
    for line in text.strip().splitlines():
        words = line.strip()
        expected.append(words)
        if words.startswith(">"):
            got += [words, *lines(run(script.slots(words)), script.order_ids)]
    return expected, got
