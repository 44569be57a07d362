"""The processes that compile: every unit once, failures told, nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest

from exchange.compiler.pool import compile_units
from exchange.compiler.units import Unit

pytestmark = pytest.mark.needs_jit


def _unit(name: str, action: object, trading: bool = True) -> Unit:
    return Unit(name, 1.0, trading, action)  # type: ignore[arg-type]


def test_every_unit_is_compiled_once(tmp_path: Path) -> None:
    def note(name: str) -> object:
        return lambda: (tmp_path / name).write_text(f"{os.getpid()} {os.nice(0)}")

    made = [_unit("a", note("a")), _unit("b", note("b")), _unit("c", note("c"), trading=False)]
    done = list(compile_units(made, 2))
    assert sorted(each.unit for each in done) == [0, 1, 2]
    written = {path.name: path.read_text().split() for path in tmp_path.iterdir()}
    assert set(written) == {"a", "b", "c"}
    assert str(os.getpid()) not in {pid for pid, _ in written.values()}
    assert int(written["c"][1]) == max(10, os.nice(0)), "the rest leaves trading its processors"


def test_what_a_unit_raises_ends_the_compilation() -> None:
    def fail() -> None:
        raise ValueError("a bug in a unit")

    with pytest.raises(ValueError, match="a bug in a unit"):
        list(compile_units([_unit("a", fail)], 1))


def test_a_process_that_is_killed_ends_the_compilation() -> None:
    with pytest.raises(BrokenProcessPool):
        list(compile_units([_unit("a", lambda: os.kill(os.getpid(), signal.SIGKILL))], 1))


def test_a_killed_compiler_leaves_no_process_behind(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from exchange.compiler.pool import compile_units\n"
        "from exchange.compiler.units import Unit\n"
        "def stay():\n"
        "    print(os.getpid(), flush=True); time.sleep(600)\n"
        "list(compile_units([Unit('a', 1.0, True, stay)], 1))\n"
    )
    root = Path(__file__).resolve().parents[4]
    with subprocess.Popen(
        [sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE
    ) as compiler:
        assert compiler.stdout is not None
        child = psutil.Process(int(compiler.stdout.readline()))
        compiler.kill()
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
