"""The replay tool reads while another process writes, and never changes what it reads."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.engine.state.snapshot import list_snapshots, read_snapshot
from exchange.recovery.rebuild import rebuild
from replay.cli import main
from replay.source import JournalView
from replay.verify import state_difference, verify
from tests.harness.sample_journal import random_commands, write_archive, write_journal

pytestmark = pytest.mark.needs_jit

ROOT = Path(__file__).resolve().parents[2]
SEED = 77
COMMANDS = 40_000


def content(data_dir: Path) -> dict[str, tuple[int, int, str]]:
    """(modification time, size, hash) of every file and directory."""
    found = {}
    for path in sorted([data_dir, *data_dir.rglob("*")]):
        status = path.stat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (status.st_mtime_ns, status.st_size, digest)
    return found


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.system.replay_writer",
            str(tmp_path / "data"),
            str(SEED),
            str(COMMANDS),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def expect(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == word


def test_reading_while_another_process_appends(
    writer: subprocess.Popen[str], tmp_path: Path, capsysbinary: Any
) -> None:
    data_dir = tmp_path / "data"
    # what every reader below needs is compiled before the race begins
    warm = tmp_path / "warm"
    write_journal(warm, random_commands(1, 300))
    write_archive(warm)
    assert verify(JournalView(warm)).good
    expect(writer, "ready")
    looks = 0
    before = 0
    while True:
        verdict = verify(JournalView(data_dir))
        assert verdict.good, verdict.problems
        assert verdict.running
        assert verdict.next_command >= before
        before = verdict.next_command
        for arguments in (
            ["show", "--tail", "3", "--json"],
            ["show", "commands", "--tail", "3", "--json"],
            ["stats", "--json"],
            ["book", "--json"],
            ["snapshot", "--now", "--json"],
        ):
            assert main([arguments[0], "--data-dir", str(data_dir), *arguments[1:]]) == 0
            for line in capsysbinary.readouterr().out.splitlines():
                json.loads(line)
        looks += 1
        assert writer.poll() is None
        assert writer.stdout is not None
        if looks >= 3 and _done(writer):
            break
    for sequence, path in list_snapshots(data_dir / "snapshots"):
        expected = rebuild(data_dir, upto_sequence=sequence, from_snapshot=False).state
        assert state_difference(expected, read_snapshot(path)) is None
    writer.communicate()
    assert writer.returncode == 0
    verdict = verify(JournalView(data_dir))
    assert verdict.good and not verdict.running
    assert verdict.next_command == JournalView(data_dir).next_command > COMMANDS


def _done(process: subprocess.Popen[str]) -> bool:
    """Whether the writer has said that it is done; does not wait."""
    ready, _, _ = select.select([process.stdout], [], [], 0)
    return bool(ready)


def test_nothing_in_the_directory_changes(tmp_path: Path, capsysbinary: Any) -> None:
    data_dir = tmp_path / "data"
    write_journal(data_dir, random_commands(9, 3000), segment_bytes=1 << 17)
    write_archive(data_dir)
    assert main(["snapshot", "--data-dir", str(data_dir)]) == 0
    before = content(data_dir)
    for arguments in (
        ["show", "--tail", "5"],
        ["show", "commands", "--tail", "5"],
        ["show", "--json", "--symbol", "ALPHA"],
        ["verify"],
        ["book", "--levels", "2"],
        ["book", "--at", "900", "--orders"],
        ["stats"],
        ["export", "trades"],
        ["export", "events"],
        ["export", "commands"],
    ):
        assert main([arguments[0], "--data-dir", str(data_dir), *arguments[1:]]) == 0
        capsysbinary.readouterr()
        assert content(data_dir) == before, arguments


@pytest.mark.skipif(os.geteuid() != 0, reason="traces its own child: needs root or ptrace")
def test_nothing_is_opened_for_writing(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    data_dir = tmp_path / "data"
    write_journal(data_dir, random_commands(9, 500))
    write_archive(data_dir)
    log = tmp_path / "trace"
    subprocess.run(
        [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,truncate,mkdir",
            "-o",
            str(log),
            sys.executable,
            "-m",
            "replay.cli",
            "verify",
            "--data-dir",
            str(data_dir),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    touched = [line for line in log.read_text().splitlines() if str(data_dir) in line]
    assert len(touched) > 3
    for line in touched:
        assert "O_RDONLY" in line, line
