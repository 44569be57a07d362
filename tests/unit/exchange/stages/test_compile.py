"""The compilation before the first start: when it is needed, and how its child process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from exchange.errors import StageFailed
from exchange.stages import compile as compiler


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``program(text)``: what runs in place of the compiler."""
    popen = subprocess.Popen

    def replace(text: str) -> list[subprocess.Popen[bytes]]:
        started: list[subprocess.Popen[bytes]] = []

        def start(words: list[str], **options: Any) -> subprocess.Popen[bytes]:
            assert words[1:] == ["-m", "exchange.stages.compile", str(os.getpid())]
            started.append(popen([sys.executable, "-c", text], **options))
            return started[0]

        monkeypatch.setattr(subprocess, "Popen", start)
        return started

    return replace


def test_a_compilation_that_succeeds(program: Any) -> None:
    program("pass")
    assert compiler.run_compiler(lambda: False)


def test_a_compilation_that_fails(program: Any) -> None:
    program("raise SystemExit(3)")
    with pytest.raises(StageFailed, match="compiling failed with status 3"):
        compiler.run_compiler(lambda: False)


def test_a_stop_ends_the_compilation(program: Any) -> None:
    started = program("import time; time.sleep(600)")
    assert not compiler.run_compiler(lambda: True)
    assert started[0].returncode == -9, "no compiler outlives the daemon's stop"


def test_the_stamp_belongs_to_the_sources_and_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EXCHANGE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiler, "JIT_DISABLED", False)
    path = compiler.stamp_path()
    assert path.is_relative_to(tmp_path) and not compiler.is_compiled()
    monkeypatch.setattr(compiler, "source_hash", lambda: "other sources")
    assert compiler.stamp_path() != path
    compiler.stamp_path().parent.mkdir()
    compiler.stamp_path().touch()
    assert compiler.is_compiled()
    monkeypatch.undo()


def test_without_the_jit_there_is_nothing_to_compile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EXCHANGE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiler, "JIT_DISABLED", True)
    assert compiler.is_compiled()


@pytest.mark.needs_jit
def test_a_killed_daemon_leaves_no_compiler_behind(tmp_path: Path) -> None:
    code = "from exchange.stages.compile import run_compiler; run_compiler(lambda: False)"
    environment = os.environ | {
        "EXCHANGE_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": str(compiler.ROOT),
        "TMPDIR": str(tmp_path),
    }
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE
    ) as daemon:
        assert daemon.stderr is not None
        assert b"compiling" in daemon.stderr.readline(), "the child runs"
        (child,) = psutil.Process(daemon.pid).children()
        daemon.kill()
        child.wait(600)
    assert not child.is_running()
