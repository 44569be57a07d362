"""Shared memory, disk and descriptors: what fits, what does not, and that nothing is left."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from exchange.host import storage
from exchange.host.finding import Check, Finding, Host, Level
from exchange.host.storage import existing, judge_syncs, measure_syncs, mount_of
from exchange.settings import load

MIB = 1 << 20
MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:25 / /dev/shm rw,nosuid - tmpfs tmpfs rw
31 22 0:40 / /srv/with\\040space rw - nfs4 server:/export rw
32 22 0:41 / /var/lib rw shared:9 master:2 - fuse.sshfs x rw
33 22 0:42 / /var/lib/exchange rw - xfs /dev/vdb rw
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(load(None).settings, tmp_path / "data", tmp_path)


def one(check: Check, host: Host) -> Finding:
    (found,) = check(host)
    return found


def test_where_there_is_nothing_yet(tmp_path: Path) -> None:
    assert existing(tmp_path / "a" / "b") == tmp_path


def disk(monkeypatch: pytest.MonkeyPatch, free: int, whole: int = 1 << 40) -> None:
    place = SimpleNamespace(f_bavail=free, f_blocks=whole, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda path: place)


def test_shared_memory(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one(storage.shared_memory, host).level == Level.PROBLEM, "nothing is mounted there"
    (host.root / "dev" / "shm").mkdir(parents=True)
    disk(monkeypatch, 1 << 30)
    assert one(storage.shared_memory, host).level == Level.GOOD
    disk(monkeypatch, 16 * MIB)  # what a container has at first is hardly more
    found = one(storage.shared_memory, host)
    assert found.level == Level.PROBLEM and found.found.startswith("16 MiB free")
    assert "mount -o remount,size=" in found.advice


@pytest.mark.parametrize(
    ("path", "point", "kind"),
    [
        ("/home/a", "/", "ext4"),
        ("/dev/shm/x", "/dev/shm", "tmpfs"),
        ("/srv/with space/x", "/srv/with space", "nfs4"),
        ("/var/lib/exchange", "/var/lib/exchange", "xfs"),
        ("/var/lib/exchanges", "/var/lib", "fuse.sshfs"),
    ],
)
def test_mounts(path: str, point: str, kind: str) -> None:
    assert mount_of(Path(path), MOUNTS) == (point, kind)


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("ext4", Level.GOOD),
        ("xfs", Level.GOOD),
        ("tmpfs", Level.PROBLEM),
        ("nfs", Level.PROBLEM),
        ("fuse.sshfs", Level.PROBLEM),
        ("overlay", Level.ADVICE),
        ("btrfs", Level.ADVICE),
    ],
)
def test_file_system(host: Host, kind: str, level: Level) -> None:
    (host.root / "proc" / "self").mkdir(parents=True)
    (host.root / "proc" / "self" / "mountinfo").write_text(f"22 1 254:0 / / rw - {kind} x rw\n")
    assert one(storage.file_system, host).level == level


def test_syncs_are_measured_and_nothing_stays(host: Host, tmp_path: Path) -> None:
    taken = measure_syncs(tmp_path)
    assert len(taken) > 0 and min(taken) > 0
    assert list(tmp_path.iterdir()) == []
    assert one(storage.sync_latency, host).found.endswith("writes of 4 KiB")


@pytest.mark.parametrize(
    ("taken_us", "level", "words"),
    [
        ([150] * 200, Level.GOOD, ""),
        ([1] * 200, Level.ADVICE, "ignores the request"),
        ([9_000] * 200, Level.ADVICE, "power-loss protection"),
        ([150] * 195 + [40_000] * 5, Level.ADVICE, "something else writes"),
    ],
)
def test_what_latencies_say(taken_us: list[int], level: Level, words: str) -> None:
    found = judge_syncs([each * 1000 for each in taken_us])
    assert found.level == level and words in found.advice


def test_a_directory_that_cannot_be_written(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> list[int]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(storage, "measure_syncs", refused)
    found = one(storage.sync_latency, host)
    assert found.level == Level.PROBLEM and "as the user of the exchange" in found.advice


@pytest.mark.parametrize(
    ("free_mib", "level"),
    [(100, Level.PROBLEM), (2_000, Level.ADVICE), (50_000, Level.GOOD)],
)
def test_disk_space(
    host: Host, monkeypatch: pytest.MonkeyPatch, free_mib: int, level: Level
) -> None:
    disk(monkeypatch, free_mib * MIB)
    assert one(storage.disk_space, host).level == level


@pytest.mark.parametrize(
    ("limit", "level"),
    [(resource.RLIM_INFINITY, Level.GOOD), (1 << 20, Level.GOOD), (1_024, Level.PROBLEM)],
)
def test_open_files(host: Host, monkeypatch: pytest.MonkeyPatch, limit: int, level: Level) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, limit))
    found = one(storage.open_files, host)
    assert found.level == level
    api = msgspec.structs.asdict(host.settings.api)["connections"]
    assert ("api.connections" in found.advice) == (level == Level.PROBLEM), api
