"""``exchange status``: what the daemon, its stages and its rings are doing.

Who uses it: the command line. It reads ``run.json`` and attaches to the region read-only, so it
also works, and disturbs nothing, when the daemon hangs. The health is the one that probes and
metrics are told (health.py). Rates come from two looks.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Group
from rich.table import Table
from rich.text import Text

from exchange.admin.health import exchange_health
from exchange.core import pipeline
from exchange.core.counters import (
    CONNECTOR_COUNTERS,
    CONNECTOR_STATES,
    LOG_LINES_LOST,
    STORE_STATES,
    Counter,
    Histogram,
)
from exchange.core.pipeline import IngressRing
from exchange.core.region import AGENTS, region_name
from exchange.core.stage_names import CONNECTORS, EVENT_CONSUMERS, StageName
from exchange.errors import NotRunning
from exchange.runtime.capacity_use import WARN_PERCENT, table_sizes, uses
from exchange.runtime.data_directory import load_capacity
from exchange.runtime.disk_use import disk_use
from exchange.runtime.process import running_pid
from exchange.runtime.run_file import RunState, read_run_file
from ringbuffer.counters import HISTOGRAM_WORDS, read_counters, summary
from ringbuffer.errors import RegionError
from ringbuffer.region import Region

_CURSORS = {
    "command_published": pipeline.COMMAND_PUBLISHED,
    "command_applied": pipeline.COMMAND_APPLIED,
    "command_durable": pipeline.COMMAND_DURABLE,
    "event_published": pipeline.EVENT_PUBLISHED,
    "event_released": pipeline.EVENT_RELEASED,
}
_INGRESS = {
    "control": IngressRing.CONTROL,
    "order_entry": IngressRing.ORDER_ENTRY,
    "api": IngressRing.API,
    "grpc": IngressRing.GRPC,
}
_RATES = (
    "command_published",
    "event_published",
    "commits",
    "messages_received",
    "messages_sent",
    "api_requests",
    "api_frames_sent",
    "store_rows",
)


def _process(pid: int) -> dict[str, Any]:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return {
                "state": process.status(),
                "resident_bytes": process.memory_info().rss,
                "cpu_seconds": times.user + times.system,
                "cpus": process.cpu_affinity(),
            }
    except psutil.Error:
        return {"state": "gone", "resident_bytes": 0, "cpu_seconds": 0.0, "cpus": []}


class Observer:
    """Looks at one data directory's exchange. Raises NotRunning when there is none."""

    def __init__(self, data_directory: Path) -> None:
        self._data_directory = data_directory.resolve()
        self._before: dict[str, Any] | None = None

    def look(self) -> dict[str, Any]:
        """The status now; ``rates`` (per second) are there from the second look on."""
        pid = running_pid(self._data_directory)
        state = read_run_file(self._data_directory)
        if pid is None or state is None or state.pid != pid:
            raise NotRunning(f"no exchange runs on data directory {self._data_directory}")
        status = self._describe(state)
        try:
            with Region.attach_read_only(region_name(self._data_directory)) as region:
                status |= self._read(region, list(state.stages))
                sizes = self._sizes()
                status["capacity"] = self._capacity(region, sizes)
                status["health"] = exchange_health(
                    state.addresses, region.arrays, self._data_directory, sizes
                )
        except RegionError as error:
            status["region_error"] = str(error)
        if self._before is not None:
            status["rates"] = self._rates(self._before, status)
        self._before = status
        return status

    def _describe(self, state: RunState) -> dict[str, Any]:
        stages = {str(StageName.DAEMON): {"pid": state.pid, "ready": True} | _process(state.pid)}
        for role, stage in state.stages.items():
            stages[role] = {"pid": stage.pid, "ready": stage.ready} | _process(stage.pid)
        return {
            "name": state.name,
            "phase": state.phase,
            "data_directory": str(self._data_directory),
            "order_entry": state.order_entry,
            "addresses": state.addresses,
            "day": state.day,
            "disk": disk_use(self._data_directory),
            "uptime_seconds": round(
                time.clock_gettime(time.CLOCK_BOOTTIME) - state.started_boot_s, 3
            ),
            "restarts": state.restarts,
            "time": time.time(),
            "monotonic_seconds": time.monotonic(),
            "stages": stages,
        }

    def _sizes(self) -> dict[str, int]:
        """The sizes of the matcher's tables."""
        capacity = load_capacity(self._data_directory)
        return {} if capacity is None else table_sizes(capacity)

    @staticmethod
    def _capacity(region: Region, sizes: dict[str, int]) -> dict[str, dict[str, int]]:
        """What is in use of the matcher's tables and of the disk, by name."""
        return {
            use.name: {"used": use.used, "size": use.size, "percent": use.percent}
            for use in uses(region.arrays["counters"], sizes)
        }

    @staticmethod
    def _read(region: Region, stages: list[str]) -> dict[str, Any]:
        # no acquire: the numbers are shown, and no record is read because of them
        words = region.arrays["cursors"]
        cursors = {name: int(words[index]) for name, index in _CURSORS.items()}
        lag = {
            "journaler_commands": cursors["command_published"] - cursors["command_durable"],
            "matcher_commands": cursors["command_published"] - cursors["command_applied"],
            "release_events": cursors["event_published"] - cursors["event_released"],
        }
        for name in EVENT_CONSUMERS:
            if name in stages:
                seen = int(words[pipeline.consumed(AGENTS[name])])
                lag[f"{name}_events"] = cursors["event_released"] - seen
        for producer, ring in _INGRESS.items():
            published = int(words[pipeline.ingress_published(ring)])
            taken = int(words[pipeline.ingress_consumed(ring)])
            cursors[f"ingress_{producer}_published"] = published
            cursors[f"ingress_{producer}_consumed"] = taken
            lag[f"ingress_{producer}"] = published - taken
        histograms = region.arrays["histograms"]
        return {
            "cursors": cursors,
            "lag": lag,
            "sleeping": {
                str(name): bool(words[pipeline.sleeping(AGENTS[name])])
                for name in (StageName.DAEMON, *map(StageName, stages))
            },
            "counters": read_counters(region.arrays["counters"], Counter),
            "histograms": {
                member.name.lower(): summary(
                    histograms[member * HISTOGRAM_WORDS : (member + 1) * HISTOGRAM_WORDS]
                )
                for member in Histogram
            },
            "region_bytes": region.size_bytes,
        }

    @staticmethod
    def _rates(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float]:
        clock = "monotonic_seconds" if "monotonic_seconds" in before else "time"
        elapsed_s = max(after[clock] - before[clock], 1e-6)
        rates = {}
        for name in _RATES:
            values = [s.get("cursors", {}) | s.get("counters", {}) for s in (before, after)]
            if name in values[0] and name in values[1]:
                rates[f"{name}_per_s"] = (values[1][name] - values[0][name]) / elapsed_s
        for role, stage in after["stages"].items():
            earlier = before["stages"].get(role)
            if earlier and earlier["pid"] == stage["pid"]:
                used_s = stage["cpu_seconds"] - earlier["cpu_seconds"]
                rates[f"{role}_cpu_percent"] = 100 * used_s / elapsed_s
        return rates


