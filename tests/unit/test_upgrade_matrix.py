"""docs/upgrade.md says which versions of its files this release writes; it must be true."""

from __future__ import annotations

from pathlib import Path

from exchange.access import keys
from exchange.backup import manifest
from exchange.engine.state import snapshot
from exchange.read_model import checkpoint
from exchange.runtime.release import RELEASE
from exchange.runtime.releases import numbers
from exchange.store.schema import migrations
from journal import layout

ROOT = Path(__file__).resolve().parents[2]


def rows() -> list[list[str]]:
    section = (ROOT / "docs/upgrade.md").read_text().partition("## What each release writes")[2]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    table = [line for line in lines if len(line) == len(lines[0])]
    return table[:1] + [line for line in table[1:] if line[0][:1].isdigit()]


def test_the_matrix_is_that_of_the_code() -> None:
    head, *releases = rows()
    assert head[0] == "release" and len(releases) >= 1
    written = {
        "journal": layout.VERSION,
        "archive": layout.VERSION,
        "snapshot": snapshot.VERSION,
        "checkpoint": checkpoint.VERSION,
        "backup": manifest.VERSION,
        "keys": keys.VERSION,
        "Postgres": migrations()[-1].version,
    }
    newest = dict(zip(head, releases[-1], strict=True))
    assert newest.pop("release") == RELEASE
    assert newest == {name: str(version) for name, version in written.items()}


def test_versions_only_rise() -> None:
    _, *releases = rows()
    assert [row[0] for row in releases] == sorted((row[0] for row in releases), key=numbers)
    for column in zip(*(map(int, row[1:]) for row in releases), strict=True):
        assert list(column) == sorted(column)
