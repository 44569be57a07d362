"""Snapshots one after another, and what is wrong with each."""

from __future__ import annotations

from pathlib import Path

from exchange.core.capacity import EngineCapacity
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import NEXT_COMMAND
from exchange.engine.state.snapshot import write_snapshot
from exchange.recovery.snapshots import read_snapshots

CAPACITY = EngineCapacity(
    instruments=4, sessions=4, orders=64, leaves=16, nodes=16, tokens=64, accounts=4, positions=16
)


def write(directory: Path, next_command: int) -> Path:
    state = create_state(CAPACITY)
    state.scalars[NEXT_COMMAND] = next_command
    return write_snapshot(directory, state)


def test_snapshots_come_in_order_and_say_what_is_wrong_with_them(tmp_path: Path) -> None:
    good, damaged, renamed = (write(tmp_path, sequence) for sequence in (7, 20, 300))
    octets = bytearray(damaged.read_bytes())
    octets[-1] ^= 1
    damaged.write_bytes(octets)
    renamed = renamed.rename(renamed.with_name(f"{400:020d}.snap"))
    found = list(read_snapshots(tmp_path))
    assert [(each.sequence, each.path) for each in found] == [
        (7, good),
        (20, damaged),
        (400, renamed),
    ]
    assert [each.state is None for each in found] == [False, True, True]
    assert found[0].problem == ""
    assert str(damaged.name) in found[1].problem
    assert "another command sequence" in found[2].problem
    newest_first = [each.sequence for each in read_snapshots(tmp_path, newest_first=True)]
    assert newest_first == [400, 20, 7]


def test_an_absent_directory_has_no_snapshots(tmp_path: Path) -> None:
    assert list(read_snapshots(tmp_path / "absent")) == []
