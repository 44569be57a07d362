"""Every metric, made when Prometheus asks: from the shared memory, the run file and the models.

Who uses it: the process api, on the health port. Invariant: it only reads, and costs those who
trade nothing. The names that operators' rules may rely on are in docs/operations.md, "Metrics".

Decision MET-1.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from exchange.core import pipeline
from exchange.core.capacity import EngineCapacity
from exchange.core.clock_state import CalendarState
from exchange.core.counters import HEARTBEATS, STORE_STATES, Counter, Histogram
from exchange.core.pipeline import IngressRing
from exchange.core.region import AGENTS
from exchange.core.stage_names import EVENT_CONSUMERS, StageName
from exchange.metrics.catalogue import (
    BY_STAGE,
    CAPACITIES,
    COMMANDS,
    ORDER_COMMANDS,
    PLAIN,
    SECOND_NS,
)
from exchange.metrics.event_counts import EventCounts
from exchange.metrics.throughput import Throughput
from exchange.read_model.market.model import MarketModel
from exchange.runtime.release import RELEASE
from exchange.runtime.run_file import RunState, read_run_file
from ringbuffer.counters import (
    COUNTER_STRIDE,
    HISTOGRAM_BUCKETS,
    HISTOGRAM_HEADER_WORDS,
    HISTOGRAM_WORDS,
    bucket_lower_bound,
)

MICROSECOND_NS = 1_000
MATCHING_BOUNDS_US = (1, 5, 10, 25, 50, 100, 250, 500, 1000)
# of a commit and of a request's outcome: 50 us to 5 s
SLOW_BOUNDS_S = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
# the largest value of each bucket of a histogram in shared memory
_LARGEST = np.array([bucket_lower_bound(i + 1) - 1 for i in range(HISTOGRAM_BUCKETS)], np.int64)
_CLIENT_RINGS = (IngressRing.ORDER_ENTRY, IngressRing.API)


class DepthBounds(NamedTuple):
    """Of how many instruments, and how many of their best levels, the depth is told."""

    symbols: int
    levels: int


class ExchangeCollector(Collector):
    """``arrays``: the core's sections. ``facts``: labels of ``exchange_build``."""

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        data_directory: Path,
        market: MarketModel,
        counts: EventCounts,
        depth: DepthBounds,
        facts: Mapping[str, str],
        capacity: EngineCapacity,
    ) -> None:
        self._counters = arrays["counters"]
        self._cursors = arrays["cursors"]
        self._histograms = arrays["histograms"]
        self._capacities = {
            "commands": len(arrays["command_ring"]),
            "events": len(arrays["event_ring"]),
        } | {ring.name.lower(): len(arrays[ring.section]) for ring in IngressRing}
        self._data_directory = data_directory
        self._market = market
        self._counts = counts
        self._depth = depth
        self._capacity = capacity
        self._facts = {"version": RELEASE, **facts}
        self.throughput = Throughput(self._applied)

    def collect(self) -> Iterator[Metric]:
        """Every metric as of now."""
        yield from self._orders()
        yield from self._latencies()
        yield from self._book_depth()
        yield from self._counted()
        yield from self._rings()
        yield from self._consumers()
        yield from self._stages()
        yield from self._surroundings()

    # --- trading --------------------------------------------------------------------------------

    def _counter(self, counter: Counter) -> int:
        return int(self._counters[counter * COUNTER_STRIDE])

    def _processed(self) -> int:
        return sum(map(self._counter, ORDER_COMMANDS))

    def _applied(self) -> int:
        return int(self._cursors[pipeline.COMMAND_APPLIED])

    def _waiting(self) -> int:
        """Records that clients' rings and the command ring hold and the matcher has not applied."""
        word = self._cursors
        in_rings = sum(
            int(word[pipeline.ingress_published(ring)]) - int(word[pipeline.ingress_consumed(ring)])
            for ring in _CLIENT_RINGS
        )
        return max(in_rings + int(word[pipeline.COMMAND_PUBLISHED]) - self._applied(), 0)

    def _orders(self) -> Iterator[Metric]:
        processed = self._processed()
        yield CounterMetricFamily(
            "exchange_orders_received",
            "requests of clients about orders (enter, replace, modify, cancel), those that wait "
            "for the matcher included",
            value=processed + self._waiting(),
        )
        yield CounterMetricFamily(
            "exchange_orders_processed",
            "requests of clients about orders that the matcher has applied",
            value=processed,
        )
        yield CounterMetricFamily(
            "exchange_orders_cancelled",
            "orders that were cancelled, by whomever",
            value=self._counts.cancelled,
        )
        yield CounterMetricFamily(
            "exchange_trades_executed", "trades", value=self._counter(Counter.TRADES)
        )
        yield GaugeMetricFamily(
            "exchange_trade_volume", "quantity of all trades", value=self._counts.volume
        )
        yield GaugeMetricFamily(
            "exchange_matching_throughput",
            "commands applied a second, over the last ten seconds",
            value=self.throughput.per_second(),
        )
        commands = CounterMetricFamily("exchange_commands", "commands applied", labels=["kind"])
        for kind, counter in COMMANDS.items():
            commands.add_metric([kind], self._counter(counter))
        yield commands
        reasons = CounterMetricFamily(
            "exchange_rejects_by_reason", "refusals among the released events", labels=["reason"]
        )
        for reason, count in self._counts.rejects().items():
            reasons.add_metric([reason], count)
        yield reasons

    def _latencies(self) -> Iterator[Metric]:
        of_matching = [bound * MICROSECOND_NS for bound in MATCHING_BOUNDS_US]
        what = "from a command's bytes received to its events published"
        yield self._histogram(
            "exchange_matching_latency_microseconds",
            what,
            Histogram.MATCHING_NS,
            of_matching,
            MICROSECOND_NS,
        )
        yield self._histogram(
            "exchange_matching_latency_seconds",
            what,
            Histogram.MATCHING_NS,
            of_matching,
            SECOND_NS,
        )
        slow = [round(bound * SECOND_NS) for bound in SLOW_BOUNDS_S]
        yield self._histogram(
            "exchange_commit_latency_seconds",
            "write and fdatasync of one frame of the journal",
            Histogram.COMMIT_NS,
            slow,
            SECOND_NS,
        )
        yield self._histogram(
            "exchange_api_outcome_latency_seconds",
            "from a command of the API to its outcome",
            Histogram.API_OUTCOME_NS,
            slow,
            SECOND_NS,
        )

    def _histogram(
        self, name: str, text: str, number: Histogram, bounds: Sequence[int], unit: int
    ) -> Metric:
        """``bounds``: as stored (ns); ``unit``: divides bounds and sum for people."""
        first = int(number) * HISTOGRAM_WORDS
        words = self._histograms[first : first + HISTOGRAM_WORDS].copy()
        below = np.cumsum(words[HISTOGRAM_HEADER_WORDS:])
        places = np.searchsorted(_LARGEST, np.array(bounds), side="right") - 1
        counts = [0 if place < 0 else int(below[place]) for place in places.tolist()]
        buckets = [(repr(bound / unit), count) for bound, count in zip(bounds, counts, strict=True)]
        # one copy: the bucket of infinity fits the others while the writer goes on
        return HistogramMetricFamily(
            name,
            text,
            buckets=[*buckets, ("+Inf", int(below[-1]))],
            sum_value=int(words[1]) / unit,
        )

    def _book_depth(self) -> Iterator[Metric]:
        metric = GaugeMetricFamily(
            "exchange_orderbook_depth",
            f"open quantity at the best {self._depth.levels} levels",
            labels=["symbol", "side"],
        )
        told = sorted(self._market.instruments)[: self._depth.symbols]
        for number in told:
            depth = self._market.depth(number, self._depth.levels)
            symbol = self._market.instruments[number].symbol
            for side, levels in (("bid", depth.bids), ("ask", depth.asks)):
                metric.add_metric([symbol, side], sum(quantity for _, quantity, _ in levels))
        yield metric

    # --- the machinery --------------------------------------------------------------------------

    def _counted(self) -> Iterator[Metric]:
        for counter, plain in PLAIN.items():
            family = GaugeMetricFamily if plain.gauge else CounterMetricFamily
            value = self._counter(counter) / plain.scale
            yield family(f"exchange_{plain.name}", plain.text, value=value)
        for metric in BY_STAGE:
            family = GaugeMetricFamily if metric.gauge else CounterMetricFamily
            made = family(f"exchange_{metric.name}", metric.text, labels=["stage"])
            for stage, counter in metric.counters.items():
                made.add_metric([stage], self._counter(counter))
            yield made

    def _rings(self) -> Iterator[Metric]:
        word = self._cursors
        # who gates a ring: its slowest reader, whose cursor is the second
        used = {
            "commands": (pipeline.COMMAND_PUBLISHED, pipeline.COMMAND_DURABLE),
            "events": (pipeline.EVENT_PUBLISHED, pipeline.EVENT_RELEASED),
        } | {
            ring.name.lower(): (pipeline.ingress_published(ring), pipeline.ingress_consumed(ring))
            for ring in IngressRing
        }
        depth = GaugeMetricFamily(
            "exchange_ring_used_records",
            "records that the reader who gates the ring has not taken",
            labels=["ring", "gated_by"],
        )
        size = GaugeMetricFamily("exchange_ring_size_records", "size of a ring", labels=["ring"])
        for ring, (published, taken) in used.items():
            gate = StageName.JOURNALER if ring in ("commands", "events") else StageName.MATCHER
            depth.add_metric([ring, gate], max(int(word[published]) - int(word[taken]), 0))
            size.add_metric([ring], self._capacities[ring])
        yield depth
        yield size

    def _consumers(self) -> Iterator[Metric]:
        released = int(self._cursors[pipeline.EVENT_RELEASED])
        lag = GaugeMetricFamily(
            "exchange_consumer_lag_events",
            "released events that a consumer has not read",
            labels=["consumer"],
        )
        run = self._run_state()
        for stage in EVENT_CONSUMERS:
            if run is not None and stage in run.stages:
                seen = int(self._cursors[pipeline.consumed(AGENTS[stage])])
                lag.add_metric([stage], max(released - seen, 0))
        yield lag
        yield GaugeMetricFamily("exchange_released_events", "events that are released", released)

    def _run_state(self) -> RunState | None:
        return read_run_file(self._data_directory)

    def _stages(self) -> Iterator[Metric]:
        run = self._run_state()
        up = GaugeMetricFamily("exchange_up", "whether a stage is ready", labels=["stage"])
        age = GaugeMetricFamily(
            "exchange_heartbeat_age_seconds", "age of the latest heartbeat", labels=["stage"]
        )
        used = CounterMetricFamily(
            "exchange_stage_cpu_seconds", "processor time of a stage", labels=["stage"]
        )
        resident = GaugeMetricFamily(
            "exchange_stage_resident_bytes", "resident memory of a stage", labels=["stage"]
        )
        now_ns = time.monotonic_ns()
        pids = {} if run is None else {role: stage.pid for role, stage in run.stages.items()}
        for stage, counter in HEARTBEATS.items():
            beat_ns = self._counter(counter)
            if beat_ns and (stage in pids or stage == StageName.DAEMON):
                age.add_metric([stage], max(now_ns - beat_ns, 0) / SECOND_NS)
        for role, pid in pids.items():
            assert run is not None
            up.add_metric([role], float(run.stages[role].ready))
            try:
                process = psutil.Process(pid)
                times = process.cpu_times()
                memory = process.memory_info().rss
            except psutil.Error:
                continue  # it has ended just now
            used.add_metric([role], times.user + times.system)
            resident.add_metric([role], memory)
        yield from (up, age, used, resident)

    def _surroundings(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "exchange_store_state", "1 for the state that the store is in", labels=["state"]
        )
        current = min(self._counter(Counter.STORE_STATE), len(STORE_STATES) - 1)
        for number, state in enumerate(STORE_STATES):
            states.add_metric([state], float(number == current))
        yield states
        calendar = self._counter(Counter.CLOCK_CALENDAR)
        follows = GaugeMetricFamily(
            "exchange_clock_calendar", "1 for how days and phases follow it", labels=["state"]
        )
        for each in CalendarState:
            follows.add_metric([each.name.lower()], float(each == calendar))
        yield follows
        used = GaugeMetricFamily(
            "exchange_capacity_used", "rows in use of a table that all share", labels=["table"]
        )
        size = GaugeMetricFamily("exchange_capacity_size", "its rows", labels=["table"])
        for table, counter in CAPACITIES.items():
            used.add_metric([table], self._counter(counter))
            size.add_metric([table], getattr(self._capacity, table))
        yield used
        yield size
        yield InfoMetricFamily("exchange_build", "what runs", dict(self._facts))
