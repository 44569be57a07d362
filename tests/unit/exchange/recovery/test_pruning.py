"""What may go; tests/faults/test_disk_use_and_pruning.py removes it and starts again."""

from __future__ import annotations

from pathlib import Path

from exchange.recovery.pruning import Prunable, prunable, remove
from tests.harness import sample_journal


def test_a_young_exchange_has_nothing_to_remove_and_says_why(tmp_path: Path) -> None:
    sample_journal.make(tmp_path, count=100)
    before = sorted(tmp_path.rglob("*"))
    found = prunable(tmp_path, keep_ns=0, archive=True)
    assert found.paths == [] and "0 verified snapshots" in found.kept["archive"]
    remove(found)
    assert sorted(tmp_path.rglob("*")) == before


def test_paths_are_all_of_it() -> None:
    assert Prunable([Path("a")], [Path("b")], [Path("c")], {}).paths == [
        Path("a"),
        Path("b"),
        Path("c"),
    ]
