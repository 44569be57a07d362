"""The shared-memory region: layout, allocation, refusals, what a crash leaves behind."""

from __future__ import annotations

import errno
import gc
import mmap
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exchange.records import COMMAND, EVENT
from ringbuffer import region as region_module
from ringbuffer.errors import (
    RegionExists,
    RegionInUse,
    RegionMismatch,
    RegionNoSpace,
    RegionNotFound,
)
from ringbuffer.region import Owner, Region, Section, process_start_ticks

ROOT = Path(__file__).resolve().parents[3]
SECTIONS = [
    Section("cursors", np.int64, 33),
    Section("commands", COMMAND, 64),
    Section("empty", np.int32, 0),
    Section("events", EVENT, 16),
]


def test_arrays_are_zero_aligned_and_shared(make_region, region_name):
    region = make_region(SECTIONS)
    for section in SECTIONS:
        array = region.arrays[section.name]
        assert array.dtype == np.dtype(section.dtype)
        assert array.shape == (section.count,)
        assert not array.view(np.uint8).any()
        if section.count:
            assert array.ctypes.data % 128 == 0
    with Region.attach(region_name, SECTIONS) as other:
        other.arrays["events"]["price"][15] = -5
        assert region.arrays["events"]["price"][15] == -5
        # fields that overlap survive the description
        assert other.arrays["events"].dtype == EVENT
        assert other.owner.pid == os.getpid()
        assert other.owner.alive()


def test_the_file_is_private_and_really_allocated(make_region, region_name):
    region = make_region(SECTIONS)
    status = os.stat(f"/dev/shm/{region_name}")
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_size == region.size_bytes
    assert status.st_blocks * 512 >= region.size_bytes


def test_attach_without_expectation_knows_the_layout(make_region, region_name):
    make_region(SECTIONS)
    with Region.attach(region_name) as other:
        assert [(each.name, each.dtype, each.count) for each in other.sections] == [
            (each.name, np.dtype(each.dtype), each.count) for each in SECTIONS
        ]


def test_read_only_attach_refuses_writes(make_region, region_name):
    region = make_region(SECTIONS)
    region.arrays["cursors"][3] = 9
    with Region.attach_read_only(region_name, SECTIONS) as other:
        assert other.arrays["cursors"][3] == 9
        with pytest.raises(ValueError, match="read-only"):
            other.arrays["cursors"][3] = 1
    assert region.arrays["cursors"][3] == 9


def _moved_field() -> np.dtype:
    names = list(COMMAND.names)
    offsets = [COMMAND.fields[name][1] for name in names]
    offsets[-1], offsets[-2] = offsets[-2], offsets[-1]
    formats = [COMMAND.fields[name][0] for name in names]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": 64})


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ([Section("other", np.int64, 33), *SECTIONS[1:]], "section 'cursors' where 'other'"),
        ([Section("cursors", np.int32, 33), *SECTIONS[1:]], "'cursors' has another record layout"),
        ([Section("cursors", np.int64, 34), *SECTIONS[1:]], "has 33 elements, not 34"),
        ([SECTIONS[0], Section("commands", _moved_field(), 64), *SECTIONS[2:]], "'commands' has"),
        (SECTIONS[:-1], "4 sections, 3 were expected"),
    ],
)
@pytest.mark.parametrize("attach", [Region.attach, Region.attach_read_only])
def test_attach_refuses_another_layout(make_region, region_name, expected, message, attach):
    make_region(SECTIONS)
    with pytest.raises(RegionMismatch, match=message):
        attach(region_name, expected)


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (0, b"X", "bad magic"),
        (8, struct.pack("<I", 99), "version 99, this program knows 1"),
        (12, struct.pack("<I", 64), "bytes long, its header says"),
        (16, struct.pack("<Q", 1 << 40), "its header says 1099511627776"),
        (24, struct.pack("<Q", 1), "layout hash"),
        (52, struct.pack("<I", 0), "has not finished"),
        (70, b"Z", "layout hash"),
    ],
)
@pytest.mark.parametrize("attach", [Region.attach, Region.attach_read_only])
def test_attach_refuses_a_damaged_header(make_region, region_name, offset, value, message, attach):
    make_region(SECTIONS)
    with open(f"/dev/shm/{region_name}", "r+b") as stream:
        stream.seek(offset)
        stream.write(value)
    with pytest.raises(RegionMismatch, match=message):
        attach(region_name, SECTIONS)


@pytest.mark.parametrize("attach", [Region.attach, Region.attach_read_only])
def test_attach_refuses_what_is_not_there_or_not_finished(region_name, attach):
    with pytest.raises(RegionNotFound, match=region_name):
        attach(region_name)
    path = Path("/dev/shm", region_name)
    path.touch()
    with pytest.raises(RegionMismatch, match="not finished"):
        attach(region_name)
    path.write_bytes(b"short")
    with pytest.raises(RegionMismatch, match="5 bytes are too few"):
        attach(region_name)


def test_the_name_is_taken(make_region, region_name):
    make_region(SECTIONS)
    with pytest.raises(RegionExists, match=region_name):
        Region.create(region_name, SECTIONS)


def test_bad_sections(region_name):
    with pytest.raises(ValueError, match="not unique"):
        Region.create(region_name, [SECTIONS[0], SECTIONS[0]])
    with pytest.raises(ValueError, match="negative"):
        Region.create(region_name, [Section("a", np.int64, -1)])


