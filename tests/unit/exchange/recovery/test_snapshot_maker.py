"""Snapshots by replay: what goes in, what is refused, and that an interruption harms nothing."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.snapshot import list_snapshots, read_snapshot
from exchange.errors import ArchiveCorrupt, DataDirectoryUnavailable, SnapshotInvalid
from exchange.recovery import snapshot_maker
from exchange.recovery.archive_check import ArchiveDiffers
from exchange.recovery.rebuild import rebuild
from exchange.recovery.snapshot_maker import end_of_final, make_snapshot
from journal.layout import HEADER_BYTES
from tests.harness import sample_journal

pytestmark = pytest.mark.needs_jit  # thousands of commands


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("made") / "data"
    sample_journal.write_journal(
        data, sample_journal.random_commands(5, 2_000), segment_bytes=65_536
    )
    sample_journal.write_archive(data)
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


def test_what_is_sealed_goes_in_and_with_now_what_is_archived(data: Path) -> None:
    sealed = make_snapshot(data)
    assert sealed is not None and sealed.made
    assert sealed.next_command == end_of_final(data, now=False)
    newest = make_snapshot(data, now=True)
    assert newest is not None and newest.commands_replayed > 0
    assert newest.next_command == end_of_final(data, now=True) > sealed.next_command
    again = make_snapshot(data, now=True)
    assert again is not None and not again.made and again.path == newest.path
    expected = rebuild(data, upto_sequence=newest.next_command, from_snapshot=False).state
    assert chain_digest(read_snapshot(newest.path)) == chain_digest(expected)


def test_where_nothing_is_final_there_is_none(tmp_path: Path) -> None:
    sample_journal.write_journal(tmp_path, sample_journal.random_commands(5, 10))
    assert make_snapshot(tmp_path) is None
    assert make_snapshot(tmp_path, now=True) is None, "nothing is archived"


def test_nothing_is_made_of_an_archive_that_differs_or_lacks_events(data: Path) -> None:
    archive = min((data / "archive").glob("*.evt"))
    octets = bytearray(archive.read_bytes())
    octets[HEADER_BYTES + 40 * 128 + 60] ^= 1
    archive.write_bytes(octets)
    with pytest.raises(ArchiveDiffers):
        make_snapshot(data, now=True)
    archive.unlink()
    with pytest.raises(ArchiveCorrupt, match="missing"):
        make_snapshot(data)
    (data / "engine.json").unlink()
    with pytest.raises(DataDirectoryUnavailable, match=r"engine\.json"):
        make_snapshot(data)
    assert list_snapshots(data / "snapshots") == []


def test_what_reads_otherwise_than_it_was_written_gets_no_name(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exchange.engine.state import snapshot

    def other(path: Path) -> Any:
        state = read_snapshot(path)
        state.orders[1] ^= 1
        return state

    monkeypatch.setattr(snapshot, "read_snapshot", other)
    with pytest.raises(SnapshotInvalid, match="read back differently: other orders"):
        make_snapshot(data, now=True)
    assert list((data / "snapshots").iterdir()) == []


def test_an_end_from_outside_leaves_nothing(data: Path) -> None:
    def end(*_: int) -> None:
        raise InterruptedError

    for stop in ({"progress": end}, {"pace": end}):
        with pytest.raises(InterruptedError):
            make_snapshot(data, now=True, **stop)  # type: ignore[arg-type]
        assert list((data / "snapshots").iterdir()) == []


def killed_at(call: int, work: Callable[[], object]) -> bool:
    """Do ``work`` in a child that is killed at its ``call``-th change of a file; whether it was."""
    pid = os.fork()
    if pid == 0:
        left = call

        def deadly(name: str) -> Callable[..., Any]:
            real = getattr(os, name)

            def wrapped(*arguments: Any, **keys: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **keys)

            return wrapped

        for name in ("open", "write", "fsync", "rename", "unlink"):
            setattr(os, name, deadly(name))
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(data: Path) -> None:
    make_snapshot(data)
    snapshots = data / "snapshots"
    before = [path.name for _, path in list_snapshots(snapshots)]
    end = rebuild(data)
    calls = 0
    while killed_at(calls + 1, lambda: make_snapshot(data, now=True)):
        calls += 1
        found = [path for _, path in list_snapshots(snapshots)]
        assert [path.name for path in found][:1] == before
        for path in found:
            read_snapshot(path)  # whatever has the name of a snapshot is good
        if len(found) > 1:
            found[-1].unlink()
    assert calls > 20
    assert sorted(path.name for path in snapshots.iterdir()) == sorted(
        path.name for _, path in list_snapshots(snapshots)
    ), "what the killed ones left is gone"
    after = rebuild(data)
    assert chain_digest(after.state) == chain_digest(end.state)
    assert after.snapshot_used is not None and len(list_snapshots(snapshots)) == 2


def test_what_a_living_writer_is_at_stays(data: Path) -> None:
    assert snapshot_maker.make_snapshot(data, now=True) is not None
    living = data / "snapshots" / f"{9:020d}.snap.{os.getpid()}.new"
    dead = data / "snapshots" / f"{9:020d}.snap.{1 << 30}.new"
    for path in (living, dead):
        path.write_bytes(b"")
    make_snapshot(data, now=True)
    assert living.exists() and not dead.exists()
