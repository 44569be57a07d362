"""The history of releases on a data directory: noted once each, and who is newer."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from exchange.runtime import releases
from exchange.runtime.releases import (
    FILE,
    is_newer,
    newer_release,
    numbers,
    read_releases,
    remember_release,
)


def test_each_change_of_release_is_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for release in ("0.9.0", "0.9.0", "0.10.0", "0.9.0"):
            remember_release(tmp_path, release)
    assert [run.release for run in read_releases(tmp_path)] == ["0.9.0", "0.10.0", "0.9.0"]
    assert [record.getMessage() for record in caplog.records] == [
        "release 0.10.0 starts where 0.9.0 ran: a newer one",
        "release 0.9.0 starts where 0.10.0 ran: an older one",
    ]


def test_numbers_are_compared_as_numbers() -> None:
    assert numbers("0.10.0rc1") == (0, 10, 0, 1)
    assert is_newer("0.10.0", "0.9.1") and not is_newer("0.9.1", "0.10.0")
    assert not is_newer("1.0.0", "1.0.0")


def test_a_newer_one_is_known_after_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert newer_release(tmp_path) == ""
    for release in ("0.1.0", "0.2.0", "0.1.0"):
        remember_release(tmp_path, release)
    monkeypatch.setattr(releases, "is_newer", lambda newest: is_newer(newest, "0.1.0"))
    assert newer_release(tmp_path) == "0.2.0"
    monkeypatch.setattr(releases, "is_newer", lambda newest: is_newer(newest, "0.2.0"))
    assert newer_release(tmp_path) == ""


def test_a_damaged_file_or_a_full_disk_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_text("{")
    assert read_releases(tmp_path) == []
    remember_release(tmp_path, "0.1.0")
    assert [run.release for run in read_releases(tmp_path)] == ["0.1.0"]
    remember_release(tmp_path / "nothing", "0.1.0")
    assert "No such file" in caplog.text
