"""Counters and histograms: the registry's words, and every bucket against exact percentiles."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.core import counters as registry
from ringbuffer.counters import (
    COUNTER_STRIDE,
    HISTOGRAM_BUCKETS,
    HISTOGRAM_HEADER_WORDS,
    HISTOGRAM_MAXIMUM,
    HISTOGRAM_WORDS,
    IdleTime,
    add,
    bucket_lower_bound,
    bucket_of,
    counter_words,
    idle_time_ns,
    percentiles,
    read_counters,
    record,
    record_many,
    set_value,
    summary,
    wait_began,
    wait_ended,
)

# Released numbers: names may be appended, never removed, renamed or moved.
RELEASED_NAMES = """
MATCHER_HEARTBEAT_NS JOURNALER_HEARTBEAT_NS ORDER_ENTRY_HEARTBEAT_NS DAEMON_HEARTBEAT_NS
COMMANDS_ENTER COMMANDS_CANCEL COMMANDS_REPLACE COMMANDS_MODIFY COMMANDS_TIMER
COMMANDS_START_OF_DAY COMMANDS_END_OF_DAY COMMANDS_INSTRUMENT COMMANDS_SESSION
COMMANDS_CANCEL_BY_ORDER_ID COMMANDS_OTHER REJECTS TRADES MATCHER_WAITS COMMITS
COMMITTED_COMMANDS COMMITTED_BYTES LAST_COMMIT_COMMANDS ARCHIVED_EVENTS ARCHIVED_BYTES
SEGMENTS BYTES_RECEIVED BYTES_SENT MESSAGES_RECEIVED MESSAGES_SENT CONNECTIONS
CONNECTIONS_ACCEPTED SESSIONS_LOGGED_IN LOGINS LOGINS_REJECTED CLIENTS_CUT_OFF
MALFORMED_FRAMES CLIENT_TIMEOUTS ORDER_ENTRY_LAPPED INGRESS_FULL RECOVERED_COMMANDS
RECOVERED_EVENTS RECOVERY_DURATION_NS RECOVERY_SNAPSHOT_SEQUENCE RECOVERY_TORN_BYTES
STAGE_RESTARTS CORE_RESTARTS
COMMANDS_CURRENCY COMMANDS_ACCOUNT COMMANDS_DEPOSIT COMMANDS_WITHDRAW COMMANDS_PARAMETER
COMMANDS_INSTRUMENT_STATE COMMANDS_KILL COMMANDS_REVIEW COMMANDS_MASS_CANCEL COMMANDS_DISCONNECT
COMMANDS_CANCEL_AFTER COMMANDS_REPLACE_BY_ORDER_ID COMMANDS_MODIFY_BY_ORDER_ID
"""
RELEASED = RELEASED_NAMES.split()


class Sample(IntEnum):
    FIRST_THING = 0
    SECOND_THING = 1


def new_histogram() -> np.ndarray:
    return np.zeros(HISTOGRAM_WORDS, np.int64)


def test_counters():
    counters = np.zeros(counter_words(Sample), np.int64)
    add(counters, Sample.FIRST_THING, 3)
    add(counters, Sample.FIRST_THING, 4)
    set_value(counters, Sample.SECOND_THING, -9)
    assert read_counters(counters, Sample) == {"first_thing": 7, "second_thing": -9}
    assert np.flatnonzero(counters).tolist() == [0, COUNTER_STRIDE]


def test_idle_time_is_one_word_also_while_a_wait_goes_on():
    counters = np.full(COUNTER_STRIDE, 99, np.int64)
    idle = IdleTime(counters, 0)
    assert counters[0] == 0, "a new process begins anew"
    idle.began(1_000)
    assert idle_time_ns(int(counters[0]), 1_250) == 250
    idle.ended(1_300)
    assert idle_time_ns(int(counters[0]), 9_999) == counters[0] == 300
    wait_began(counters, 0, 2_000)
    assert idle_time_ns(int(counters[0]), 2_100) == 400
    wait_ended(counters, 0, 2_500)
    assert counters[0] == 800


def test_the_registry_is_gapless_and_never_renumbered():
    names = [member.name for member in registry.Counter]
    assert [int(member) for member in registry.Counter] == list(range(len(names)))
    assert names[: len(RELEASED)] == RELEASED


def test_every_bucket_begins_where_the_one_before_ends():
    previous = -1
    for bucket in range(HISTOGRAM_BUCKETS):
        lower = bucket_lower_bound(bucket)
        assert lower > previous
        assert bucket_of(lower) == bucket
        if bucket:
            assert bucket_of(lower - 1) == bucket - 1
        width = bucket_lower_bound(bucket + 1) - lower
        assert width == 1 or width <= lower / 64
        previous = lower
    assert bucket_lower_bound(HISTOGRAM_BUCKETS) == HISTOGRAM_MAXIMUM + 1


@pytest.mark.parametrize(
    ("value", "bucket"),
    [(-5, 0), (0, 0), (63, 63), (64, 64), (127, 127), (128, 128), (129, 128), (130, 129)],
)
def test_small_and_negative_values(value, bucket):
    assert bucket_of(value) == bucket


@pytest.mark.parametrize("value", [HISTOGRAM_MAXIMUM, HISTOGRAM_MAXIMUM + 1, 1 << 62])
def test_values_beyond_the_last_bucket_count_in_it(value):
    assert bucket_of(value) == HISTOGRAM_BUCKETS - 1
    histogram = new_histogram()
    record(histogram, value)
    assert percentiles(histogram, [50])[0] == HISTOGRAM_MAXIMUM
    assert summary(histogram)["max"] == value


def test_an_empty_histogram():
    assert percentiles(new_histogram(), [0, 50, 100]) == [0, 0, 0]
    assert set(summary(new_histogram()).values()) == {0}


def test_record_many_is_many_records():
    one, many = new_histogram(), new_histogram()
    for _ in range(7):
        record(one, 12345)
    record_many(many, 12345, 7)
    np.testing.assert_array_equal(one, many)


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.integers(0, 300), st.integers(0, 1 << 20), st.integers(0, HISTOGRAM_MAXIMUM)),
        min_size=1,
        max_size=200,
    )
)
def test_percentiles_against_a_sorted_list(values):
    histogram = new_histogram()
    for value in values:
        record(histogram, value)
    ordered = sorted(values)
    assert histogram[HISTOGRAM_HEADER_WORDS:].sum() == len(values)
    for percent in (0, 1, 25, 50, 90, 99, 99.9, 100):
        rank = max(1, int(np.ceil(len(values) * percent / 100.0)))
        exact = ordered[rank - 1]
        found = percentiles(histogram, [percent])[0]
        assert exact <= found <= exact + exact // 64
    found = summary(histogram)
    assert found["count"] == len(values)
    assert found["min"] == ordered[0]
    assert found["max"] == ordered[-1]
    assert found["mean"] == pytest.approx(sum(values) / len(values))
