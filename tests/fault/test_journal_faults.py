"""Real faults under the real writer, in a process of its own: EIO, short write, ENOSPC, kill.

Every test asks the same: what the process said was durable is there after recovery, in order; after
the fault it said nothing more; and the next start goes on from there.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from journal.reader import JournalReader
from journal.recovery import RecoveryReport, recover

CHILD = Path(__file__).with_name("journal_child.py")
ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 120.0
SEED = 5150

_spec = importlib.util.spec_from_file_location("journal_child", CHILD)
assert _spec is not None and _spec.loader is not None
child = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(child)

pytestmark = pytest.mark.needs_jit  # the writer calls libc from jitted code


def strace_works() -> bool:
    """Whether strace is there and may trace here."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0


needs_strace = pytest.mark.skipif(not strace_works(), reason="strace is missing or may not trace")


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile once, so that no child counts system calls of the compiler's cache."""
    directory = tmp_path_factory.mktemp("compile")
    result = run(directory, 2, 3, 8192)
    assert result.returncode == 0, result.stderr


def command(directory: Path, *arguments: int) -> list[str]:
    return [sys.executable, str(CHILD), str(directory), *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run(
    directory: Path, *arguments: int, prefix: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, *command(directory, *arguments)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=environment(),
        check=False,
    )


def inject(rule: str) -> tuple[str, ...]:
    call = rule.split(":")[0]
    return ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={rule}")


def durable_of(output: str) -> int:
    said = [int(line.split()[1]) for line in output.splitlines() if line.startswith("durable")]
    return said[-1] if said else 0


def check(directory: Path, said_durable: int) -> RecoveryReport:
    """Everything that was said to be durable is there; recovery works; the next start goes on."""
    report = recover(directory, child.HASH, repair=True)
    assert report.next_sequence >= said_durable
    values = read_values(directory)
    assert values == [child.value_of(s) for s in range(report.next_sequence)]
    again = run(directory, 3, 5, 65536)
    assert again.returncode == 0, again.stderr
    assert durable_of(again.stdout) == report.next_sequence + 15
    values = read_values(directory)
    assert values == [child.value_of(s) for s in range(report.next_sequence + 15)]
    return report


def read_values(directory: Path) -> list[int]:
    reader = JournalReader(directory, child.SLOT, child.HASH)
    return [int(v) for _, records in reader.frames() for v in records["value"][:, 0]]


def check_fatal(
    result: subprocess.CompletedProcess[str], operation: str, number: int, acknowledged: int
) -> None:
    lines = result.stdout.splitlines()
    assert result.returncode == child.FATAL_STATUS, result.stderr
    assert lines[-1].split()[:3] == ["fatal", operation, str(number)], lines
    assert durable_of(result.stdout) == acknowledged
    assert "done" not in lines


@needs_strace
@pytest.mark.parametrize("commit", [1, 2, 7])
def test_fdatasync_eio_is_final(tmp_path: Path, commit: int) -> None:
    # One fdatasync belongs to the new segment's header.
    result = run(tmp_path, 20, 4, 65536, prefix=inject(f"fdatasync:error=EIO:when={commit + 1}"))
    check_fatal(result, "fdatasync", errno.EIO, (commit - 1) * 4)
    check(tmp_path, (commit - 1) * 4)


@needs_strace
@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EROFS"])
def test_a_failed_write_is_final(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, 20, 4, 65536, prefix=inject(f"pwritev:error={name}:when=5"))
    check_fatal(result, "pwritev", getattr(errno, name), 16)
    report = check(tmp_path, 16)
    assert report.torn_bytes == 0


@needs_strace
@pytest.mark.parametrize("written", [0, 1, 64, 100, 319])
def test_a_short_write_is_final(tmp_path: Path, written: int) -> None:
    result = run(tmp_path, 20, 4, 65536, prefix=inject(f"pwritev:retval={written}:when=3"))
    check_fatal(result, "pwritev", 0, 8)
    check(tmp_path, 8)


@needs_strace
@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_killed_at_a_system_call(tmp_path: Path, call: str) -> None:
    when = 4 if call == "pwritev" else 5
    result = run(tmp_path, 20, 4, 65536, prefix=inject(f"{call}:signal=KILL:when={when}"))
    assert result.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert durable_of(result.stdout) == 12
    check(tmp_path, 12)


@needs_strace
@pytest.mark.parametrize(
    ("call", "when"),
    [("fallocate", 2), ("fsync", 3), ("rename", 3), ("rename", 4), ("fdatasync", 15)],
)
def test_a_roll_that_fails_is_final(tmp_path: Path, call: str, when: int) -> None:
    """At each step of making the second segment; then recovery starts over from a good state."""
    # A segment of 4096 + 12 frames of 5 * 64 + one of 4 * 64; opening made one of everything
    # (fsync: the file's and the directory's), so the roll's are the next.
    rule = f"{call}:error=EIO:when={when}"
    result = run(tmp_path, 40, 4, 8192, prefix=inject(rule))
    assert "ready" in result.stdout
    check_fatal(result, "new_segment", errno.EIO, durable_of(result.stdout))
    assert durable_of(result.stdout) == 51
    check(tmp_path, durable_of(result.stdout))


def test_a_real_short_write_at_a_file_size_limit(tmp_path: Path) -> None:
    """RLIMIT_FSIZE in the middle of a frame: the kernel itself writes a part of it."""
    limit = 4096 + 3 * 320 + 200
    result = run(tmp_path, 20, 4, 65536, limit)
    check_fatal(result, "pwritev", 0, 12)
    report = check(tmp_path, 12)
    assert report.next_sequence == 12
    assert report.torn_bytes > 64
    assert report.torn_records == 4


def test_efbig_at_a_file_size_limit(tmp_path: Path) -> None:
    result = run(tmp_path, 20, 4, 65536, 4096 + 3 * 320)
    check_fatal(result, "pwritev", errno.EFBIG, 12)
    assert check(tmp_path, 12).torn_bytes == 0


@pytest.fixture
def small_file_system(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 64 KiB; skipped where it cannot be mounted."""
    target = tmp_path / "small"
    target.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(target)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here (needs root)")
    yield target
    subprocess.run(["umount", str(target)], check=True)


def test_enospc_of_a_full_file_system(small_file_system: Path, tmp_path: Path) -> None:
    directory = small_file_system / "journal"
    result = run(directory, 500, 4, 16384)
    assert "ready" in result.stdout
    said = durable_of(result.stdout)
    check_fatal(result, "new_segment", errno.ENOSPC, said)
    assert said >= 3 * 38 * 4, "three segments fit"
    # Room again (a bigger disk): recovery goes on from what was acknowledged.
    roomy = tmp_path / "roomy"
    shutil.copytree(directory, roomy)
    assert check(roomy, said).next_sequence == said


def read_lines_until(process: subprocess.Popen[bytes], count: int) -> bytes:
    """Output up to the ``count``-th line, or to the end."""
    assert process.stdout is not None
    output = b""
    deadline = time.monotonic() + DEADLINE_S
    while output.count(b"\n") < count:
        left = deadline - time.monotonic()
        assert left > 0, "the child says nothing"
        if select.select([process.stdout], [], [], left)[0]:
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                break
            output += part
    return output


def test_kill_at_random_moments(tmp_path: Path) -> None:
    """Seeded: killed again and again under load; nothing acknowledged is lost."""
    generator = np.random.default_rng(SEED)
    print(f"seed {SEED}")
    acknowledged = 0
    for round_number in range(6):
        arguments = command(tmp_path, 100_000, int(generator.integers(1, 60)), 65536)
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment())
        try:
            output = read_lines_until(process, int(generator.integers(2, 300)))
        finally:
            process.kill()
            assert process.stdout is not None
            output += process.stdout.read()
            process.stdout.close()
            process.wait()
        whole_lines = output[: output.rfind(b"\n") + 1].decode()
        acknowledged = max(acknowledged, durable_of(whole_lines))
        report = recover(tmp_path, child.HASH, repair=False)
        assert report.next_sequence >= acknowledged, (SEED, round_number)
    recover(tmp_path, child.HASH, repair=True)
    values = read_values(tmp_path)
    assert len(values) >= acknowledged > 0
    assert values == [child.value_of(s) for s in range(len(values))]


def test_a_reader_follows_a_writer_in_another_process(tmp_path: Path) -> None:
    """Over many rolls; every record once, in order, none wrong, and no false alarm."""
    frames, slots = 1500, 37
    total = frames * slots
    arguments = command(tmp_path, frames, slots, 131_072)
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, env=environment())
    try:
        reader = JournalReader(tmp_path, child.SLOT, child.HASH)
        seen = polls = 0
        deadline = time.monotonic() + DEADLINE_S
        while seen < total:
            polls += 1
            for first, records in reader.frames():
                assert first == seen
                expected = [child.value_of(s) for s in range(first, first + len(records))]
                assert records["value"][:, 0].tolist() == expected
                seen += len(records)
            assert time.monotonic() < deadline, seen
            assert process.poll() in (None, 0), "the writer failed"
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()
    assert list(reader.frames()) == []
    print(f"{polls} polls")
