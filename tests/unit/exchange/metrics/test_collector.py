"""The metrics, on shared memory with known content, read by Prometheus' own parser."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exchange.codes import EventKind
from exchange.core import pipeline
from exchange.core.counters import Counter, Histogram
from exchange.core.pipeline import IngressRing
from exchange.metrics.collector import MATCHING_BOUNDS_US
from exchange.metrics.event_counts import EventCounts
from exchange.records import EVENT
from ringbuffer.counters import COUNTER_STRIDE, HISTOGRAM_WORDS, record
from tests.harness.small_metrics import metrics_of, runs


class Scene:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.counts = EventCounts()
        self.arrays, self.collector = metrics_of(directory, self.counts)

    def set(self, counter: Counter, value: int) -> None:
        self.arrays["counters"][counter * COUNTER_STRIDE] = value

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self.collector)
        text = generate_latest(registry).decode()
        found = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in found, "no metric comes twice"
                found[key] = sample.value
        return found

    def value(self, name: str, **labels: str) -> float:
        return self.samples()[name, tuple(sorted(labels.items()))]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_what_waits_is_received_and_not_processed(scene: Scene) -> None:
    scene.set(Counter.COMMANDS_ENTER, 7)
    scene.set(Counter.COMMANDS_CANCEL_BY_ORDER_ID, 2)
    scene.set(Counter.COMMANDS_TIMER, 100)
    cursors = scene.arrays["cursors"]
    cursors[pipeline.COMMAND_PUBLISHED] = 50
    cursors[pipeline.COMMAND_APPLIED] = 48
    cursors[pipeline.ingress_published(IngressRing.API)] = 3
    assert scene.value("exchange_orders_processed_total") == 9
    assert scene.value("exchange_orders_received_total") == 9 + 2 + 3
    assert scene.value("exchange_commands_total", kind="timer") == 100


def test_events_add_up(scene: Scene) -> None:
    events = np.zeros(3, EVENT)
    events["kind"] = (EventKind.TRADE, EventKind.TRADE, EventKind.CANCELED)
    events["quantity"] = (30, 12, 99)
    scene.counts.learn(events)
    scene.set(Counter.TRADES, 2)
    assert scene.value("exchange_trade_volume") == 42
    assert scene.value("exchange_trades_executed_total") == 2
    assert scene.value("exchange_orders_cancelled_total") == 1


def test_the_newest_snapshot_and_the_disk(scene: Scene) -> None:
    assert ("exchange_snapshot_age_seconds", ()) not in scene.samples(), "there is none"
    scene.set(Counter.SNAPSHOT_TIME_NS, time.time_ns() - 60 * 10**9)
    assert 60 <= scene.value("exchange_snapshot_age_seconds") < 3_600
    scene.set(Counter.ARCHIVE_DISK_BYTES, 5_000)
    scene.set(Counter.JOURNAL_REMOVED, 7)
    samples = scene.samples()
    assert samples["exchange_disk_used_bytes", (("kind", "archive"),)] == 5_000
    assert samples["exchange_removed_files_total", (("kind", "journal"),)] == 7


def test_the_latency_is_told_in_two_units(scene: Scene) -> None:
    first = int(Histogram.MATCHING_NS) * HISTOGRAM_WORDS
    histogram = scene.arrays["histograms"][first : first + HISTOGRAM_WORDS]
    for value_ns in (900, 4_000, 40_000, 40_000, 2_000_000):
        record(histogram, value_ns)
    samples = scene.samples()
    name = "exchange_matching_latency_microseconds"
    counts = {
        bound: samples[f"{name}_bucket", (("le", repr(float(bound))),)]
        for bound in MATCHING_BOUNDS_US
    }
    assert counts == {1: 1, 5: 2, 10: 2, 25: 2, 50: 4, 100: 4, 250: 4, 500: 4, 1000: 4}
    assert samples[f"{name}_bucket", (("le", "+Inf"),)] == samples[f"{name}_count", ()] == 5
    assert samples[f"{name}_sum", ()] == 2_084.9
    assert samples["exchange_matching_latency_seconds_bucket", (("le", "5e-05"),)] == 4
    assert samples["exchange_matching_latency_seconds_sum", ()] == 0.0020849


def test_depth_is_bounded_by_the_configuration(scene: Scene) -> None:
    told = {key: value for key, value in scene.samples().items() if "orderbook" in key[0]}
    assert told == {
        ("exchange_orderbook_depth", (("side", "bid"), ("symbol", "AAPL"))): 35,
        ("exchange_orderbook_depth", (("side", "ask"), ("symbol", "AAPL"))): 4,
    }


def test_stages_and_lag_come_from_the_run_file(scene: Scene) -> None:
    runs(scene.directory, "store")
    scene.arrays["cursors"][pipeline.EVENT_RELEASED] = 12
    scene.arrays["cursors"][pipeline.consumed(pipeline.AGENT_STORE)] = 9
    samples = scene.samples()
    assert samples["exchange_up", (("stage", "store"),)] == 1
    assert samples["exchange_consumer_lag_events", (("consumer", "store"),)] == 3
    assert samples["exchange_stage_resident_bytes", (("stage", "store"),)] > 0


def test_states_are_one_of_a_set(scene: Scene) -> None:
    scene.set(Counter.STORE_STATE, 3)
    states = {k[1]: v for k, v in scene.samples().items() if k[0] == "exchange_store_state"}
    assert sum(states.values()) == 1 and states[(("state", "following"),)] == 1


def test_capacities_and_disk_are_what_the_shared_memory_says(scene: Scene) -> None:
    scene.set(Counter.LIVE_ORDERS, 7)
    scene.set(Counter.DISK_FREE_BYTES, 5)
    assert scene.value("exchange_capacity_used", capacity="live_orders") == 7
    assert scene.value("exchange_capacity_size", capacity="live_orders") == 1_000
    assert scene.value("exchange_disk_free_bytes") == 5
    scene.set(Counter.API_DESCRIPTORS, 90)
    scene.set(Counter.DESCRIPTORS_ALLOWED, 100)
    assert scene.value("exchange_descriptors_open", stage="api") == 90
    assert scene.value("exchange_descriptors_allowed") == 100


def test_a_ring_names_who_fills_it_and_who_gates_it(scene: Scene) -> None:
    cursors = scene.arrays["cursors"]
    cursors[pipeline.ingress_published(IngressRing.API)] = 5
    cursors[pipeline.COMMAND_PUBLISHED] = 9
    cursors[pipeline.COMMAND_DURABLE] = 2
    name = "exchange_ring_used_records"
    assert scene.value(name, ring="api", producer="api", gated_by="matcher") == 5
    assert scene.value(name, ring="commands", producer="matcher", gated_by="journaler") == 7


def test_the_judgement_is_that_of_the_health(scene: Scene) -> None:
    assert scene.value("exchange_healthy") == 0
    assert scene.value("exchange_problems") == 1
    assert scene.value("exchange_warnings") == 2


def test_the_build_and_the_configuration_have_names(scene: Scene) -> None:
    infos = {key[0]: dict(key[1]) for key in scene.samples() if key[0].endswith("_info")}
    assert set(infos["exchange_build_info"]) == {"version", "python", "numba"}
    assert infos["exchange_configuration_info"] == {"hash": "abc"}


def test_frames_are_counted_by_their_records(scene: Scene) -> None:
    first = int(Histogram.COMMIT_COMMANDS) * HISTOGRAM_WORDS
    histogram = scene.arrays["histograms"][first : first + HISTOGRAM_WORDS]
    for records in (1, 3, 4, 70_000):
        record(histogram, records)
    assert scene.value("exchange_commit_records_bucket", le="1.0") == 1
    assert scene.value("exchange_commit_records_bucket", le="4.0") == 3
    assert scene.value("exchange_commit_records_bucket", le="65536.0") == 3
    assert scene.value("exchange_commit_records_sum") == 70_008
