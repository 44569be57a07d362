"""``connect``: how fast connectors write what happens, beside the bare client on the same server.

An exchange with the connector runs on its default settings, the real server beside it, all on the
CPUs of this machine. One session sends orders of which about each second one
trades. Then, for each connector:

- ``events_per_s``, ``records_per_s``: the connector was stopped (SIGSTOP) while ``--trades`` trades
  happened, and catches up with them alone;
- ``limit_records_per_s``: the bare client library writes the same records to the same server in
  the same run, and waits until they are durable; ``of_limit`` is the share of it;
- ``lag_ms_p50``, ``lag_ms_p99``: from the release of an event until it is durable in the other
  system, at ``--rate`` trades a second for ``--seconds``.

Checked: every answer of order entry is there, the connector has written every event, and it is
compared with the archive (``exchange connect check``) after the exchange has stopped.

How a connector plugs in: a module ``connect_<name>.py`` beside this one, with

    server(folder)            a context manager: starts the real server in ``folder``, gives the
                              settings of the section [<name>] as a dict, and ends the server
    limit(section, trades)    writes ``trades`` (TradeRecord each, in order) with the bare client
                              library to the server of ``section``, as this connector does; returns
                              records a second. It must not write where the connector does
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import EventKind
from exchange.connect.checking import CheckedWorld
from exchange.connect.registry import CHECKED
from exchange.connect.registry import check as compare
from exchange.connect.trades import TradeRecord, trade_records
from exchange.core import pipeline
from exchange.core.counters import CONNECTOR_COUNTERS
from exchange.core.region import AGENTS, region_name
from exchange.core.stage_names import CONNECTORS, StageName
from exchange.settings import load_settings
from exchange.settings.connectors import section_name
from ringbuffer.counters import COUNTER_STRIDE
from ringbuffer.region import Region
from scripts.benchmarks import load, oracle, venue
from scripts.benchmarks.own_exchange import own_folder
from scripts.benchmarks.result import check, progress

FOLDER = Path(__file__).resolve().parent
CLIENT_CHUNK_BYTES = 1 << 18
WINDOW = 20_000
DEADLINE_S = 300
SAMPLE_S = 0.000_5
SERVER_NICENESS = 10
WARM_MESSAGES = 20_000
TICK_WIRE_PRICE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", metavar="NAME", choices=names(), help=", ".join(names()))
    parser.add_argument("--trades", type=int, default=300_000, help="backlog (about)")
    parser.add_argument("--rate", type=int, default=20_000, help="trades a second, live")
    parser.add_argument("--seconds", type=int, default=10, help="how long, live")


def names() -> list[str]:
    """The connectors that have a module here."""
    found = map(section_name, CONNECTORS)
    return [name for name in found if (FOLDER / f"connect_{name}.py").exists()]


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    wanted = [arguments.only] if arguments.only else names()
    return {name: measure(name, arguments) for name in wanted}


class Orders(NamedTuple):
    """Messages, and how many trades they cause (about: the same in every part)."""

    raw: np.ndarray
    ends: np.ndarray
    after: np.ndarray
    trades: int

    def part(self, first: int, end: int) -> load.Messages:
        """Messages ``first`` to ``end`` (exclusive)."""
        at = int(self.ends[first - 1]) if first else 0
        answered = int(self.after[first - 1]) if first else 0
        return load.Messages(
            self.raw[at : int(self.ends[end - 1])],
            self.ends[first:end] - at,
            self.after[first:end] - answered,
        )


def orders(trades: int) -> Orders:
    """Marketable orders on both sides in turn, of random sizes."""
    flow = load.generate(2 * trades, seed=1, add=0.0, cancel=0.0)
    raw, ends = load.to_wire(flow, b"AAPL", TICK_WIRE_PRICE)
    expected = oracle.expect(flow)
    return Orders(raw, ends, expected.after, expected.by_type["E"] // 2)


class Follower:
    """What the region says of the exchange and its connector."""

    def __init__(self, data: Path, stage: StageName) -> None:
        self.region = Region.attach_read_only(region_name(data.resolve()))
        self._cursors, self._counters = (
            self.region.arrays["cursors"],
            self.region.arrays["counters"],
        )
        self._consumed = pipeline.consumed(AGENTS[stage])
        self._records = int(CONNECTOR_COUNTERS["records"][stage])

    def released(self) -> int:
        return int(self._cursors[pipeline.EVENT_RELEASED])

    def written(self) -> int:
        """Events below it are durable in the other system."""
        return int(self._cursors[self._consumed])

    def records(self) -> int:
        return int(self._counters[self._records * COUNTER_STRIDE])

    def wait(self) -> None:
        """Until everything released is written."""
        deadline_s = time.monotonic() + DEADLINE_S
        while self.written() < self.released():
            check(time.monotonic() < deadline_s, f"{self.released() - self.written():,} behind")
            time.sleep(0.002)

    def sample(self, ended: threading.Event) -> np.ndarray:
        """(time in s, released, written) every SAMPLE_S until ``ended``: float64[n, 3]."""
        found = []
        while not ended.is_set():
            found.append((time.monotonic(), self.released(), self.written()))
            time.sleep(SAMPLE_S)
        return np.array(found)


def lags_ms(samples: np.ndarray) -> np.ndarray:
    """The lag of evenly chosen events among those that the samples saw released and written."""
    times, released, written = samples.T
    first, end = int(written[0]), int(min(written[-1], released[-1]))
    chosen = np.linspace(first, end - 1, min(100_000, max(1, end - first))).astype(np.int64)
    begin_s = times[np.searchsorted(released, chosen, side="right")]
    end_s = times[np.searchsorted(written, chosen, side="right")]
    return np.asarray((end_s - begin_s) * 1000)


@contextlib.contextmanager
def unhurried_server(name: str, folder: Path) -> Iterator[str]:
    """The server of connector ``name`` at niceness 10, and the settings as TOML.

    In production it has a machine of its own. Who may not change the niceness runs it as it is.
    """
    module = importlib.import_module(f"scripts.benchmarks.connect_{name}")
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.ExitStack() as around:
        # every thread of the server has that of the process that started it
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, SERVER_NICENESS)
        try:
            section = around.enter_context(module.server(folder))
        finally:
            with contextlib.suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, 0, before)
        yield settings_text(name, section)


def settings_text(name: str, section: Mapping[str, Any]) -> str:
    """The section as TOML; the daemon takes no silence for a hang, since we cause it."""

    def value(of: Any) -> str:
        if isinstance(of, bool):
            return str(of).lower()
        if isinstance(of, list):
            return "[" + ", ".join(map(value, of)) + "]"
        return f'"{of}"' if isinstance(of, str) else str(of)

    lines = [f"{key} = {value(each)}" for key, each in ({"enabled": True} | section).items()]
    return "\n".join([f"[{name}]", *lines, "[supervision]", "hang_timeout_ms = 0", ""])


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of one connector."""
    module = importlib.import_module(f"scripts.benchmarks.connect_{name}")
    live = int(arguments.rate * arguments.seconds)
    flow = orders(arguments.trades + live + WARM_MESSAGES)
    with contextlib.ExitStack() as around:
        folder = around.enter_context(own_folder(f"exchange-connect-{name}-"))
        section = around.enter_context(module.server(folder))
        with venue.running(settings_text(name, section)) as place:
            result, stage = _with_exchange(name, place, flow, arguments)
            place.process.terminate()
            check(place.process.wait(120) == 0, f"the daemon ended with {place.process.returncode}")
            world = CheckedWorld(place.data, load_settings(place.settings))
            if stage in CHECKED:
                progress(f"{name}: comparing with the archive")
                compared = compare(stage, world)
                check(not compared.differences, "\n".join(compared.differences))
                result["compared_records"] = compared.records
            progress(f"{name}: the bare client")
            limit = module.limit(section, list(trades_of(world, arguments.trades)))
    return {
        **result,
        "limit_records_per_s": limit,
        "of_limit": result["records_per_s"] / limit,
    }


