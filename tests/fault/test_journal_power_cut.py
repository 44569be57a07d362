"""Power cuts of a real file system: ext4 on a loop device, shut down without flushing its journal.

What the writer said was durable must be there after the file system is mounted again; whatever else
reached the disk must be cut or accepted, never refused.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import select
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from journal.reader import JournalReader
from journal.recovery import recover

CHILD = Path(__file__).with_name("journal_child.py")
ROOT = Path(__file__).resolve().parents[2]
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
DEADLINE_S = 120.0
SEED = 8086
ROUNDS = 6

_spec = importlib.util.spec_from_file_location("journal_child", CHILD)
assert _spec is not None and _spec.loader is not None
child = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(child)

pytestmark = pytest.mark.needs_jit  # the writer calls libc from jitted code


def call(*arguments: str) -> bool:
    return subprocess.run(arguments, capture_output=True, check=False).returncode == 0


@pytest.fixture
def image(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """(image file with an ext4, mount point); skipped where that cannot be had."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4")
    file, point = tmp_path / "disk.img", tmp_path / "mounted"
    point.mkdir()
    with open(file, "wb") as opened:
        opened.truncate(64 << 20)
    if not call("mkfs.ext4", "-q", "-F", str(file)) or not call(
        "mount", "-o", "loop", str(file), str(point)
    ):
        pytest.skip("a loop device cannot be mounted here")
    try:
        yield file, point
    finally:
        call("umount", str(point))


def cut_power(point: Path) -> None:
    descriptor = os.open(point, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


def durable_of(output: bytes) -> int:
    whole = output[: output.rfind(b"\n") + 1].decode()
    said = [int(line.split()[1]) for line in whole.splitlines() if line.startswith("durable")]
    return said[-1] if said else 0


def test_nothing_acknowledged_is_lost(image: tuple[Path, Path]) -> None:
    file, point = image
    directory = point / "data" / "journal"
    generator = np.random.default_rng(SEED)
    print(f"seed {SEED}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    acknowledged = 0
    for round_number in range(ROUNDS):
        slots = int(generator.integers(1, 400))
        arguments = [sys.executable, str(CHILD), str(directory), "100000", str(slots), "262144"]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None
        lines = int(generator.integers(2, 60))
        output = b""
        deadline = time.monotonic() + DEADLINE_S
        try:
            while output.count(b"\n") < lines:
                assert time.monotonic() < deadline, "the child says nothing"
                if select.select([process.stdout], [], [], 1.0)[0]:
                    part = os.read(process.stdout.fileno(), 65536)
                    assert part, "the child ended"
                    output += part
            cut_power(point)
            # From here on every call of the child fails: it must end by itself, fatally.
            output += process.stdout.read()
            assert process.wait(DEADLINE_S) == child.FATAL_STATUS
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        acknowledged = max(acknowledged, durable_of(output))
        assert call("umount", str(point))
        assert call("mount", "-o", "loop", str(file), str(point))
        report = recover(directory, child.HASH, repair=True)
        assert report.next_sequence >= acknowledged, (SEED, round_number, report)
        reader = JournalReader(directory, child.SLOT, child.HASH)
        values = [int(v) for _, records in reader.frames() for v in records["value"][:, 0]]
        assert values == [child.value_of(s) for s in range(report.next_sequence)]
        del reader
    assert acknowledged > 0
