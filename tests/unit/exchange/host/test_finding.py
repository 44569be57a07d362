"""What a check looks at, and what it says."""

from __future__ import annotations

from pathlib import Path

from exchange.host.finding import Finding, Host, Level
from exchange.settings import load


def test_a_host_below_another_root(tmp_path: Path) -> None:
    host = Host(load(None).settings, tmp_path, tmp_path)
    assert host.text("proc/swaps") is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "swaps").write_text("Filename\n\n")
    assert host.text("proc/swaps") == "Filename"


def test_the_levels_are_what_programs_read() -> None:
    assert [level.value for level in Level] == ["good", "advice", "problem"]
    assert Finding("disk", Level.GOOD, "much").advice == ""
