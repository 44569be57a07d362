"""Counters and latency histograms in shared memory.

Who writes: each counter and each histogram has one writer process. Who reads: anyone, any time; a
reader may see a histogram between two steps of one ``record`` (off by one value), never torn words.

Counters are one int64 array; a registry (an ``IntEnum``, numbers 0, 1, 2, … append-only) names
them. Counter ``i`` is word ``i * COUNTER_STRIDE``, so that no two writers share a cache line::

    word  0           8           16
          counter 0 | counter 1 | counter 2 | ...      each followed by 7 words of padding

A histogram has a fixed number of log-linear buckets, as HdrHistogram: values below 2 * 64 have a
bucket each, every power of two above is divided into 64 equal buckets, so a bucket is at most
1/64 (1.6 %) of its value wide. One histogram is HISTOGRAM_WORDS int64 words::

    word 0 count | 1 sum | 2 minimum | 3 maximum | 4..7 reserved | 8.. bucket counts

A counter of *idle time* is one word as well, so that a reader never sees half of a change: while
its writer works it is the time that it has waited for work so far, and while it waits that minus
the moment at which the wait began, which is negative.

Decision MET-3.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

COUNTER_STRIDE = 8  # int64 words from one counter to the next: one cache line

_SUB_BUCKET_BITS = 6
_SUB_BUCKETS = 1 << _SUB_BUCKET_BITS
_MAXIMUM_BITS = 42  # values up to 2**42 ns = 73 minutes; larger ones count as the largest
HISTOGRAM_MAXIMUM = (1 << _MAXIMUM_BITS) - 1
HISTOGRAM_BUCKETS = (_MAXIMUM_BITS - _SUB_BUCKET_BITS + 1) * _SUB_BUCKETS
HISTOGRAM_HEADER_WORDS = 8
HISTOGRAM_WORDS = HISTOGRAM_HEADER_WORDS + HISTOGRAM_BUCKETS
_COUNT, _SUM, _MINIMUM, _MAXIMUM = 0, 1, 2, 3


# --- counters -----------------------------------------------------------------------------------


def counter_words(registry: type[IntEnum]) -> int:
    """Size of the int64 section that holds every counter of ``registry``, in words."""
    return (max(registry) + 1) * COUNTER_STRIDE


@jit_borrowed_inline
def add(counters: np.ndarray, counter: int, amount: int) -> None:
    """Add ``amount`` to counter number ``counter``. Only its one writer may call this."""
    counters[counter * COUNTER_STRIDE] += amount


@jit_borrowed_inline
def set_value(counters: np.ndarray, counter: int, value: int) -> None:
    """Set counter number ``counter`` (a gauge). Only its one writer may call this."""
    counters[counter * COUNTER_STRIDE] = value


@jit_borrowed_inline
def wait_began(counters: np.ndarray, counter: int, now_ns: int) -> None:
    """From now on the writer of this counter of idle time waits for work. ``now_ns``: monotonic."""
    counters[counter * COUNTER_STRIDE] -= now_ns


@jit_borrowed_inline
def wait_ended(counters: np.ndarray, counter: int, now_ns: int) -> None:
    """The wait that ``wait_began`` began is over. ``now_ns``: monotonic."""
    counters[counter * COUNTER_STRIDE] += now_ns


def idle_time_ns(word: int, now_ns: int) -> int:
    """How long its writer has waited until ``now_ns``; ``word``: of a counter of idle time."""
    return word + now_ns if word < 0 else word


class IdleTime:
    """The writer's side of a counter of idle time, for what is not compiled. It begins at 0."""

    def __init__(self, counters: np.ndarray, counter: int) -> None:
        self._counters = counters
        self._counter = counter
        set_value(counters, counter, 0)

    def began(self, now_ns: int) -> None:
        """A wait for work begins. ``now_ns``: CLOCK_MONOTONIC."""
        wait_began(self._counters, self._counter, now_ns)

    def ended(self, now_ns: int) -> None:
        """It is over."""
        wait_ended(self._counters, self._counter, now_ns)


def read_counters(counters: np.ndarray, registry: type[IntEnum]) -> dict[str, int]:
    """Every counter by its lower-case name."""
    return {member.name.lower(): int(counters[member * COUNTER_STRIDE]) for member in registry}


# --- histograms ---------------------------------------------------------------------------------


@jit_borrowed_inline
def bucket_of(value: int) -> int:
    """The bucket of a value; negative values count as 0, too large ones as the largest."""
    if value < _SUB_BUCKETS:
        return max(value, 0)
    value = min(value, HISTOGRAM_MAXIMUM)
    # Position of the highest bit, by halving: there is no portable bit-length under the JIT.
    shift = 0
    rest = value >> (_SUB_BUCKET_BITS + 1)
    for step in (32, 16, 8, 4, 2, 1):
        if rest >> (step - 1) > 0:
            shift += step
            rest >>= step
    return (shift << _SUB_BUCKET_BITS) + (value >> shift)


def bucket_lower_bound(bucket: int) -> int:
    """The smallest value that counts in ``bucket``."""
    if bucket < 2 * _SUB_BUCKETS:
        return bucket
    shift = (bucket >> _SUB_BUCKET_BITS) - 1
    return (bucket - (shift << _SUB_BUCKET_BITS)) << shift


@jit_borrowed
def record(histogram: np.ndarray, value_ns: int) -> None:
    """Count one value. ``histogram``: int64[HISTOGRAM_WORDS], zero-initialised."""
    record_many(histogram, value_ns, 1)


@jit_borrowed_inline
def record_many(histogram: np.ndarray, value_ns: int, count: int) -> None:
    """Count ``value_ns`` ``count`` times (a batch that shares one latency)."""
    value = max(value_ns, 0)
    if histogram[_COUNT] == 0 or value < histogram[_MINIMUM]:
        histogram[_MINIMUM] = value
    if value > histogram[_MAXIMUM]:
        histogram[_MAXIMUM] = value
    histogram[_SUM] += value * count
    histogram[HISTOGRAM_HEADER_WORDS + bucket_of(value)] += count
    histogram[_COUNT] += count


def percentiles(histogram: np.ndarray, percents: Sequence[float]) -> list[int]:
    """The values at ``percents`` (0 to 100): the largest value of the bucket, at most the maximum.

    0 for every percent when nothing was recorded.
    """
    # One copy: the writer goes on, and the ranks must fit the counts.
    words = np.array(histogram, dtype=np.int64)
    buckets = words[HISTOGRAM_HEADER_WORDS:]
    cumulative = np.cumsum(buckets)
    total = int(cumulative[-1])
    if total == 0:
        return [0 for _ in percents]
    found = []
    for percent in percents:
        rank = max(1, int(np.ceil(total * percent / 100.0)))
        bucket = int(np.searchsorted(cumulative, rank))
        largest = bucket_lower_bound(bucket + 1) - 1
        found.append(min(largest, max(int(words[_MAXIMUM]), bucket_lower_bound(bucket))))
    return found


def summary(histogram: np.ndarray) -> dict[str, float]:
    """count, mean, min, p50, p95, p99, p999 and max, in the unit of the recorded values."""
    count = int(histogram[_COUNT])
    p50, p95, p99, p999 = percentiles(histogram, (50, 95, 99, 99.9))
    return {
        "count": count,
        "mean": float(histogram[_SUM]) / count if count else 0.0,
        "min": int(histogram[_MINIMUM]),
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "p999": p999,
        "max": int(histogram[_MAXIMUM]),
    }
