"""What leaves the disk by itself, by the configuration."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange.core.counters import Counter
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.snapshot import list_snapshots
from exchange.read_model.checkpoint import checkpoint_path
from exchange.recovery.rebuild import rebuild
from exchange.recovery.snapshot_maker import make_snapshot
from exchange.retention.housekeeper import Housekeeper, consumers_of, rules_of
from exchange.settings import Settings, load_settings
from journal.layout import ARCHIVE_SUFFIX, JOURNAL_SUFFIX
from journal.segment import list_segments
from tests.harness import sample_journal
from tests.unit.exchange.recovery.test_snapshot_maker import killed_at

pytestmark = pytest.mark.needs_jit  # thousands of commands
AT_ONCE = {"journal_days": 0, "archive_days": 0}


def settings(**sections: dict[str, Any]) -> Settings:
    """The shipped settings with other values; no api, no store."""
    shipped = load_settings(None)
    keys = {"api": {"enabled": False}, "store": {"dsn": "off"}, "retention": AT_ONCE} | sections
    return msgspec.structs.replace(
        shipped,
        **{
            name: msgspec.structs.replace(getattr(shipped, name), **values)
            for name, values in keys.items()
        },
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("made") / "data"
    commands = sample_journal.two_days(9, 1_500)
    sample_journal.write_journal(data, commands, segment_bytes=65_536)
    sample_journal.write_archive(data)
    make_snapshot(data)
    make_snapshot(data, now=True)
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


class Scene:
    def __init__(
        self, data: Path, found: Settings, stored: int = 0, beat: Callable[[], None] | None = None
    ) -> None:
        self.counted: dict[Counter, int] = {}
        self.now_s = 0.0
        self.keeper = Housekeeper(
            data,
            found,
            stored=lambda: stored,
            count=self.counted.__setitem__,
            beat=beat or (lambda: None),
            clock_s=lambda: self.now_s,
        )


def segments(data: Path, folder: str) -> int:
    return len(
        list_segments(data / folder, JOURNAL_SUFFIX if folder == "journal" else ARCHIVE_SUFFIX)
    )


def test_the_journal_goes_and_without_postgres_the_archive_stays(data: Path) -> None:
    before, archive = rebuild(data), segments(data, "archive")
    journal = segments(data, "journal")
    scene = Scene(data, settings())
    scene.keeper.turn()
    assert segments(data, "journal") < journal and segments(data, "archive") == archive
    gone = scene.counted[Counter.JOURNAL_REMOVED]
    assert gone == journal - segments(data, "journal") > 0
    assert Counter.RETENTION_FAILURES not in scene.counted
    assert scene.counted[Counter.JOURNAL_DISK_BYTES] > 0 < scene.counted[Counter.OTHER_DISK_BYTES]
    after = rebuild(data, repair=True, write_archive=True)
    assert chain_digest(after.state) == chain_digest(before.state)


def test_without_postgres_the_archive_goes_when_it_is_shipped(data: Path, tmp_path: Path) -> None:
    journal, archive = segments(data, "journal"), segments(data, "archive")
    scene = Scene(data, settings(archive={"directory": str(tmp_path / "elsewhere")}))
    scene.keeper.turn()
    for folder, before in (("journal", journal), ("archive", archive)):
        gone = before - segments(data, folder)
        assert gone > 0
        assert len(list((tmp_path / "elsewhere" / folder).iterdir())) == gone
    assert scene.counted[Counter.SEGMENTS_SHIPPED] == (
        scene.counted[Counter.JOURNAL_REMOVED] + scene.counted[Counter.ARCHIVE_REMOVED]
    )


def test_what_cannot_be_shipped_stays(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = segments(data, "journal")
    scene = Scene(data, settings(archive={"command": ["/bin/false", "{file}"]}))
    scene.keeper.turn()
    assert segments(data, "journal") == journal
    assert scene.counted[Counter.SHIPPING_FAILURES] == 1
    assert Counter.JOURNAL_REMOVED not in scene.counted
    assert "/bin/false ended with status 1" in caplog.text


def test_by_default_what_is_young_stays(data: Path) -> None:
    journal = segments(data, "journal")
    scene = Scene(data, settings(retention={}))
    scene.keeper.turn()
    assert segments(data, "journal") == journal


def test_the_archive_goes_when_postgres_has_it_and_the_model_can_begin_later(data: Path) -> None:
    with_store = settings(store={"dsn": "embedded"})
    archive = [first for first, _ in list_segments(data / "archive", ARCHIVE_SUFFIX)]
    Scene(data, with_store, stored=1 << 40).keeper.turn()
    assert segments(data, "archive") == len(archive), "the store has no checkpoint"
    folder = data / "read_model" / "store"
    folder.mkdir(parents=True)
    for event in archive[-2:]:
        checkpoint_path(folder, event).write_bytes(b"")
    # Postgres has not got it
    Scene(data, with_store, stored=0).keeper.turn()
    assert segments(data, "archive") == len(archive)
    for_ever = settings(store={"dsn": "embedded"}, retention={**AT_ONCE, "keep_archive": True})
    Scene(data, for_ever, stored=1 << 40).keeper.turn()
    assert segments(data, "archive") == len(archive)
    scene = Scene(data, with_store, stored=1 << 40)
    scene.keeper.turn()
    gone = scene.counted[Counter.ARCHIVE_REMOVED]
    assert gone == len(archive) - segments(data, "archive") > 0


def test_it_looks_once_in_a_while_and_when_it_is_told_to(data: Path) -> None:
    scene = Scene(data, settings(retention={**AT_ONCE, "check_s": 60}))
    scene.keeper.turn()
    scene.counted.clear()
    scene.now_s = 59.0
    scene.keeper.turn()
    assert not scene.counted
    scene.keeper.turn(now=True)
    assert scene.counted


def test_a_failure_is_counted_and_said(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    (data / "journal" / f"{77:020d}.wal").write_bytes(b"no segment")
    scene = Scene(data, settings())
    scene.keeper.turn()
    assert scene.counted[Counter.RETENTION_FAILURES] == 1
    assert "nothing more was removed" in caplog.text


def test_the_log_is_rotated(data: Path) -> None:
    (data / "exchange.log").write_text("x" * 100)
    found = settings(
        log={"file": "exchange.log"}, retention={**AT_ONCE, "log_bytes": 50, "log_files": 1}
    )
    Scene(data, found).keeper.turn()
    assert not (data / "exchange.log").exists() and len(list(data.glob("exchange.log.*"))) == 1


def test_a_kill_between_any_two_removals_leaves_what_starts(data: Path) -> None:
    before = rebuild(data)
    make_older = list_snapshots(data / "snapshots")[0][1]
    shutil.copyfile(make_older, make_older.with_name(f"{100:020d}.snap"))
    kills = 0
    while killed_at(kills + 1, lambda: Scene(data, settings()).keeper.turn()):
        kills += 1
        after = rebuild(data)
        assert chain_digest(after.state) == chain_digest(before.state)
    assert kills > 0
    assert len(list_snapshots(data / "snapshots")) == 2


def test_what_runs_and_what_the_configuration_asks_for() -> None:
    shipped = load_settings(None)
    assert consumers_of(shipped) == ["api", "store"]
    assert consumers_of(settings(feed={"workers": 1})) == ["feed"]
    day_ns = 86_400 * 10**9
    rules = rules_of(shipped)
    assert rules.journal.age_ns == 7 * day_ns
    assert rules.archive is not None and rules.archive.age_ns == 30 * day_ns
