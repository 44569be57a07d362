"""``run.json``: written whole, read back, and never an obstacle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from exchange.runtime.run_file import FILE, RunFile, StageState, read_run_file


def write(directory: Path, **changes: Any) -> RunFile:
    file = RunFile(directory)
    fields: dict[str, Any] = {
        "phase": "running",
        "name": "test",
        "order_entry": "127.0.0.1:9100",
        "addresses": {"order_entry": "127.0.0.1:9100"},
        "day": 20261120,
        "restarts": {"core": 0, "api": 2},
        "stages": {"matcher": StageState(pid=7, cpus=[1], ready=True, started=1.5)},
        "compiling": ["api"],
    }
    file.write(**(fields | changes))
    return file


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    state = read_run_file(tmp_path)
    assert state is not None
    assert (state.pid, state.phase, state.day) == (os.getpid(), "running", 20261120)
    assert state.stages["matcher"] == StageState(pid=7, cpus=[1], ready=True, started=1.5)
    assert state.restarts == {"core": 0, "api": 2} and state.compiling == ["api"]


def test_programs_read_it_as_json(tmp_path: Path) -> None:
    write(tmp_path)
    tree = orjson.loads((tmp_path / FILE).read_bytes())
    assert tree["stages"] == {"matcher": {"pid": 7, "cpus": [1], "ready": True, "started": 1.5}}
    assert tree["addresses"] == {"order_entry": "127.0.0.1:9100"}


def test_the_start_stays_when_it_is_written_again(tmp_path: Path) -> None:
    file = write(tmp_path)
    first = read_run_file(tmp_path)
    file.write(
        phase="stopping",
        name="test",
        order_entry="",
        addresses={},
        day=0,
        restarts={},
        stages={},
        compiling=[],
    )
    second = read_run_file(tmp_path)
    assert first is not None and second is not None
    assert first.started == second.started and second.phase == "stopping"
    assert os.listdir(tmp_path) == [FILE], "no temporary file is left"


def test_remove_twice(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.remove()
    file.remove()
    assert read_run_file(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b'{"pid": 1', b'{"pid": 1}', b"[]"])
def test_a_broken_file_is_no_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert read_run_file(tmp_path) is None


def test_a_directory_that_cannot_be_written_does_not_raise(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "gone")
    file.write(
        phase="", name="", order_entry="", addresses={}, day=0, restarts={}, stages={}, compiling=[]
    )
    assert read_run_file(tmp_path / "gone") is None