def render(status: dict[str, Any]) -> Group:
    """The status as tables for a terminal."""
    rates = status.get("rates", {})
    addresses = ", ".join(
        f"{name.replace('_', ' ')} {address}" for name, address in status["addresses"].items()
    )
    restarts = ", ".join(
        f"{name.replace('_', ' ')} {count}" for name, count in status["restarts"].items() if count
    )
    head = Text(
        f"{status['name']}: {status['phase']}, day {status['day'] or 'none'}, "
        f"up {status['uptime_seconds']:.0f} s, restarts: {restarts or 'none'}\n{addresses}"
    )
    if "disk" in status:
        sizes = ", ".join(f"{name} {size >> 20:,}" for name, size in status["disk"].items())
        head.append(f"\ndisk, MiB: {sizes}")
    for line in _health_lines(status.get("health", {})):
        head.append(f"\n{line}")
    stages = Table("stage", "pid", "state", "CPUs", "CPU %", "resident MiB", title="Stages")
    for role, stage in status["stages"].items():
        percent = rates.get(f"{role}_cpu_percent")
        stages.add_row(
            role,
            str(stage["pid"]),
            stage["state"] if stage["ready"] else f"{stage['state']} (starting)",
            _cpu_list(stage["cpus"]),
            "" if percent is None else f"{percent:.1f}",
            f"{stage['resident_bytes'] / (1 << 20):.0f}",
        )
    if "cursors" not in status:
        return Group(head, stages, Text(status.get("region_error", "")))
    cursors = Table("cursor", "value", title="Cursors")
    for name, value in status["cursors"].items():
        cursors.add_row(name, f"{value:,}")
    lags = Table("lag", "records", title="Lag")
    for name, value in status["lag"].items():
        lags.add_row(name, f"{value:,}")
    speeds = Table("rate", "per second", title="Rates")
    for name, value in rates.items():
        if name.endswith("_per_s"):
            speeds.add_row(name.removesuffix("_per_s"), f"{value:,.0f}")
    shared = Table("capacity", "used", "size", "%", title="Capacity")
    for name, use in status.get("capacity", {}).items():
        percent = use["percent"]
        style = "bold red" if percent >= WARN_PERCENT else None
        shared.add_row(name, f"{use['used']:,}", f"{use['size']:,}", str(percent), style=style)
    side_by_side = Table.grid(padding=(0, 2))
    side_by_side.add_row(cursors, lags, speeds, shared)
    return Group(head, stages, side_by_side, *_interfaces(status))


