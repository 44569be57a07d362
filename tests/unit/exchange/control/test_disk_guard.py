"""The disk guard says how full the disk is, stops orders before it is full, and lets them go on."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from exchange.codes import CommandKind, Parameter
from exchange.commands import Record
from exchange.control.disk_guard import DiskGuard
from exchange.core.counters import COUNTER_WORDS, Counter
from exchange.records import ADMIN_CONTINUATION
from ringbuffer.counters import COUNTER_STRIDE

BLOCK = 4096
MIB = 1 << 20


class Disks:
    """File systems by directory: size and free bytes; and a guard that looks at them."""

    def __init__(self, *, stopped: bool = False, stop_bytes: int = 1024 * MIB) -> None:
        self.rooms = {"data": (100_000 * MIB, 50_000 * MIB)}
        self.now_s = 0.0
        self.sent: list[Record] = []
        self.counters = np.zeros(COUNTER_WORDS, np.int64)
        self.guard = DiskGuard(
            map(Path, ("data", "data/journal")),
            self.counters,
            self.sent.append,
            stop_bytes=stop_bytes,
            segment_bytes=16 * MIB,
            stopped=stopped,
            statvfs=self.statvfs,
            clock_s=lambda: self.now_s,
        )

    def statvfs(self, directory: Path) -> os.statvfs_result:
        if str(directory) not in self.rooms:
            raise FileNotFoundError(directory)
        size, free = self.rooms[str(directory)]
        found = SimpleNamespace(f_frsize=BLOCK, f_blocks=size // BLOCK, f_bavail=free // BLOCK)
        return cast(os.statvfs_result, found)

    def look(self, free: int, where: str = "data", size: int = 100_000 * MIB) -> list[int]:
        """A second later; what ORDERS_STOPPED was sent as."""
        self.rooms[where] = (size, free)
        self.now_s += 1.0
        before = len(self.sent)
        self.guard.work()
        return [self.value(record) for record in self.sent[before:]]

    @staticmethod
    def value(record: Any) -> int:
        rest = record[1:].view(ADMIN_CONTINUATION)
        assert record["kind"][0] == CommandKind.PARAMETER
        assert rest["parameter"][0] == Parameter.ORDERS_STOPPED
        return int(rest["value_0"][0])

    def counter(self, counter: Counter) -> int:
        return int(self.counters[counter * COUNTER_STRIDE])


def test_orders_stop_and_go_on_with_room_to_spare() -> None:
    disks = Disks()
    assert disks.look(1025 * MIB) == []
    assert disks.counter(Counter.ORDERS_STOPPED) == 0
    assert disks.look(1023 * MIB) == [1]
    assert disks.counter(Counter.ORDERS_STOPPED) == 1
    assert disks.look(1023 * MIB) == [] and disks.look(1500 * MIB) == []
    assert disks.look(1536 * MIB) == [0]
    assert disks.counter(Counter.ORDERS_STOPPED) == 0


def test_the_fullest_file_system_counts() -> None:
    disks = Disks()
    assert disks.look(500 * MIB, "data/journal") == [1]
    assert disks.counter(Counter.DISK_FREE_BYTES) == 500 * MIB
    assert disks.counter(Counter.DISK_BYTES) == 100_000 * MIB


@pytest.mark.parametrize(("free", "sent"), [(51 * MIB, []), (49 * MIB, [1])])
def test_of_a_small_disk_a_part_is_enough(free: int, sent: list[int]) -> None:
    assert Disks().look(free, size=1_000 * MIB) == sent


@pytest.mark.parametrize(("free", "sent"), [(33 * MIB, []), (31 * MIB, [1])])
def test_two_segments_are_always_free(free: int, sent: list[int]) -> None:
    assert Disks(stop_bytes=0).look(free) == sent


def test_a_stop_of_the_journal_is_ended_by_the_next_daemon() -> None:
    disks = Disks(stopped=True)
    assert disks.look(50_000 * MIB) == [0]


def test_it_looks_once_a_second() -> None:
    disks = Disks()
    disks.look(50_000 * MIB)
    disks.rooms["data"] = (100_000 * MIB, 0)
    disks.now_s += 0.5
    disks.guard.work()
    assert disks.sent == []


def test_a_disk_that_cannot_be_asked_changes_nothing() -> None:
    disks = Disks()
    disks.rooms.clear()
    disks.now_s += 1
    disks.guard.work()
    assert disks.sent == []
