"""The journaler agent: group commit, release only behind durability, wake-ups, rolls."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from journal import archive_records, commit
from journal.archive_reader import ArchiveReader
from journal.archive_writer import ArchiveWriter
from journal.duty_cycle import JournalerMetrics
from journal.errors import FatalJournalError
from journal.journaler import JournalerAgent, JournalerCursors
from journal.layout import layout_hash
from journal.reader import JournalReader
from journal.recovery import recover
from journal.writer import JournalWriter
from ringbuffer.counters import COUNTER_STRIDE, HISTOGRAM_WORDS
from ringbuffer.ring import CURSOR_STRIDE

needs_jit = pytest.mark.needs_jit  # the writer calls libc from jitted code

SLOT = np.dtype([("value", "<i8", 7), ("flags", "u1"), ("pad", "u1", 7)])
EVENT = np.dtype(
    [
        ("sequence", "<i8"),
        ("command", "<i8"),
        ("value", "<i8", 13),
        ("kind", "u1"),
        ("pad", "u1", 7),
    ]
)
PUBLISHED, DURABLE, EVENT_PUBLISHED, RELEASED, SLEEPING, PRODUCER = (
    i * CURSOR_STRIDE for i in range(6)
)
RING = 256
SEED = 99


class Rig:
    """Rings, cursors and an agent on a temporary directory; the test is the matcher."""

    def __init__(self, directory: Path, *, segment_size: int = 1 << 15, events: int = 1000) -> None:
        self.directory = directory
        self.cursors = np.zeros(6 * CURSOR_STRIDE, np.int64)
        self.commands = np.zeros(RING, SLOT)
        self.events = np.zeros(RING, EVENT)
        self.counters = np.zeros(8 * COUNTER_STRIDE, np.int64)
        self.commit_ns = np.zeros(HISTOGRAM_WORDS, np.int64)
        self.commit_slots = np.zeros(HISTOGRAM_WORDS, np.int64)
        self.eventfd = os.eventfd(0, os.EFD_NONBLOCK)
        self.producer_eventfd = os.eventfd(0, os.EFD_NONBLOCK)
        report = recover(directory / "journal", layout_hash(SLOT), repair=True)
        writer = JournalWriter(
            directory / "journal",
            layout_hash(SLOT),
            report,
            segment_size_bytes=segment_size,
            maximum_frame_slots=64,
            flags_offset=SLOT.fields["flags"][1],
            long_mask=1,
        )
        archive = ArchiveWriter(
            directory / "archive",
            EVENT,
            layout_hash(EVENT),
            EVENT.fields["kind"][1],
            segment_records=events,
            next_sequence=self.reader().end(),
        )
        self.cursors[PUBLISHED] = writer.next_sequence
        self.cursors[EVENT_PUBLISHED] = archive.next_sequence
        self.agent = JournalerAgent(
            writer,
            archive,
            self.commands,
            self.events,
            self.cursors,
            JournalerCursors(PUBLISHED, DURABLE, EVENT_PUBLISHED, RELEASED),
            command_sequence_offset=8,
            wakeups=[(SLEEPING, self.eventfd)],
            room_wakeups=[(PRODUCER, self.producer_eventfd)],
            counters=self.counters,
            metrics=JournalerMetrics(0, 1, 2, 3, 4, 5, 6, 7),
            commit_ns=self.commit_ns,
            commit_slots=self.commit_slots,
        )
        self.agent.on_start()

    def reader(self) -> ArchiveReader:
        kind = EVENT.fields["kind"][1]
        return ArchiveReader(self.directory / "archive", EVENT, layout_hash(EVENT), kind)

    def publish_commands(self, count: int) -> None:
        sequence = int(self.cursors[PUBLISHED])
        for s in range(sequence, sequence + count):
            self.commands["value"][s & (RING - 1)] = s
        self.cursors[PUBLISHED] = sequence + count

    def publish_events(self, commands: list[int]) -> None:
        for command in commands:
            sequence = int(self.cursors[EVENT_PUBLISHED])
            self.events[sequence & (RING - 1)] = (sequence, command, [command] * 13, 1, [0] * 7)
            self.cursors[EVENT_PUBLISHED] = sequence + 1

    def drain(self) -> None:
        while self.agent.do_work(1):
            pass

    def close(self) -> None:
        self.agent.on_close()
        os.close(self.eventfd)
        os.close(self.producer_eventfd)


@needs_jit
def test_the_start_publishes_where_the_files_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.publish_commands(3)
    rig.publish_events([0, 1, 1, 2])
    rig.drain()
    rig.close()
    again = Rig(tmp_path)
    assert (again.cursors[DURABLE], again.cursors[RELEASED]) == (3, 4)
    again.close()


@needs_jit
def test_nothing_is_released_before_its_command_is_durable(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.publish_events([0, 0, 1])  # the matcher may be ahead of what it has published
    assert rig.agent.do_work(1) == 0
    assert rig.cursors[RELEASED] == 0
    rig.publish_commands(1)
    assert rig.agent.do_work(1) == 3
    assert rig.cursors[DURABLE] == 1
    assert rig.cursors[RELEASED] == 2
    rig.publish_commands(1)
    assert rig.agent.do_work(1) == 2
    assert rig.cursors[RELEASED] == 3
    assert rig.reader().end() == 3
    rig.close()


@needs_jit
def test_one_commit_for_all_that_is_published(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.publish_commands(50)
    assert rig.agent.do_work(1) == 50
    counters = rig.counters[::COUNTER_STRIDE]
    assert counters[0] > 0
    assert counters[1:].tolist() == [1, 50, 51 * 64, 50, 0, 0, 1]
    assert rig.commit_ns[0] == 1
    assert rig.commit_slots[1] == 50
    rig.close()


@needs_jit
def test_wakeups(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.cursors[[SLEEPING, PRODUCER]] = 1
    rig.publish_commands(1)
    rig.publish_events([0])
    rig.drain()
    assert os.eventfd_read(rig.eventfd) == 1
    assert rig.cursors[SLEEPING] == 0
    with pytest.raises(BlockingIOError):
        os.eventfd_read(rig.producer_eventfd)
    assert rig.cursors[PRODUCER] == 1, "a producer that waits for commands is left asleep"
    rig.publish_commands(RING)
    rig.drain()
    assert os.eventfd_read(rig.producer_eventfd) == 1, "one that waits for room is woken"
    rig.close()


@needs_jit
def test_a_ring_that_fills_in_two_equal_halves_wakes_its_producer(tmp_path: Path) -> None:
    """The second half may have been published while the first was committed."""
    rig = Rig(tmp_path)
    rig.agent.on_start()
    rig.cursors[PRODUCER] = 1
    rig.publish_commands(RING // 2)
    assert rig.agent.do_work(1) > 0
    assert rig.cursors[PRODUCER] == 0
    assert os.eventfd_read(rig.producer_eventfd) == 1
    rig.close()


@needs_jit
def test_random_load_over_rolls_and_restarts(tmp_path: Path) -> None:
    generator = np.random.default_rng(SEED)
    pending: list[int] = []
    total = 0
    for _ in range(3):
        rig = Rig(tmp_path, segment_size=12288, events=100)
        for _ in range(200):
            room = RING - int(rig.cursors[PUBLISHED] - rig.cursors[DURABLE])
            count = int(min(generator.integers(0, 40), room))
            pending += [
                s for s in range(total, total + count) for _ in range(generator.integers(0, 4))
            ]
            rig.publish_commands(count)
            total += count
            event_room = RING - int(rig.cursors[EVENT_PUBLISHED] - rig.cursors[RELEASED])
            some = min(len(pending), event_room, int(generator.integers(0, 60)))
            rig.publish_events(pending[:some])
            pending = pending[some:]
            rig.agent.do_work(1)
            released, durable = int(rig.cursors[RELEASED]), int(rig.cursors[DURABLE])
            if released:
                assert rig.reader().read_one(released - 1)["command"] < durable
        while pending:
            rig.drain()
            rig.publish_events(pending[:RING])
            pending = pending[RING:]
        rig.drain()
        assert rig.cursors[DURABLE] == rig.cursors[PUBLISHED] == total
        assert rig.cursors[RELEASED] == rig.cursors[EVENT_PUBLISHED]
        rig.close()
    sequences = [
        (first, records["value"][:, 0].tolist())
        for first, records in JournalReader(tmp_path / "journal", SLOT, layout_hash(SLOT)).frames()
    ]
    assert [value for _, values in sequences for value in values] == list(range(total))
    events = rig.reader().read(0, 1 << 30)
    assert len(events) == rig.cursors[RELEASED]
    assert (np.diff(events["command"]) >= 0).all()


def swap_descriptor(state: np.ndarray, index: int, path: str) -> None:
    """Make the writer write to a device that fails in a known way."""
    os.close(int(state[index]))
    state[index] = os.open(path, os.O_RDWR)


@needs_jit
@pytest.mark.parametrize(
    ("device", "operation", "number"),
    [("/dev/full", "pwritev", errno.ENOSPC), ("/dev/null", "fdatasync", errno.EINVAL)],
)
def test_after_a_failed_commit_nothing_moves_ever_again(
    tmp_path: Path, device: str, operation: str, number: int
) -> None:
    rig = Rig(tmp_path)
    rig.publish_commands(2)
    rig.publish_events([0, 1])
    rig.drain()
    rig.cursors[SLEEPING] = 1
    swap_descriptor(rig.agent.writer.state, commit.DESCRIPTOR, device)
    rig.publish_commands(3)
    rig.publish_events([2, 3, 4])
    for attempt in range(3):
        with pytest.raises(FatalJournalError) as caught:
            rig.agent.do_work(1)
        assert caught.value.operation == operation
        assert caught.value.errno == number
        assert (caught.value.first_sequence, caught.value.count) == (2, 3)
        assert rig.cursors[DURABLE] == 2
        assert rig.cursors[RELEASED] == 2
        assert rig.cursors[SLEEPING] == 1, "nobody is woken"
        if attempt == 0:
            # The disk is well again; it must not matter.
            swap_descriptor(rig.agent.writer.state, commit.DESCRIPTOR, str(rig.agent.writer.path))
    rig.close()
    again = Rig(tmp_path)
    assert again.agent.writer.next_sequence == 2
    again.close()


@needs_jit
def test_after_a_failed_archive_write_nothing_more_is_released(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.publish_commands(2)
    rig.publish_events([0, 1])
    rig.drain()
    swap_descriptor(rig.agent.archive.state, archive_records.DESCRIPTOR, "/dev/full")
    rig.publish_commands(1)
    rig.publish_events([2])
    for _ in range(2):
        with pytest.raises(FatalJournalError) as caught:
            rig.agent.do_work(1)
        assert (caught.value.operation, caught.value.errno) == ("archive pwritev", errno.ENOSPC)
        assert (caught.value.first_sequence, caught.value.count) == (2, 1)
        assert rig.cursors[DURABLE] == 3, "the command itself is durable"
        assert rig.cursors[RELEASED] == 2
    rig.close()


@needs_jit
def test_a_long_command_at_the_end_of_a_segment(tmp_path: Path) -> None:
    """Room for one slot only: the long command goes to the next segment, whole."""
    rig = Rig(tmp_path, segment_size=4096 * 2)
    room = (8192 - 4096 - 64) // 64
    rig.publish_commands(room - 2)
    rig.agent.do_work(1)
    # Room for a header and one slot.
    assert rig.agent.writer.state[commit.OFFSET] == 8192 - 128
    sequence = int(rig.cursors[PUBLISHED])
    rig.commands["flags"][sequence & (RING - 1)] = 1
    rig.publish_commands(2)
    rig.drain()
    rig.close()
    frames = [
        (first, len(records))
        for first, records in JournalReader(tmp_path / "journal", SLOT, layout_hash(SLOT)).frames()
    ]
    assert frames[-1] == (sequence, 2)
    assert len(list((tmp_path / "journal").glob("*.wal"))) == 2
