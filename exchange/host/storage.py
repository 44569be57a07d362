"""Checks of what an exchange keeps: shared memory, file system, disk, descriptors.

Who uses it: ``cli.py``. The latency of fdatasync is measured as the journal needs it: blocks of
4 KiB into a file whose bytes have been written before. The file is removed again.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from exchange.control.disk_guard import PART, SEGMENTS
from exchange.core.region import RingCapacities, core_sections
from exchange.host.finding import Finding, Host, Level
from exchange.runtime.descriptors import needs

MIB = 1 << 20
BLOCK = bytes(4096)
WRITES = 200
LIMIT_NS = 3_000_000_000  # a slow disk is measured as long as this
SLOW_US = 2_000
UNSTEADY = 20  # the slowest of a hundred may take so many times the median
TOO_FAST_US = 5  # no device acknowledges so soon

# how a file system keeps what fdatasync has promised: what to know of it
LOSES_ALL = {"tmpfs": "it is memory", "ramfs": "it is memory"}
FOREIGN = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse", "fuseblk", "virtiofs")
COPIES = ("btrfs", "zfs", "bcachefs")
LAYERS = ("overlay", "aufs")


def existing(path: Path) -> Path:
    """``path``, or the nearest of its parents that there is."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def shared_memory(host: Host) -> Iterator[Finding]:
    """Whether the rings find room in /dev/shm."""
    rings = RingCapacities(**msgspec.structs.asdict(host.settings.rings))
    needed = sum(section.size_bytes for section in core_sections(rings)) + MIB
    folder = host.root / "dev/shm"
    if not folder.is_dir():
        yield Finding("/dev/shm", Level.PROBLEM, "not mounted", "mount a tmpfs on /dev/shm")
        return
    place = os.statvfs(folder)
    free = place.f_bavail * place.f_frsize
    found = f"{free / MIB:,.0f} MiB free, the rings need {needed / MIB:,.0f}"
    if free >= needed:
        yield Finding("/dev/shm", Level.GOOD, found)
    else:
        advice = (
            f"`mount -o remount,size={-(-needed * 2 // MIB)}m /dev/shm` (containers: --shm-size), "
            "or smaller [rings]; an exchange that runs has its rings already"
        )
        yield Finding("/dev/shm", Level.PROBLEM, found, advice)


def mount_of(path: Path, mountinfo: str) -> tuple[str, str]:
    """(mount point, type) of the file system of ``path``, from /proc/self/mountinfo."""
    best = ("/", "unknown")
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4].encode().decode("unicode_escape")  # a space is \040
        if path.is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, right.split()[0])
    return best


def file_system(host: Host) -> Iterator[Finding]:
    """Whether what is synced stays, and what it costs."""
    path = existing(host.data_directory).resolve()
    point, kind = mount_of(path, host.text("proc/self/mountinfo") or "")
    found = f"{kind} ({point})"
    name = "file system"
    if kind in LOSES_ALL:
        advice = f"{LOSES_ALL[kind]}: a restart of the machine loses every trade; use a disk"
        yield Finding(name, Level.PROBLEM, found, advice)
    elif kind.partition(".")[0] in FOREIGN:
        advice = "what another machine has synced is not known here; use a local ext4 or xfs"
        yield Finding(name, Level.PROBLEM, found, advice)
    elif kind in LAYERS:
        advice = "the data goes with the container: mount a volume"
        yield Finding(name, Level.ADVICE, found, advice)
    elif kind in COPIES:
        advice = "copy on write makes each fdatasync slower than on ext4 or xfs"
        yield Finding(name, Level.ADVICE, found, advice)
    else:
        yield Finding(name, Level.GOOD, found)


def measure_syncs(folder: Path) -> list[int]:
    """Nanoseconds of each write of 4 KiB with its fdatasync in ``folder``. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".exchange-check-") as file:
        descriptor = file.fileno()
        os.pwrite(descriptor, BLOCK * WRITES, 0)
        os.fsync(descriptor)
        taken: list[int] = []
        while len(taken) < WRITES and sum(taken) < LIMIT_NS:
            began = time.perf_counter_ns()
            os.pwrite(descriptor, BLOCK, len(taken) * len(BLOCK))
            os.fdatasync(descriptor)
            taken.append(time.perf_counter_ns() - began)
        return taken


def judge_syncs(taken_ns: Sequence[int]) -> Finding:
    """What the measured latencies say."""
    ordered = sorted(taken_ns)
    middle = ordered[len(ordered) // 2] / 1000
    high = ordered[len(ordered) * 99 // 100] / 1000
    found = f"median {middle:,.0f} µs, p99 {high:,.0f} µs, of {len(ordered)} writes of 4 KiB"
    if middle < TOO_FAST_US:
        advice = "nothing is made durable so fast: the disk, or its host, ignores the request"
        return Finding("fdatasync", Level.ADVICE, found, advice)
    if middle > SLOW_US:
        advice = "every answer waits for it: a disk with power-loss protection takes under 100 µs"
        return Finding("fdatasync", Level.ADVICE, found, advice)
    if high > UNSTEADY * middle:
        advice = "something else writes to this disk: give the data directory one of its own"
        return Finding("fdatasync", Level.ADVICE, found, advice)
    return Finding("fdatasync", Level.GOOD, found)


def sync_latency(host: Host) -> Iterator[Finding]:
    """How long the disk takes to make a commit durable."""
    folder = existing(host.data_directory)
    try:
        yield judge_syncs(measure_syncs(folder))
    except OSError as error:
        found = f"{folder} cannot be written: {error.strerror}"
        advice = "run it as the user of the exchange; the data directory must be that user's"
        yield Finding("fdatasync", Level.PROBLEM, found, advice)


def disk_space(host: Host) -> Iterator[Finding]:
    """Whether there is more room than that at which new orders stop."""
    place = os.statvfs(existing(host.data_directory))
    free = place.f_bavail * place.f_frsize
    whole = place.f_blocks * place.f_frsize
    journal = host.settings.journal
    stop = max(min(journal.stop_free_bytes, whole // PART), SEGMENTS * journal.segment_bytes)
    found = (
        f"{free / MIB:,.0f} of {whole / MIB:,.0f} MiB free; new orders stop below {stop / MIB:,.0f}"
    )
    if free < stop:
        advice = "make room: `exchange prune` shows what may go"
        yield Finding("disk", Level.PROBLEM, found, advice)
    elif free < 4 * stop:
        yield Finding("disk", Level.ADVICE, found, "a busy day may fill it: `exchange prune`")
    else:
        yield Finding("disk", Level.GOOD, found)


def open_files(host: Host) -> Iterator[Finding]:
    """Whether the hard limit of descriptors allows the configured connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(needs(host.settings), key=lambda need: need.descriptors)
    unlimited = hard == resource.RLIM_INFINITY
    limit = "no limit" if unlimited else f"{hard:,} at most"
    found = f"{limit}; {most.process} needs {most.descriptors:,}"
    if unlimited or hard >= most.descriptors:
        yield Finding("open files", Level.GOOD, found)
    else:
        advice = (
            f"LimitNOFILE={most.descriptors} in the unit, `ulimit -Hn`, or a smaller {most.key}"
        )
        yield Finding("open files", Level.PROBLEM, found, advice)