def _health_lines(health: dict[str, Any]) -> list[str]:
    """What the exchange says of itself: one line, and one for each thing that needs somebody."""
    if not health:
        return []
    said = "healthy" if health["healthy"] else "; ".join(["UNHEALTHY", *health["problems"]])
    return [f"health: {said}", *(f"warning: {text}" for text in health["warnings"])]


def _interfaces(status: dict[str, Any]) -> list[Text]:
    """Lines about the interfaces that run."""
    counters, lines = status["counters"], []
    if StageName.API in status["stages"]:
        lines.append(
            Text(
                f"api: {counters['api_connections']:,} connections, "
                f"{counters['api_websockets']:,} of them WebSockets; "
                f"{counters['api_requests']:,} requests, {counters['api_requests_failed']:,} failed"
            )
        )
    if StageName.STORE in status["stages"]:
        state = STORE_STATES[min(counters["store_state"], len(STORE_STATES) - 1)]
        lines.append(Text(f"store: {state}, {counters['store_rows']:,} rows written"))
    for stage in CONNECTORS:
        if stage in status["stages"]:
            lines.append(Text(_connector(stage, counters)))
    if StageName.SNAPSHOTTER in status["stages"]:
        lines.append(Text(_snapshots(counters, status["time"])))
    lost = {str(name): counters.get(c.name.lower(), 0) for name, c in LOG_LINES_LOST.items()}
    if any(lost.values()):
        of_each = ", ".join(f"{name} {count:,}" for name, count in lost.items() if count)
        lines.append(Text(f"log lines lost (repeated too often, or not read): {of_each}"))
    return lines


def _connector(stage: StageName, counters: dict[str, int]) -> str:
    """How a connector is, in one line."""
    of = {name: counters[each[stage].name.lower()] for name, each in CONNECTOR_COUNTERS.items()}
    state = CONNECTOR_STATES[min(of["state"], len(CONNECTOR_STATES) - 1)]
    failed = f", {of['retries']:,} failures" if of["retries"] else ""
    return f"{stage.removeprefix('connect_')}: {state}, {of['records']:,} records written{failed}"


def _snapshots(counters: dict[str, int], now_s: float) -> str:
    """The newest snapshot, in one line."""
    if not counters["snapshot_time_ns"]:
        newest = "none yet"
    else:
        age_s = max(now_s - counters["snapshot_time_ns"] / 1e9, 0)
        newest = f"commands below {counters['snapshot_sequence']:,}, {age_s:,.0f} s old"
    failed = f"; {counters['snapshots_failed']:,} failed" if counters["snapshots_failed"] else ""
    kept = counters["shipping_failures"]
    stay = f"; segments that could not be shipped: {kept:,}" if kept else ""
    return f"newest snapshot: {newest}{failed}{stay}"


def _cpu_list(cpus: list[int]) -> str:
    """CPU numbers with runs as ranges: [0, 1, 2, 5] -> "0-2,5"."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and parts[-1][-1] == cpu - 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)