def trades_of(world: CheckedWorld, count: int) -> Iterator[TradeRecord]:
    """The first ``count`` trades of the archive, as the records that connectors write."""
    for events in world.batches():
        found = events[events["kind"] == EventKind.TRADE][:count]
        count -= len(found)
        yield from trade_records(found, world.directory)
        if count == 0:
            return


def _with_exchange(
    name: str, place: venue.Venue, flow: Orders, arguments: argparse.Namespace
) -> tuple[dict[str, Any], StageName]:
    stage = StageName(f"connect_{name}")
    follower = Follower(place.data, stage)
    client = venue.connect(place.port)
    venue.log_in(client)
    tally = load.new_client(client.fileno())

    def send(first: int, end: int, rate: float = 0) -> None:
        deadline_ns = time.monotonic_ns() + DEADLINE_S * 10**9
        part = flow.part(first, end)
        if rate:
            taken = load.run_open_loop(tally, part, rate, deadline_ns)
        else:
            taken = load.run_windowed(tally, part, WINDOW, CLIENT_CHUNK_BYTES, deadline_ns)
        check(taken >= 0, f"order entry: {taken}, {tally.counts.tolist()}")

    messages_a_trade = flow.ends.size / flow.trades
    backlog_end = WARM_MESSAGES + int(arguments.trades * messages_a_trade)
    send(0, WARM_MESSAGES)
    follower.wait()
    progress(f"{name}: a backlog of {arguments.trades:,} trades")
    connector = place.stage_pid(stage)
    os.kill(connector, signal.SIGSTOP)
    try:
        before = follower.written(), follower.records()
        send(WARM_MESSAGES, backlog_end)
    finally:
        started_s = time.monotonic()
        os.kill(connector, signal.SIGCONT)
    follower.wait()
    seconds = time.monotonic() - started_s
    events, records = follower.written() - before[0], follower.records() - before[1]
    progress(f"{name}: {arguments.rate:,} trades a second")
    samples = _sampled(
        follower,
        lambda: send(backlog_end, flow.ends.size, arguments.rate * messages_a_trade),
    )
    lags = lags_ms(samples)
    client.close()
    follower.region.close()
    result = {
        "events_per_s": events / seconds,
        "records_per_s": records / seconds,
        "events": events,
        "records": records,
        "lag_ms_p50": float(np.percentile(lags, 50)),
        "lag_ms_p99": float(np.percentile(lags, 99)),
        "live_trades_per_s": arguments.rate,
    }
    return result, stage


def _sampled(follower: Follower, send: Any) -> np.ndarray:
    """What the follower saw while ``send`` ran and until everything was written."""
    ended = threading.Event()
    found: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: found.append(follower.sample(ended)))
    thread.start()
    try:
        send()
        follower.wait()
        time.sleep(0.01)  # a last sample that has seen it
    finally:
        ended.set()
        thread.join()
    return found[0]
