"""Every metric, made when Prometheus asks: from the shared memory, the run file and the models.

Who uses it: the process api, on the port of ``[metrics]``. Invariant: it only reads, and costs
those who trade nothing. docs/metrics.md has every metric.

Decision MET-1.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from exchange.core import pipeline
from exchange.core.clock_state import CalendarState
from exchange.core.counters import (
    CONNECTOR_COUNTERS,
    CONNECTOR_STATES,
    DISK_USED,
    STORE_STATES,
    Counter,
    Histogram,
)
from exchange.core.pipeline import IngressRing
from exchange.core.stage_names import StageName
from exchange.metrics.catalogue import (
    BY_STAGE,
    COMMANDS,
    ORDER_COMMANDS,
    PLAIN,
    REMOVED,
    SECOND_NS,
)
from exchange.metrics.certificates import Certificates
from exchange.metrics.consumers import Archive, Consumers
from exchange.metrics.event_counts import EventCounts
from exchange.metrics.processes import Processes
from exchange.metrics.throughput import Throughput
from exchange.read_model.market.model import MarketModel
from exchange.runtime.capacity_use import uses
from exchange.runtime.health import Health
from exchange.runtime.release import RELEASE
from exchange.runtime.run_file import read_run_file
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
COMMIT_BOUNDS = tuple(4**power for power in range(9))  # records: 1 to 65,536
# the largest value of each bucket of a histogram in shared memory
_LARGEST = np.array([bucket_lower_bound(i + 1) - 1 for i in range(HISTOGRAM_BUCKETS)], np.int64)
_CLIENT_RINGS = (IngressRing.ORDER_ENTRY, IngressRing.API, IngressRing.GRPC)

# who writes into a ring, and whose reading makes room in it
_AT_BOTH_ENDS = {
    "commands": (StageName.MATCHER, StageName.JOURNALER),
    "events": (StageName.MATCHER, StageName.JOURNALER),
    IngressRing.CONTROL.name.lower(): (StageName.DAEMON, StageName.MATCHER),
    IngressRing.ORDER_ENTRY.name.lower(): (StageName.ORDER_ENTRY, StageName.MATCHER),
    IngressRing.API.name.lower(): (StageName.API, StageName.MATCHER),
    IngressRing.GRPC.name.lower(): (StageName.CONNECT_GRPC, StageName.MATCHER),
}


class DepthBounds(NamedTuple):
    """Of how many instruments, and how many of their best levels, the depth is told."""

    symbols: int
    levels: int


class ExchangeCollector(Collector):
    """``arrays``: the core's sections. ``sizes``: of ``capacity_use.uses``.

    ``archive``: of released events. ``health``: the judgement that ``/health`` gives.
    ``configuration``: its hash.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        data_directory: Path,
        *,
        archive: Archive,
        market: MarketModel,
        counts: EventCounts,
        depth: DepthBounds,
        sizes: Mapping[str, int],
        health: Callable[[], Health],
        configuration: str,
        certificate_files: Sequence[str] = (),
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
        self._sizes = sizes
        self._health = health
        self._configuration = configuration
        self._facts = {
            "version": RELEASE,
            "python": platform.python_version(),
            "numba": importlib.metadata.version("numba"),
        }
        self._consumers = Consumers(arrays, archive)
        self._processes = Processes(self._counters)
        self._certificates = Certificates(certificate_files)
        self.throughput = Throughput(self._applied)

    def collect(self) -> Iterator[Metric]:
        """Every metric as of now."""
        yield from self._orders()
        yield from self._latencies()
        yield from self._book_depth()
        yield from self._counted()
        yield from self._rings()
        run = read_run_file(self._data_directory)
        yield from self._consumers.collect(run)
        yield from self._processes.collect(run)
        yield from self._judgement()
        yield from self._certificates.collect()
        yield from self._kept()
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
            "exchange_commit_records",
            "64-byte records in one frame of the journal",
            Histogram.COMMIT_COMMANDS,
            COMMIT_BOUNDS,
            1,
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
        """``bounds``: as stored; ``unit``: divides bounds and sum for people."""
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
            yield family(plain.name, plain.text, value=value)
        for metric in BY_STAGE:
            family = GaugeMetricFamily if metric.gauge else CounterMetricFamily
            made = family(metric.name, metric.text, labels=["stage"])
            for stage, counter in metric.counters.items():
                made.add_metric([stage], self._counter(counter))
            yield made

    def _rings(self) -> Iterator[Metric]:
        word = self._cursors
        # who gates a ring: its slowest reader, whose cursor is the second
        used: Mapping[str, tuple[int, int]] = {
            "commands": (pipeline.COMMAND_PUBLISHED, pipeline.COMMAND_DURABLE),
            "events": (pipeline.EVENT_PUBLISHED, pipeline.EVENT_RELEASED),
        } | {
            ring.name.lower(): (pipeline.ingress_published(ring), pipeline.ingress_consumed(ring))
            for ring in IngressRing
        }
        depth = GaugeMetricFamily(
            "exchange_ring_used_records",
            "records that the reader who gates the ring has not taken; producer: who waits for it",
            labels=["ring", "producer", "gated_by"],
        )
        size = GaugeMetricFamily("exchange_ring_size_records", "size of a ring", labels=["ring"])
        for ring, (published, taken) in used.items():
            producer, gate = _AT_BOTH_ENDS[ring]
            waiting = max(int(word[published]) - int(word[taken]), 0)
            depth.add_metric([ring, producer, gate], waiting)
            size.add_metric([ring], self._capacities[ring])
        yield depth
        yield size

    def _judgement(self) -> Iterator[Metric]:
        health = self._health()
        yield GaugeMetricFamily(
            "exchange_healthy", "1: the exchange works, as /health says", float(health.healthy)
        )
        yield GaugeMetricFamily(
            "exchange_problems",
            "number of reasons why the exchange does not work",
            len(health.problems),
        )
        yield GaugeMetricFamily(
            "exchange_warnings",
            "number of things that do not stop trading and need somebody to look",
            len(health.warnings),
        )

    def _kept(self) -> Iterator[Metric]:
        """Snapshots, and what takes the disk."""
        age = GaugeMetricFamily(
            "exchange_snapshot_age_seconds", "time since the newest snapshot was made"
        )
        made_ns = self._counter(Counter.SNAPSHOT_TIME_NS)
        if made_ns:
            age.add_metric([], max(time.time_ns() - made_ns, 0) / SECOND_NS)
        yield age
        kinds = GaugeMetricFamily(
            "exchange_disk_used_bytes",
            "what a folder of the data directory takes",
            labels=["kind"],
        )
        for kind, counter in DISK_USED.items():
            kinds.add_metric([kind], self._counter(counter))
        yield kinds
        removed = CounterMetricFamily(
            "exchange_removed_files", "files that retention has removed", labels=["kind"]
        )
        for kind, counter in REMOVED.items():
            removed.add_metric([kind], self._counter(counter))
        yield removed

    def _connector_states(self) -> Metric:
        states = GaugeMetricFamily(
            "exchange_connector_state",
            "1 for the state that a connector is in",
            labels=["stage", "state"],
        )
        for stage, counter in CONNECTOR_COUNTERS["state"].items():
            current = min(self._counter(counter), len(CONNECTOR_STATES) - 1)
            for number, state in enumerate(CONNECTOR_STATES):
                states.add_metric([stage, state], float(number == current))
        return states

    def _surroundings(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "exchange_store_state", "1 for the state that the store is in", labels=["state"]
        )
        current = min(self._counter(Counter.STORE_STATE), len(STORE_STATES) - 1)
        for number, state in enumerate(STORE_STATES):
            states.add_metric([state], float(number == current))
        yield states
        yield self._connector_states()
        calendar = self._counter(Counter.CLOCK_CALENDAR)
        follows = GaugeMetricFamily(
            "exchange_clock_calendar",
            "1 for how days and phases follow the wall clock",
            labels=["state"],
        )
        for each in CalendarState:
            follows.add_metric([each.name.lower()], float(each == calendar))
        yield follows
        used = GaugeMetricFamily(
            "exchange_capacity_used",
            "what is in use of what all share, by the key of its size",
            labels=["capacity"],
        )
        size = GaugeMetricFamily(
            "exchange_capacity_size", "how much there is of what all share", labels=["capacity"]
        )
        for use in uses(self._counters, self._sizes):
            used.add_metric([use.name], use.used)
            size.add_metric([use.name], use.size)
        yield used
        yield size
        yield InfoMetricFamily("exchange_build", "what runs", dict(self._facts))
        yield InfoMetricFamily(
            "exchange_configuration",
            "the beginning of the SHA-256 of the whole configuration, defaults included",
            {"hash": self._configuration},
        )
