"""The capacities that a data directory has, and has had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exchange.core.capacity import CapacityHistory, CapacityPeriod, EngineCapacity
from exchange.errors import DataDirectoryUnavailable, WrittenByNewer
from exchange.runtime.data_directory import (
    CAPACITY_FILE,
    load_capacities,
    load_capacity,
    save_capacities,
    save_capacity,
)

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


PERIODS = (CapacityPeriod(0, CAPACITY), CapacityPeriod(812, CAPACITY._replace(orders=60)))


def test_periods_are_read_as_they_were_saved(tmp_path: Path) -> None:
    save_capacities(tmp_path, CapacityHistory(PERIODS))
    assert load_capacities(tmp_path) == CapacityHistory(PERIODS)
    assert load_capacity(tmp_path) == CAPACITY._replace(orders=60)


def test_without_an_enlargement_the_file_is_that_of_older_builds(tmp_path: Path) -> None:
    save_capacities(tmp_path, CapacityHistory.of(CAPACITY))
    assert json.loads((tmp_path / CAPACITY_FILE).read_text()) == CAPACITY._asdict()
    (tmp_path / CAPACITY_FILE).write_text(json.dumps(CAPACITY._asdict()))
    assert load_capacities(tmp_path) == CapacityHistory.of(CAPACITY)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"periods": 5}, "list of periods"),
        ({"periods": [5]}, "list of periods"),
        ({"periods": []}, "from command 0"),
        ({"periods": [CAPACITY._asdict()]}, "from_command must be a whole number"),
        ({"periods": [{"from_command": 0}]}, "must hold exactly"),
        ({"periods": [{"from_command": 9} | CAPACITY._asdict()]}, "from command 0"),
    ],
)
def test_periods_that_nobody_saved_so_are_refused(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    save_capacities(tmp_path, CapacityHistory(PERIODS))
    path = tmp_path / CAPACITY_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(DataDirectoryUnavailable, match=problem):
        load_capacities(tmp_path)


def test_periods_of_a_newer_release_are_left_to_it(tmp_path: Path) -> None:
    save_capacities(tmp_path, CapacityHistory(PERIODS))
    path = tmp_path / CAPACITY_FILE
    path.write_text(path.read_text().replace('"version": 2', '"version": 3'))
    with pytest.raises(WrittenByNewer, match=r"is of version 3, and exchange .+ reads 2: start"):
        load_capacities(tmp_path)
