"""What is held back while the compiler works, and what happens when it has ended."""

from __future__ import annotations

import logging
import selectors
from collections.abc import Iterator
from typing import Any

import pytest

from exchange.compiler import stamps
from exchange.compiler.stamps import Part
from exchange.daemon import first_start
from exchange.daemon.first_start import FirstStart
from exchange.errors import StageFailed


class Compiler:
    """Stands in for the compiler's process."""

    made: list[Compiler]

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.failure: StageFailed | None = None
        self.finished = self.closed = False
        Compiler.made.append(self)

    def wait_for_trading(self, cancelled: Any) -> bool:
        return not cancelled()

    def close(self) -> None:
        self.closed = True


class Scene:
    """A first start, and what it asked of the others."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.selector = selectors.DefaultSelector()
        policy: Any = self
        self.start = FirstStart(self.selector, policy)

    def hold(self) -> None:
        self.asked.append("hold")

    def let_go(self) -> None:
        self.asked.append("let go")

    def compile(self, cancelled: bool = False) -> bool:
        return self.start.compile(lambda: self.asked.append("compiling"), lambda: cancelled)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    Compiler.made = []
    monkeypatch.setattr(first_start, "CompilerProcess", Compiler)
    made = Scene()
    yield made
    made.start.close()
    made.selector.close()


def compiled(monkeypatch: pytest.MonkeyPatch, *parts: Part) -> None:
    monkeypatch.setattr(stamps, "is_compiled", lambda part: part in parts)


def test_nothing_waits_when_all_is_compiled(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(monkeypatch, Part.ALL, Part.TRADING)
    assert scene.compile()
    scene.start.look()
    assert not Compiler.made and not scene.asked


def test_trading_waits_for_what_it_needs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(monkeypatch)
    assert scene.compile()
    assert scene.asked == ["hold", "compiling"]
    scene.start.look()
    assert scene.asked == ["hold", "compiling"], "the compiler goes on with the rest"
    (compiler,) = Compiler.made
    compiler.finished = True
    scene.start.look()
    scene.start.look()
    assert scene.asked == ["hold", "compiling", "let go"]
    assert compiler.closed


def test_only_the_interfaces_wait_when_trading_is_compiled(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled(monkeypatch, Part.TRADING)
    assert scene.compile(cancelled=True)
    assert scene.asked == ["hold"]


def test_a_stop_ends_the_wait(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(monkeypatch)
    assert not scene.compile(cancelled=True)
    scene.start.close()
    assert Compiler.made[0].closed


def test_a_compiler_that_fails_is_said_and_holds_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled(monkeypatch, Part.TRADING)
    caplog.set_level(logging.ERROR)
    scene.compile()
    Compiler.made[0].failure = StageFailed("compiling failed with status 1")
    scene.start.look()
    assert scene.asked == ["hold", "let go"]
    assert caplog.messages == [
        "compiling failed with status 1; the interfaces compile what they need themselves"
    ]
