"""The capacities that a data directory's first start has fixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.core.capacity import EngineCapacity
from exchange.errors import DataDirectoryUnavailable
from exchange.runtime.data_directory import CAPACITY_FILE, load_capacity, save_capacity

CAPACITY = EngineCapacity(
    instruments=4, sessions=5, orders=6, leaves=7, nodes=8, tokens=9, accounts=10, positions=11
)


def test_capacities_are_read_as_they_were_saved(tmp_path: Path) -> None:
    assert load_capacity(tmp_path) is None
    save_capacity(tmp_path, CAPACITY)
    assert load_capacity(tmp_path) == CAPACITY
    save_capacity(tmp_path, CAPACITY._replace(orders=60))
    assert load_capacity(tmp_path) == CAPACITY._replace(orders=60)
    assert [path.name for path in tmp_path.iterdir()] == [CAPACITY_FILE]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "must hold exactly"),
        ('{"orders": 6}', "must hold exactly"),
        (None, "positive whole number"),
    ],
)
def test_a_file_that_nobody_saved_so_is_refused(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    if text is None:
        save_capacity(tmp_path, CAPACITY._replace(orders=0))
    else:
        (tmp_path / CAPACITY_FILE).write_text(text)
    with pytest.raises(DataDirectoryUnavailable, match=problem):
        load_capacity(tmp_path)


def test_a_directory_that_cannot_be_written_keeps_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_capacity(tmp_path, CAPACITY)

    def fails(*_: object) -> None:
        raise OSError(5, "the disk is gone")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="gone"):
        save_capacity(tmp_path, CAPACITY._replace(orders=60))
    assert load_capacity(tmp_path) == CAPACITY
    assert [path.name for path in tmp_path.iterdir()] == [CAPACITY_FILE]
