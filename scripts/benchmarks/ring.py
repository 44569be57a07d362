"""Throughput and round trip of the ring between two pinned processes, 64-byte records.

The consumer is another process on another CPU and reads every word of every record; it checks that
each record is the one of its sequence and that the sum over all words is what it must be. Both
sides call the functions of ringbuffer/ring.py as the exchange's stages do. Keys:

- ``records_per_s``: by the producer's batch size, to a gating consumer, which reads in place
  (``claim``, ``publish``; ``available``, ``publish``, ``producer_may_wait``): the best of
  ``--repeats`` runs (the machine is shared, a run can only be disturbed), all of them in
  ``records_per_s_runs``;
- ``copied_records_per_s``: the same to a non-gating reader (``available``, ``copy_batch``);
- ``round_trip_ns_p50``: one cursor published to the other process and one published back;
- ``round_trip_record_ns_p50``: the same, carrying a record each way through two rings;
- ``limit``: the same loops over the same memory in one process without any hand-over (what the
  memory and the record's writing and checking alone allow), measured in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from exchange.runtime.process import die_with_parent
from ringbuffer.agent import pin
from ringbuffer.atomics import load_acquire, pause
from ringbuffer.counters import HISTOGRAM_WORDS, percentiles, record
from ringbuffer.cpu_plan import available_cpus
from ringbuffer.errors import RegionError
from ringbuffer.jit import jit
from ringbuffer.region import (
    SHARED_MEMORY_DIRECTORY,
    Region,
    Section,
    process_start_ticks,
)
from ringbuffer.ring import (
    CURSOR_STRIDE,
    UNGATED,
    available,
    claim,
    copy_batch,
    producer_may_wait,
    publish,
    safe_capacity,
)
from ringbuffer.system_calls import CLOCK_MONOTONIC, clock_ns
from scripts.benchmarks.result import check, progress

ROOT = Path(__file__).resolve().parent.parent.parent
CAPACITY = 1 << 16
RECORD_WORDS = 8  # 64 bytes
RECORD = np.dtype([("words", np.int64, (RECORD_WORDS,))])
COPY_BATCH = 256
BATCHES = (1, 16, 256)
ROUND_TRIPS_A_SAMPLE = 8  # one reading of the clock costs about as much as half a round trip

REQUEST = 0 * CURSOR_STRIDE  # producer's cursor
REPLY = 1 * CURSOR_STRIDE  # consumer's cursor; in the round trips the cursor of the reply ring
COMMAND = 2 * CURSOR_STRIDE  # what the worker is to do: number of the task it begins
READY = 3 * CURSOR_STRIDE  # the worker is at the start of that task
VERDICT = 4 * CURSOR_STRIDE  # records that were not what they had to be
TOTAL = 5 * CURSOR_STRIDE  # sum over every word the consumer has read
COUNT = 6 * CURSOR_STRIDE  # records (round trips) of the task
KIND = 7 * CURSOR_STRIDE
CROWDED = 8 * CURSOR_STRIDE  # batches after which the producer would have been woken
CURSOR_WORDS = 9 * CURSOR_STRIDE

STREAM, COPY, PING, PING_RECORD, QUIT = 1, 2, 3, 4, 5
NAME_PREFIX = "ring-benchmark-"  # of the region; the process id of its owner follows

SECTIONS = [
    Section("cursors", np.int64, CURSOR_WORDS),
    Section("request", np.int64, CAPACITY * RECORD_WORDS),
    Section("reply", np.int64, CAPACITY * RECORD_WORDS),
]


@jit
def produce(
    slots: np.ndarray,
    cursors: np.ndarray,
    next_sequence: int,
    end_sequence: int,
    batch: int,
    capacity: int,
) -> None:
    """Write records up to ``end_sequence``; word k of record s is s + k.

    ``slots``: int64[CAPACITY, RECORD_WORDS]. At most ``capacity`` of them hold what the other side
    has not consumed.
    """
    mask = slots.shape[0] - 1
    while next_sequence < end_sequence:
        wanted = min(batch, end_sequence - next_sequence)
        if claim(cursors, REPLY, next_sequence, capacity, wanted) < wanted:
            pause()
            continue
        for sequence in range(next_sequence, next_sequence + wanted):
            slot = sequence & mask
            for k in range(RECORD_WORDS):
                slots[slot, k] = sequence + k
        next_sequence += wanted
        # release: the records are written before the other side sees the cursor
        publish(cursors, REQUEST, next_sequence)


@jit
def check_records(slots: np.ndarray, first: int, end_sequence: int) -> tuple[int, int]:
    """Number of records that are not those of their sequence, and the sum over all words."""
    mask = slots.shape[0] - 1
    wrong = 0
    total = 0
    for sequence in range(first, end_sequence):
        slot = sequence & mask
        wrong += slots[slot, 0] != sequence
        for k in range(RECORD_WORDS):
            total += slots[slot, k]
    return wrong, total


@jit
def consume(slots: np.ndarray, cursors: np.ndarray, end_sequence: int) -> None:
    """The gating consumer, as matcher and journaler are: check everything up to ``end_sequence``
    where it lies, give the slots back batch by batch, look whether the producer is to be woken."""
    sequence = 0
    while sequence < end_sequence:
        count = available(cursors, REQUEST, sequence, slots.shape[0])
        if count <= 0:
            pause()
            continue
        wrong, total = check_records(slots, sequence, sequence + count)
        cursors[VERDICT] += wrong
        cursors[TOTAL] += total
        # release: the records are read before their slots are given back
        publish(cursors, REPLY, sequence + count)
        cursors[CROWDED] += producer_may_wait(cursors, REQUEST, sequence, slots.shape[0])
        sequence += count


@jit
def copy(records: np.ndarray, cursors: np.ndarray, end_sequence: int, target: np.ndarray) -> None:
    """The non-gating reader, as order entry is: copy a batch, ask whether it was lapped, check it.

    ``records``: RECORD[CAPACITY], the ring; ``target``: RECORD[n]. The producer leaves as many
    slots alone as this reader relies on, so a batch that counts as lapped is wrong.
    """
    sequence = 0
    while sequence < end_sequence:
        count = available(cursors, REQUEST, sequence, target.shape[0])
        if count <= 0:
            pause()
            continue
        if not copy_batch(records, cursors, REQUEST, sequence, count, target):
            cursors[VERDICT] += count
        for i in range(count):
            cursors[VERDICT] += target[i]["words"][0] != sequence + i
            for k in range(RECORD_WORDS):
                cursors[TOTAL] += target[i]["words"][k]
        sequence += count
        publish(cursors, REPLY, sequence)


@jit
def ping(cursors: np.ndarray, count: int, histogram: np.ndarray) -> None:
    """``count`` round trips of a cursor, timed in groups."""
    scratch = np.zeros(2, np.int64)
    done = 0
    while done < count:
        start = clock_ns(CLOCK_MONOTONIC, scratch)
        for _ in range(ROUND_TRIPS_A_SAMPLE):
            done += 1
            publish(cursors, REQUEST, done)
            while load_acquire(cursors, REPLY) < done:
                pass
        record(histogram, (clock_ns(CLOCK_MONOTONIC, scratch) - start) // ROUND_TRIPS_A_SAMPLE)


@jit
def pong(cursors: np.ndarray, count: int) -> None:
    """The other side of ``ping``."""
    for done in range(1, count + 1):
        while load_acquire(cursors, REQUEST) < done:
            pass
        publish(cursors, REPLY, done)


@jit
def ping_record(
    request: np.ndarray, reply: np.ndarray, cursors: np.ndarray, count: int, histogram: np.ndarray
) -> int:
    """As ``ping`` with a record each way; the reply's words must be the request's plus one."""
    scratch = np.zeros(2, np.int64)
    mask = request.shape[0] - 1
    wrong = 0
    done = 0
    while done < count:
        start = clock_ns(CLOCK_MONOTONIC, scratch)
        for _ in range(ROUND_TRIPS_A_SAMPLE):
            slot = done & mask
            for k in range(RECORD_WORDS):
                request[slot, k] = done + k
            publish(cursors, REQUEST, done + 1)
            while load_acquire(cursors, REPLY) <= done:
                pass
            for k in range(RECORD_WORDS):
                wrong += reply[slot, k] != done + k + 1
            done += 1
        record(histogram, (clock_ns(CLOCK_MONOTONIC, scratch) - start) // ROUND_TRIPS_A_SAMPLE)
    return wrong


@jit
def pong_record(request: np.ndarray, reply: np.ndarray, cursors: np.ndarray, count: int) -> None:
    """The other side of ``ping_record``."""
    mask = request.shape[0] - 1
    for done in range(count):
        while load_acquire(cursors, REQUEST) <= done:
            pass
        slot = done & mask
        for k in range(RECORD_WORDS):
            reply[slot, k] = request[slot, k] + 1
        publish(cursors, REPLY, done + 1)


@jit
def wait_at_least(cursors: np.ndarray, word: int, value: int, spins: int) -> bool:
    """Spin until a word reaches ``value``; False after ``spins`` looks."""
    for _ in range(spins):
        if load_acquire(cursors, word) >= value:
            return True
        pause()
    return False


def _wait(cursors: np.ndarray, word: int, value: int, worker: subprocess.Popen[bytes]) -> None:
    """Wait for the worker, noticing when it dies."""
    deadline = time.monotonic() + 120
    while not wait_at_least(cursors, word, value, 100_000):
        check(worker.poll() is None, f"the other process ended with status {worker.returncode}")
        check(time.monotonic() < deadline, "the other process does not answer")


def _worker(name: str, cpu: int) -> int:
    """The other process: consumer, or answering side of the round trips."""
    pin([cpu])
    parent = os.getppid()
    region = Region.attach(name, SECTIONS)
    cursors = region.arrays["cursors"]
    request = region.arrays["request"].reshape(CAPACITY, RECORD_WORDS)
    reply = region.arrays["reply"].reshape(CAPACITY, RECORD_WORDS)
    _compile(request, reply)
    records = region.arrays["request"].view(RECORD)
    target = np.zeros(COPY_BATCH, RECORD)
    task = 1
    while True:
        # ready for this task: the parent begins when it sees this
        publish(cursors, READY, task)
        while not wait_at_least(cursors, COMMAND, task, 100_000):
            if os.getppid() != parent:
                return 1  # the parent is gone
        kind, count = int(cursors[KIND]), int(cursors[COUNT])
        if kind == QUIT:
            region.close()
            return 0
        if kind == STREAM:
            consume(request, cursors, count)
        elif kind == COPY:
            copy(records, cursors, count, target)
        elif kind == PING:
            pong(cursors, count)
        else:
            pong_record(request, reply, cursors, count)
        task += 1


def _compile(request: np.ndarray, reply: np.ndarray) -> None:
    """Compile (or load) everything on private memory, so that no measured run does."""
    cursors = np.zeros(CURSOR_WORDS, np.int64)
    histogram = np.zeros(HISTOGRAM_WORDS, np.int64)
    produce(request, cursors, 0, 0, 1, CAPACITY)
    consume(request, cursors, 0)
    copy(request.reshape(-1).view(RECORD), cursors, 0, np.zeros(COPY_BATCH, RECORD))
    check_records(request, 0, 0)
    ping(cursors, 0, histogram)
    pong(cursors, 0)
    ping_record(request, reply, cursors, 0, histogram)
    pong_record(request, reply, cursors, 0)
    wait_at_least(cursors, REQUEST, 0, 1)


def _expected_total(count: int) -> int:
    """Sum over every word of records 0 .. count-1, as int64 arithmetic gives it."""
    words = RECORD_WORDS
    total = words * (count * (count - 1) // 2) + count * (words * (words - 1) // 2)
    return (total + (1 << 63)) % (1 << 64) - (1 << 63)


class _Session:
    """The region and the other process; runs tasks in both at once."""

    def __init__(self, region: Region, worker: subprocess.Popen[bytes]) -> None:
        self.cursors = region.arrays["cursors"]
        self.request = region.arrays["request"].reshape(CAPACITY, RECORD_WORDS)
        self.reply = region.arrays["reply"].reshape(CAPACITY, RECORD_WORDS)
        self._worker = worker
        self._task = 0

    def begin(self, kind: int, count: int) -> None:
        """Start the other side on a task; returns when it is about to begin."""
        self._task += 1
        _wait(self.cursors, READY, self._task, self._worker)
        for word in (REQUEST, REPLY, VERDICT, TOTAL, CROWDED):
            self.cursors[word] = 0
        self.cursors[KIND], self.cursors[COUNT] = kind, count
        publish(self.cursors, COMMAND, self._task)

    def finish(self) -> None:
        """Wait until the other side has finished the task."""
        _wait(self.cursors, READY, self._task + 1, self._worker)

    def stream(self, kind: int, batch: int, count: int) -> float:
        """Records per second through the ring, checked by the consumer."""
        capacity = CAPACITY if kind == STREAM else safe_capacity(CAPACITY)
        self.begin(kind, count)
        start = time.perf_counter()
        produce(self.request, self.cursors, 0, count, batch, capacity)
        _wait(self.cursors, REPLY, count, self._worker)
        seconds = time.perf_counter() - start
        self.finish()
        check(self.cursors[VERDICT] == 0, f"{self.cursors[VERDICT]} records came out wrong")
        check(int(self.cursors[TOTAL]) == _expected_total(count), "the sum over the words is wrong")
        return count / seconds

    def round_trips(self, kind: int, count: int) -> int:
        """Median round trip in ns."""
        histogram = np.zeros(HISTOGRAM_WORDS, np.int64)
        self.begin(kind, count)
        if kind == PING:
            ping(self.cursors, count, histogram)
        else:
            wrong = ping_record(self.request, self.reply, self.cursors, count, histogram)
            check(wrong == 0, f"{wrong} words of the replies are wrong")
        self.finish()
        check(int(self.cursors[REPLY]) == count, "a round trip is missing")
        return percentiles(histogram, [50])[0]


def _one_process(slots: np.ndarray, batch: int, count: int) -> float:
    """The same loops without a hand-over: one process writes a batch, then checks it."""
    cursors = np.zeros(CURSOR_WORDS, np.int64)
    cursors[REPLY] = UNGATED
    chunk = CAPACITY // 2
    total = 0
    start = time.perf_counter()
    for first in range(0, count, chunk):
        end = min(first + chunk, count)
        produce(slots, cursors, first, end, batch, CAPACITY)
        wrong, part = check_records(slots, first, end)
        check(wrong == 0, "a record came out wrong in one process")
        total += int(part)
    seconds = time.perf_counter() - start
    check(total == _expected_total(count), "the sum over the words is wrong in one process")
    return count / seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--records", type=int, default=20_000_000, help="records a run")
    parser.add_argument("--round-trips", type=int, default=400_000, help="round trips a run")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each")


def _reclaim_of_killed_runs() -> None:
    """Remove the shared memory of runs that were killed; it bears their process id."""
    for path in SHARED_MEMORY_DIRECTORY.glob(f"{NAME_PREFIX}*"):
        owner = path.name.removeprefix(NAME_PREFIX)
        if owner.isdecimal() and process_start_ticks(int(owner)) is None:
            with contextlib.suppress(RegionError):
                Region.reclaim(path.name)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """See the top of this file."""
    cpus = available_cpus()
    check(len(cpus) >= 2, "this benchmark needs two CPUs")
    own_cpus = os.sched_getaffinity(0)
    _reclaim_of_killed_runs()
    name = f"{NAME_PREFIX}{os.getpid()}"
    with Region.create(name, SECTIONS) as region:
        request = region.arrays["request"].reshape(CAPACITY, RECORD_WORDS)
        _compile(request, region.arrays["reply"].reshape(CAPACITY, RECORD_WORDS))
        request[:] = 0
        worker = subprocess.Popen(
            [sys.executable, "-m", "scripts.benchmarks.ring", name, str(cpus[1])],
            cwd=ROOT,
            preexec_fn=functools.partial(die_with_parent, os.getpid()),
        )
        try:
            pin([cpus[0]])
            result = _measure(_Session(region, worker), worker, arguments)
        finally:
            os.sched_setaffinity(0, own_cpus)
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        del request
    return {**result, "capacity": CAPACITY, "record_bytes": 8 * RECORD_WORDS, "cpus": cpus[:2]}


def _measure(
    session: _Session, worker: subprocess.Popen[bytes], arguments: argparse.Namespace
) -> dict[str, Any]:
    runs: dict[str, list[float]] = {str(batch): [] for batch in BATCHES}
    copied: list[float] = []
    alone: dict[str, float] = {}
    cursor_ns, record_ns = [], []
    for repeat in range(arguments.repeats):
        progress(f"ring: run {repeat + 1} of {arguments.repeats}")
        cursor_ns.append(session.round_trips(PING, arguments.round_trips))
        record_ns.append(session.round_trips(PING_RECORD, arguments.round_trips))
        for batch in BATCHES:
            runs[str(batch)].append(session.stream(STREAM, batch, arguments.records))
        copied.append(session.stream(COPY, COPY_BATCH, arguments.records))
    for batch in BATCHES:
        alone[str(batch)] = max(
            _one_process(session.reply, batch, arguments.records) for _ in range(arguments.repeats)
        )
    session.begin(QUIT, 0)
    check(worker.wait(60) == 0, f"the other process ended with status {worker.returncode}")
    return {
        "records_per_s": {batch: round(max(rates)) for batch, rates in runs.items()},
        "copied_records_per_s": {str(COPY_BATCH): round(max(copied))},
        "round_trip_ns_p50": min(cursor_ns),
        "round_trip_record_ns_p50": min(record_ns),
        "records_per_s_runs": {
            batch: [round(rate) for rate in rates] for batch, rates in runs.items()
        },
        "limit": {
            "what": "one process, the same loops over the same memory, no hand-over",
            "records_per_s": {batch: round(rate) for batch, rate in alone.items()},
        },
        "records": arguments.records,
    }


if __name__ == "__main__":
    sys.exit(_worker(sys.argv[1], int(sys.argv[2])))
