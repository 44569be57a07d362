"""Populating memory: resident afterwards, and not a byte changed."""

from __future__ import annotations

import mmap
import platform

import numpy as np
import pytest

from ringbuffer.prefault import prefault, prefault_in_background


def resident_bytes(address: int) -> int:
    """Rss of the mapping that holds ``address``, from the kernel's own account."""
    inside = False
    with open("/proc/self/smaps") as lines:
        for line in lines:
            first = line.split()[0]
            if "-" in first and not first.endswith(":"):
                low, high = (int(part, 16) for part in first.split("-"))
                inside = low <= address < high
            elif inside and first == "Rss:":
                return int(line.split()[1]) * 1024
    return 0


@pytest.fixture
def populating_kernel() -> None:
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if release < (5, 14):
        pytest.skip("MADV_POPULATE_WRITE needs Linux 5.14")


def test_pages_become_resident_and_keep_their_content(populating_kernel: None) -> None:
    block = mmap.mmap(-1, 8 << 20)
    array = np.frombuffer(block, np.int64)
    array[5] = 77
    before = resident_bytes(array.ctypes.data)
    assert prefault(array) == array.nbytes
    assert resident_bytes(array.ctypes.data) - before >= array.nbytes // 2
    assert array[5] == 77
    assert int(np.abs(array).sum()) == 77


def test_a_limit_is_kept_and_part_pages_are_left_out(populating_kernel: None) -> None:
    array = np.zeros(1 << 20, np.int64)
    page = mmap.PAGESIZE
    assert prefault(array, 10 * page) in (9 * page, 10 * page)
    assert prefault(array[: page // 16]) == 0


def test_background_goes_through_arrays_in_order(populating_kernel: None) -> None:
    blocks = [mmap.mmap(-1, 1 << 20) for _ in range(3)]
    arrays = [np.frombuffer(block, np.int64) for block in blocks]
    prefault_in_background(arrays, 2 << 20).join(300)
    assert resident_bytes(arrays[0].ctypes.data) >= 1 << 20
    assert resident_bytes(arrays[1].ctypes.data) >= 1 << 20