def test_a_long_section_table_makes_the_header_longer(make_region, region_name):
    sections = [Section(f"section_{number:03}", EVENT, 1) for number in range(40)]
    region = make_region(sections)
    region.arrays["section_039"]["sequence"] = 7
    with Region.attach(region_name, sections) as other:
        assert other.arrays["section_039"]["sequence"][0] == 7


def test_arrays_outlive_close(make_region, region_name):
    region = make_region(SECTIONS)
    array = region.arrays["cursors"]
    array[0] = 3
    region.close()
    region.close()
    region.unlink()
    region.unlink()
    array[1] = 4
    assert list(array[:2]) == [3, 4]
    assert not Path("/dev/shm", region_name).exists()


def test_close_gives_memory_and_descriptor_back(make_region, region_name):
    gc.collect()  # descriptors that other tests' garbage still holds are not ours to count
    before = len(os.listdir("/proc/self/fd"))
    region = make_region(SECTIONS)
    array = region.arrays["cursors"]
    region.close()
    assert region_name in Path("/proc/self/maps").read_text()
    del array
    gc.collect()
    assert region_name not in Path("/proc/self/maps").read_text()
    assert len(os.listdir("/proc/self/fd")) == before


def test_reclaim_refuses_while_the_owner_lives(make_region, region_name):
    make_region(SECTIONS)
    with pytest.raises(RegionInUse, match=f"belongs to process {os.getpid()}"):
        Region.reclaim(region_name)
    assert Path("/dev/shm", region_name).exists()


def test_reclaim_after_a_crash(region_name, start_worker):
    assert Region.reclaim(region_name) is False
    process = start_worker("crash", region_name)
    # Not waited for: the zombie is dead too.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Path("/dev/shm", region_name).exists()
    assert Region.reclaim(region_name) is True
    assert Region.reclaim(region_name) is False
    with Region.create(region_name, SECTIONS):
        pass


def test_reclaim_notices_that_the_pid_was_reused(make_region, region_name):
    make_region(SECTIONS)
    with open(f"/dev/shm/{region_name}", "r+b") as stream:
        stream.seek(40)
        stream.write(struct.pack("<q", process_start_ticks(os.getpid()) - 1))
    assert Region.reclaim(region_name) is True


def test_reclaim_of_what_its_creator_did_not_finish(region_name):
    path = Path("/dev/shm", region_name)
    for content in (b"", b"\0" * 4096):
        path.write_bytes(content)
        assert Region.reclaim(region_name) is True
        assert not path.exists()


def test_reclaim_leaves_a_foreign_block_alone(region_name):
    path = Path("/dev/shm", region_name)
    path.write_bytes(b"somebody else's shared memory".ljust(4096, b"."))
    with pytest.raises(RegionMismatch, match="not a region of ours"):
        Region.reclaim(region_name)
    assert path.exists()


def test_owner_of_a_process_that_is_gone():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert process_start_ticks(process.pid) is None
    assert not Owner(process.pid, 0).alive()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM])
def test_no_space_is_a_clean_error(monkeypatch, region_name, number):
    def full(descriptor, offset, size_bytes):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(region_module.os, "posix_fallocate", full)
    with pytest.raises(RegionNoSpace, match=f"no room for shared memory region '{region_name}'"):
        Region.create(region_name, SECTIONS)
    assert not Path("/dev/shm", region_name).exists()


_FILL = """
import sys
import numpy as np
from ringbuffer.errors import RegionNoSpace
from ringbuffer.region import Region, Section
try:
    Region.create("full", [Section("a", np.int64, 1 << 20)])
except RegionNoSpace as error:
    print(error)
    sys.exit(42)
"""


def test_no_space_on_a_real_full_memory_file_system():
    """In a mount namespace of its own, /dev/shm is a file system of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    script = (
        "mount -t tmpfs -o size=64k tmpfs /dev/shm || exit 1; "
        '"$1" -W error -c "$2"; status=$?; ls /dev/shm; exit $status'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, _FILL],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    assert done.returncode == 42, done.stderr
    assert "8392704 bytes needed" in done.stdout
    assert "full\n" not in done.stdout.splitlines(keepends=True)
    assert done.stderr == ""


_ATTACH_AND_DIE = """
import sys
from ringbuffer.region import Region
region = Region.attach(sys.argv[1])
keep = region.arrays["cursors"]
keep[0] += 1
"""


def test_no_resource_tracker_removes_or_warns(make_region, region_name):
    """A process that attaches and exits without closing leaves the region alone and is silent."""
    region = make_region(SECTIONS)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", _ATTACH_AND_DIE, region_name],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert region.arrays["cursors"][0] == 2
    assert Path("/dev/shm", region_name).exists()


_CREATE_AND_DIE = """
import sys
import numpy as np
from ringbuffer.region import Region, Section
region = Region.create(sys.argv[1], [Section("cursors", np.int64, 8)])
keep = region.arrays["cursors"]
tracker = sys.modules["multiprocessing.resource_tracker"]._resource_tracker
assert tracker._fd is None, "a resource tracker process was started"
"""


def test_a_creator_that_exits_without_cleaning_up_is_silent(region_name):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CREATE_AND_DIE, region_name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Region.reclaim(region_name) is True


def test_page_size_is_what_the_layout_assumes():
    assert mmap.PAGESIZE % region_module.PAGE_BYTES == 0
