"""Progress: its text, a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io

import pytest

from exchange.compiler import progress
from exchange.compiler.progress import Progress, ProgressDisplay

HALF = Progress(done=20.0, size=40.0, left_s=11.6, current="order entry")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_text_says_how_much_is_left() -> None:
    assert HALF.text() == (
        "compiling for this machine (first start): 50 %, about 12 s left (order entry)"
    )


def test_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s)
    said: list[str] = []
    display = ProgressDisplay(said.append, io.StringIO())
    display.show(HALF)
    display.show(HALF)
    assert len(said) == 1
    now_s += progress.LINE_INTERVAL_S
    display.show(HALF)
    display.close()
    assert said == [HALF.text()] * 2


def test_a_terminal_gets_one_bar_and_no_lines() -> None:
    said: list[str] = []
    terminal = Terminal()
    display = ProgressDisplay(said.append, terminal)
    display.show(HALF)
    display.show(Progress(done=40.0, size=40.0, left_s=0.0, current="sending"))
    display.close()
    display.close()
    assert not said
    assert "compiling for this machine (first start)" in terminal.getvalue()
