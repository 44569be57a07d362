"""Copies of segments: what is there under its name is whole, and a failure is told."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.retention import shipping
from exchange.retention.shipping import (
    SUFFIX,
    WAITING_DIRECTORY,
    CommandShipper,
    DirectoryShipper,
    ShippingFailed,
    compress,
    decompressed,
    is_copy,
)
from tests.unit.exchange.recovery.test_snapshot_maker import killed_at


def nothing() -> None:
    """Between two steps."""


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "journal" / f"{0:020d}.wal"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(range(256)) * 40_000)  # more than two steps
    return path


def test_a_copy_is_smaller_and_gives_the_same_back(segment: Path, tmp_path: Path) -> None:
    shipper = DirectoryShipper(tmp_path / "elsewhere", 3, nothing)
    shipper.ship(segment)
    copy = tmp_path / "elsewhere" / "journal" / (segment.name + SUFFIX)
    assert copy.stat().st_size < segment.stat().st_size / 10
    assert b"".join(decompressed(copy)) == segment.read_bytes()
    before = copy.stat().st_mtime_ns
    shipper.ship(segment)
    assert copy.stat().st_mtime_ns == before, "it is there already"
    assert list(copy.parent.iterdir()) == [copy]


def test_what_has_the_name_and_is_something_else_is_not_replaced(
    segment: Path, tmp_path: Path
) -> None:
    shipper = DirectoryShipper(tmp_path / "elsewhere", 3, nothing)
    shipper.ship(segment)
    copy = tmp_path / "elsewhere" / "journal" / (segment.name + SUFFIX)
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")
    with pytest.raises(ShippingFailed, match="holds something else"):
        shipper.ship(segment)
    octets = copy.read_bytes()
    for damaged in (octets[:-1], octets[:100], b"no zstd", b""):
        copy.write_bytes(damaged)
        assert not is_copy(copy, segment, nothing)
    copy.write_bytes(b"no zstd")
    with pytest.raises(ShippingFailed, match="damaged"):
        list(decompressed(copy))


def test_a_directory_that_cannot_be_written_is_a_failure(segment: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a file")
    with pytest.raises(ShippingFailed, match="elsewhere"):
        DirectoryShipper(tmp_path / "elsewhere", 3, nothing).ship(segment)


def test_a_kill_at_any_moment_leaves_no_half_under_the_name(segment: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    kills = 0
    while killed_at(kills + 1, lambda: compress(segment, target, 3, nothing)):
        kills += 1
        assert not target.exists() or is_copy(target, segment, nothing)
        target.unlink(missing_ok=True)
    assert kills > 0 and is_copy(target, segment, nothing)


def command(segment: Path, program: str, timeout_s: float = 300.0) -> CommandShipper:
    words = [sys.executable, "-c", program, "{file}", "to/{name}"]
    return CommandShipper(words, segment.parent.parent, 3, timeout_s, nothing)


def test_a_command_takes_the_copy_away(segment: Path, tmp_path: Path) -> None:
    target = tmp_path / "taken"
    name = f"to/journal/{segment.name}.zst"
    program = f"import sys, shutil; shutil.copy(sys.argv[1], {str(target)!r})"
    command(segment, f"{program}; assert sys.argv[2] == {name!r}").ship(segment)
    assert is_copy(target, segment, nothing)
    assert list((segment.parent.parent / WAITING_DIRECTORY).iterdir()) == []


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import sys; sys.exit('no bucket')", "ended with status 1: no bucket"),
        ("import sys; sys.exit(3)", "ended with status 3: no word"),
    ],
)
def test_a_command_that_fails_says_what_it_said(segment: Path, program: str, told: str) -> None:
    with pytest.raises(ShippingFailed, match=told):
        command(segment, program).ship(segment)
    assert list((segment.parent.parent / WAITING_DIRECTORY).iterdir()) == []


def test_a_command_that_is_not_there_is_a_failure(segment: Path) -> None:
    shipper = CommandShipper(["/absent/program", "{file}"], segment.parent.parent, 3, 9, nothing)
    with pytest.raises(ShippingFailed, match="/absent/program"):
        shipper.ship(segment)


def test_a_command_that_hangs_is_ended(segment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen

    def popen(*arguments: object, **keys: object) -> subprocess.Popen[bytes]:
        started.append(real(*arguments, **keys))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(ShippingFailed, match="did not end within"):
        command(segment, "import time; time.sleep(1000)", timeout_s=0.0).ship(segment)
    assert started[0].returncode == -9


def test_the_stop_of_the_exchange_ends_a_command(segment: Path) -> None:
    class Stop(Exception):
        pass

    beats = 0

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats > 10:
            raise Stop

    words = [sys.executable, "-c", "import time; time.sleep(1000)", "{file}"]
    with pytest.raises(Stop):
        CommandShipper(words, segment.parent.parent, 3, 1e6, beat).ship(segment)


def test_a_command_has_the_default_signals(segment: Path) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        with pytest.raises(ShippingFailed, match=r"ended with status 2: SigBlk:.0+ SigIgn:.0+$"):
            text = "grep -E 'SigIgn|SigBlk' /proc/self/status | tr '\\n' ' '; exit 2"
            CommandShipper(
                ["/bin/sh", "-c", text, "{file}"], segment.parent.parent, 3, 300.0, nothing
            ).ship(segment)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_what_a_command_leaves_behind_is_ended(segment: Path, tmp_path: Path) -> None:
    left = tmp_path / "left"
    text = f"sleep 1000 & echo $! > {left}"
    words = ["/bin/sh", "-c", text, "{file}"]
    CommandShipper(words, segment.parent.parent, 3, 300.0, nothing).ship(segment)
    assert ended(int(left.read_text()))


def ended(pid: int) -> bool:
    """Whether process ``pid`` ends, or has, in the next minute."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 60.0)[0])
    finally:
        os.close(descriptor)


def test_a_command_dies_with_its_snapshotter(segment: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = ["/bin/sh", "-c", f"echo $$ > {pipe}; exec sleep 1000", "{file}"]
    snapshotter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from pathlib import Path\n"
            "from exchange.retention.shipping import CommandShipper\n"
            f"shipper = CommandShipper({words!r}, Path({str(tmp_path)!r}), 3, 1e6, lambda: None)\n"
            f"shipper.ship(Path({str(segment)!r}))",
        ]
    )
    pid = int(pipe.read_text())
    snapshotter.kill()
    snapshotter.wait()
    assert ended(pid)


def test_a_command_that_takes_long_is_told_once(
    segment: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shipping, "SLOW_S", 0.0)
    with caplog.at_level(logging.WARNING):
        command(segment, "import time; time.sleep(0.5)").ship(segment)
    (record,) = caplog.records
    assert f"has been taking {segment} away for " in record.getMessage()
