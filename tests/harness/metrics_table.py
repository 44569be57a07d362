"""Every metric as a row of the tables in docs/metrics.md, from what the collector gives."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.core import Metric

from exchange.core.counters import HEARTBEATS, Counter
from exchange.core.stage_names import StageName
from ringbuffer.counters import COUNTER_STRIDE
from tests.harness.small_metrics import metrics_of, runs

_SUFFIXES = {"counter": "_total", "info": "_info"}


def families(directory: Path) -> list[Metric]:
    """Every metric, each with a sample; ``directory``: an empty one for the run file."""
    runs(directory, *(stage for stage in HEARTBEATS if stage != StageName.DAEMON))
    arrays, collector = metrics_of(directory)
    for counter in (*HEARTBEATS.values(), Counter.DISK_BYTES):
        arrays["counters"][counter * COUNTER_STRIDE] = 1
    return list(collector.collect())


def name_of(metric: Metric) -> str:
    """The name that Prometheus shows (of a histogram, without its suffixes)."""
    return metric.name + _SUFFIXES.get(metric.type, "")


def rows(directory: Path) -> dict[str, str]:
    """Name -> row, of every metric."""
    found = {}
    for metric in families(directory):
        labels = sorted({label for sample in metric.samples for label in sample.labels} - {"le"})
        shown = name_of(metric) + ("{" + ",".join(labels) + "}" if labels else "")
        found[name_of(metric)] = f"| `{shown}` | {metric.type} | {metric.documentation} |"
    return found
