"""The compiler beside the daemon: trading early, failures, and its end."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exchange.compiler.progress import Progress
from exchange.daemon import compiler_process
from exchange.daemon.compiler_process import CompilerProcess
from exchange.errors import StageFailed

LINE = "import msgspec, sys, time; from exchange.compiler.progress import Progress\n"
SAY = "print(msgspec.json.encode(Progress(1.0, 2.0, 3.0, 'engine', {})).decode(), flush=True)\n"
Start = Callable[[str], CompilerProcess]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """``start(text)``: the program ``text`` in place of the compiler."""
    popen = subprocess.Popen
    made: list[CompilerProcess] = []
    with selectors.DefaultSelector() as selector:

        def start_program(text: str) -> CompilerProcess:
            def instead(words: list[str], **options: Any) -> subprocess.Popen[bytes]:
                assert words[1:] == ["-m", "exchange.compiler", str(os.getpid())]
                return popen([sys.executable, "-c", text], **options)

            monkeypatch.setattr(compiler_process.subprocess, "Popen", instead)
            made.append(CompilerProcess(selector))
            return made[0]

        yield start_program
        for process in made:
            process.close()


def test_trading_is_ready_before_the_end(start: Start) -> None:
    compiler = start(LINE + SAY.format(False) + SAY.format(True) + "time.sleep(600)")
    assert compiler.wait_for_trading(lambda: False)
    assert not compiler.finished and compiler.failure is None
    compiler.close()
    assert compiler._process.returncode == -9, "no compiler outlives the daemon's stop"


def test_everything_is_ready_at_the_end(start: Start) -> None:
    compiler = start("pass")
    assert compiler.wait_for_trading(lambda: False)
    assert compiler.finished and compiler.failure is None


def test_a_failure_is_told_with_its_status(start: Start) -> None:
    compiler = start("raise SystemExit(3)")
    with pytest.raises(StageFailed, match="compiling failed with status 3"):
        compiler.wait_for_trading(lambda: False)


def test_a_stop_ends_the_waiting(start: Start) -> None:
    compiler = start("import time; time.sleep(600)")
    assert not compiler.wait_for_trading(lambda: True)


def test_systemd_learns_of_the_progress(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(compiler_process, "notify_systemd", said.append)
    start(LINE + SAY.format(True)).wait_for_trading(lambda: False)
    text = Progress(1.0, 2.0, 3.0, "engine").text()
    assert said[0] == f"STATUS={text}\nEXTEND_TIMEOUT_USEC=120000000"
