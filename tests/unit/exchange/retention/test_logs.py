"""The log is moved aside when it is large, and the oldest of those moved go."""

from __future__ import annotations

from pathlib import Path

from exchange.retention.logs import moved_logs, rotate


def test_a_large_log_is_moved_and_the_oldest_go(tmp_path: Path) -> None:
    file = tmp_path / "exchange.log"
    assert rotate(file, 10, 2) == 0, "there is none"
    others = [tmp_path / name for name in ("exchange.log.1", "exchange.log.20260101.gz")]
    for path in others:
        path.write_text("whoever moved it keeps it")
    file.write_text("short")
    assert rotate(file, 10, 2) == 0 and file.exists()
    for number in range(4):
        file.write_text(f"long enough {number}")
        rotate(file, 10, 2)
        assert not file.exists()
    assert [path.read_text()[-1] for path in moved_logs(file)] == ["2", "3"]
    assert all(path.exists() for path in others)


def test_fewer_are_kept_when_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "exchange.log"
    for number in range(3):
        file.write_text(f"long enough {number}")
        rotate(file, 1, 8)
    assert rotate(file, 1, 1) == 2
    assert [path.read_text()[-1] for path in moved_logs(file)] == ["2"]
    assert moved_logs(tmp_path / "absent" / "exchange.log") == []
