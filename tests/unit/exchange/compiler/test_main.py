"""The compiler's program: what it reports, and when the stamps come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from exchange.compiler import __main__ as program
from exchange.compiler import pool, stamps, units
from exchange.compiler.pool import Compiled
from exchange.compiler.progress import Progress
from exchange.compiler.stamps import Part
from exchange.compiler.units import Unit
from ringbuffer.jit import cache


def test_trading_is_stamped_when_its_last_unit_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        Unit("order entry", 3.0, True, lambda: None),
        Unit("engine", 1.0, True, lambda: None),
        Unit("page", 4.0, False, lambda: None),
    ]
    said: list[object] = []

    def in_another_order(units: Sequence[Unit], processes: int) -> Iterator[Compiled]:
        assert units == made and processes >= 1
        for number in (1, 2, 0):
            yield Compiled(number, 0.1, 0.1)

    monkeypatch.setattr(units, "units", lambda: made)
    monkeypatch.setattr(pool, "compile_units", in_another_order)
    monkeypatch.setattr(stamps, "stamp", said.append)
    monkeypatch.setattr(cache, "prune", lambda: said.append("pruned"))

    def report(progress: Progress) -> None:
        said.append((progress.current, progress.percent, progress.trading))

    program.compile_everything(report)
    assert said == [
        ("engine", 12, False),
        ("page", 62, False),
        Part.TRADING,
        ("order entry", 100, True),
        Part.ALL,
        "pruned",
    ]
