"""``pipeline``: orders through TCP, the matcher, fdatasync and back, everything switched on.

One client sends a flow of adds, cancels and marketable orders (47 / 45 / 8 %) as OUCH over one
SoupBinTCP session to a daemon of its own, with a window of unanswered messages, and takes every
answer. The session's account has money and stock; every risk control is on, wide enough to refuse
nothing, and fees are charged (``scripts/benchmarks/venue.py``).

It checks itself: the number of answers of each type must be what the matcher, run in this process
on the same orders, says; the exchange's own count of commands must equal what was sent;
`exchange-replay verify` must find the journal and the archive equal and the money conserved. Beside
it, in the same run: the same bytes both ways over loopback with a peer that decodes nothing, and
the exchange once without controls and fees.

With ``--scrape`` every run is made twice, with the process api: once as it is and once with a
scrape of ``/metrics`` each second, in turn. It fails if the second is more than 2 % slower than the
first, in the median of the pairs.

``--kept``: instead, in turns, with the process api alone and with everything that keeps an exchange
in production: metrics scraped each second, snapshots, retention. It fails if the median of the
second is more than 10 % below that of the first.

``--connector NAME``: the same with a connector in place of that, which writes to its real server on
this machine; both are at niceness 10 where we may set it, since in production the server has a
machine of its own. It fails if the median of the ratios of the pairs is below 0.9.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from exchange.core.counters import Counter
from exchange.core.region import region_name
from ringbuffer.counters import read_counters
from ringbuffer.region import Region
from scripts.benchmarks import connect, load, oracle, scraper, venue
from scripts.benchmarks.own_exchange import own_folder
from scripts.benchmarks.result import BenchmarkFailed, check, progress

CLIENT_CHUNK_BYTES = 1 << 18
DEADLINE_S = 120
SCRAPING_COSTS_AT_MOST = 0.02
KEEPING_COSTS_AT_MOST = 0.10
CONNECTOR_COSTS_AT_MOST = 0.10
ANSWER_SIZES = {"A": 69, "C": 31, "E": 43, "J": 27}  # bytes with the SoupBinTCP header


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings", type=Path, help="TOML file with settings that differ from the default"
    )
    parser.add_argument("--orders", type=int, default=3_000_000, help="messages to send")
    parser.add_argument("--window", type=int, default=20_000, help="answers outstanding at most")
    parser.add_argument("--repeat", type=int, default=3, help="runs; the median counts")
    parser.add_argument(
        "--kept",
        action="store_true",
        help="compare runs with and without metrics, snapshots and retention: at most 10 %% slower",
    )
    parser.add_argument(
        "--connector",
        choices=connect.names(),
        help="compare runs with and without this connector: at most 10 %% slower",
    )
    parser.add_argument(
        "--no-controls",
        action="store_true",
        help="only without risk controls and fees (default: with all, and one run without)",
    )
    parser.add_argument(
        "--scrape",
        action="store_true",
        help="compare runs with and without a scrape of /metrics each second: at most 2 %% slower",
    )


# with both; segments that are small enough for some to leave
BESIDE = """
[api]
port = 0
[journal]
segment_bytes = 16_777_216
archive_segment_events = 131_072
"""
NOT_KEPT = "[snapshot]\nenabled = false\n"
KEPT = """
[snapshot]
commands = 2_000_000
[retention]
check_s = 1
journal_days = 0
"""


def tcp_limit(raw: np.ndarray, flow_ends: np.ndarray, expected: oracle.Expectation, window: int
              ) -> float:  # fmt: skip
    """Messages a second when a peer takes the same bytes and gives as many back as the exchange."""
    # The answers in random order: bytes in proportion are then messages in proportion, too.
    letters = np.repeat(
        np.array([ord(letter) for letter in expected.by_type], np.uint8),
        list(expected.by_type.values()),
    )
    np.random.default_rng(0).shuffle(letters)
    sizes = np.zeros(256, np.int64)
    for letter, size in ANSWER_SIZES.items():
        sizes[ord(letter)] = size
    starts = np.cumsum(sizes[letters]) - sizes[letters]
    frame = np.zeros(int(sizes[letters].sum()), np.uint8)
    frame[starts + 1] = sizes[letters] - 2
    frame[starts + 2] = ord("S")
    frame[starts + 3] = letters
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, venue.CONGESTION_CONTROL)
    # compile in the parent, so that the child starts at once
    load.serve_bytes(-1, 0, frame[:0], 1, np.zeros(1, np.uint8))
    child = os.fork()
    if child == 0:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = np.zeros(load.RECEIVE_BUFFER_BYTES, np.uint8)
        result = load.serve_bytes(peer.fileno(), raw.size, frame, CLIENT_CHUNK_BYTES, buffer)
        os._exit(0 if result == 0 else 1)
    client = venue.connect(listener.getsockname()[1])
    total = sum(expected.by_type.values())
    after = (np.arange(1, flow_ends.size + 1) * total) // flow_ends.size
    try:
        elapsed = load.run_windowed(
            load.new_client(client.fileno()),
            load.Messages(raw, flow_ends, after),
            window,
            CLIENT_CHUNK_BYTES,
            time.monotonic_ns() + DEADLINE_S * 10**9,
        )
    finally:
        client.close()
        listener.close()
        _, status = os.waitpid(child, 0)
    if elapsed < 0 or status != 0:
        raise BenchmarkFailed(f"the loopback limit could not be measured ({elapsed}, {status})")
    return flow_ends.size / (elapsed / 1e9)


def _cpu_seconds(daemon: int) -> dict[str, float]:
    """CPU time (user and system) of every stage and of this client so far."""
    seconds = {"client": sum(psutil.Process().cpu_times()[:2])}
    for child in psutil.Process(daemon).children():
        words = child.cmdline()
        if "exchange.stages.main" in words:
            stage = words[words.index("exchange.stages.main") + 1]
            seconds[stage] = sum(child.cpu_times()[:2])
    return seconds


def _check_answers(tally: load.Client, elapsed: int, expected: oracle.Expectation) -> None:
    """``elapsed``: what ``run_windowed`` has returned."""
    if elapsed < 0:
        got = {chr(i): int(n) for i, n in enumerate(tally.by_type) if n}
        raise BenchmarkFailed(
            f"lost answers or the connection ({elapsed}): counts {tally.counts.tolist()}, "
            f"got {got}, expected {expected.by_type}"
        )
    received = {letter: int(tally.by_type[ord(letter)]) for letter in expected.by_type}
    if received != expected.by_type:
        raise BenchmarkFailed(f"answers {received}, the matcher says {expected.by_type}")


def _one_run(
    raw: np.ndarray,
    ends: np.ndarray,
    expected: oracle.Expectation,
    window: int,
    overrides: str,
    *,
    verify: bool,
    controls: bool,
    scrape: bool = False,
) -> dict[str, Any]:
    with contextlib.ExitStack() as around:
        place = around.enter_context(venue.running(overrides, controls=controls))
        region = Region.attach_read_only(region_name(place.data.resolve()))
        client = venue.connect(place.port)
        venue.log_in(client)
        before = read_counters(region.arrays["counters"], Counter)
        cpu_before = _cpu_seconds(place.process.pid)
        tally = load.new_client(client.fileno())
        scraped: list[scraper.Scraped] = []
        beside = around.enter_context(contextlib.ExitStack())
        if scrape:
            url = f"http://127.0.0.1:{place.listener_port('metrics')}/metrics"
            scraped = beside.enter_context(scraper.scraping(url, place.stage_pid("api")))
        elapsed = load.run_windowed(
            tally,
            load.Messages(raw, ends, expected.after),
            window,
            CLIENT_CHUNK_BYTES,
            time.monotonic_ns() + DEADLINE_S * 10**9,
        )
        cpu_after = _cpu_seconds(place.process.pid)
        beside.close()
        after = read_counters(region.arrays["counters"], Counter)
        region.close()
        client.close()
        _check_answers(tally, elapsed, expected)
        place.process.terminate()
        if place.process.wait(60) != 0:
            raise BenchmarkFailed(f"the daemon stopped with status {place.process.returncode}")
        if verify:
            subprocess.run(
                [sys.executable, "-m", "replay.cli", "verify", "--data-dir", place.data],
                cwd=venue.ROOT, check=True, stdout=sys.stderr,
            )  # fmt: skip
    taken = sum(after[name] - before[name] for name in ("commands_enter", "commands_cancel"))
    if taken != ends.size:
        raise BenchmarkFailed(f"sent {ends.size} messages, the matcher took {taken}")
    return {
        "orders_per_s": ends.size / (elapsed / 1e9),
        "commits": after["commits"] - before["commits"],
        "answers": int(tally.counts[load.TALLY_MESSAGES]),
        "snapshots": after["snapshots_made"] - before["snapshots_made"],
        "cpu_ns_per_order": {
            stage: (cpu_after[stage] - cpu_before[stage]) * 1e9 / ends.size for stage in cpu_after
        },
        **({"scraped": scraped[0]._asdict()} if scraped else {}),
    }


def _with_and_without_scrapes(
    raw: np.ndarray,
    ends: np.ndarray,
    expected: oracle.Expectation,
    arguments: argparse.Namespace,
    overrides: str,
) -> dict[str, Any]:
    """Pairs of runs, one of each without and one with scrapes; who begins changes each time.

    The two of a pair have the same neighbours on the machine, more or less: the median of the
    ratios counts.
    """
    if "[api]" not in overrides:
        overrides += "[api]\nport = 0\n"
    speeds: dict[bool, list[float]] = {False: [], True: []}
    scraped = []
    for i in range(arguments.repeat):
        progress(f"with and without scrapes, {i + 1} of {arguments.repeat}")
        for scrape in (False, True) if i % 2 == 0 else (True, False):
            one = _one_run(
                raw, ends, expected, arguments.window, overrides,
                verify=False, controls=not arguments.no_controls, scrape=scrape,
            )  # fmt: skip
            speeds[scrape].append(one["orders_per_s"])
            if scrape:
                scraped.append(one["scraped"])
                check(one["scraped"]["scrapes"] > 1, "the run was too short: more --orders")
    # whatever else the machine does: the share of it that a scrape each second takes
    used_ms = statistics.median(each["cpu_ms"] for each in scraped)
    share = used_ms / 1000 / len(os.sched_getaffinity(0))
    check(share <= SCRAPING_COSTS_AT_MOST, f"a scrape takes {used_ms:.1f} ms of processor time")
    ratios = [
        scraping / without for without, scraping in zip(speeds[False], speeds[True], strict=True)
    ]
    ratio = statistics.median(ratios)
    check(
        ratio >= 1 - SCRAPING_COSTS_AT_MOST,
        f"with a scrape each second ({share:.2%} of the machine) {ratio:.3f} of the orders: "
        f"{list(map(round, speeds[True]))}, {list(map(round, speeds[False]))} without",
    )
    return {
        "orders_per_s": statistics.median(speeds[True]),
        "without_scrapes_orders_per_s": statistics.median(speeds[False]),
        "ratio": ratio,
        "ratios": [round(each, 3) for each in ratios],
        "share_of_machine": share,
        "scraped": scraped[-1],
    }


def _with_and_without_connector(
    raw: np.ndarray,
    ends: np.ndarray,
    expected: oracle.Expectation,
    arguments: argparse.Namespace,
    overrides: str,
) -> dict[str, Any]:
    """Pairs of runs, one of each without and one with the connector; who begins changes."""
    speeds: dict[bool, list[float]] = {False: [], True: []}
    name, cpu = arguments.connector, {}
    for i in range(arguments.repeat):
        progress(f"with and without {name}, {i + 1} of {arguments.repeat}")
        # a server for each pair: what another exchange has written there would be refused
        with (
            own_folder("pipeline-connect-") as folder,
            connect.unhurried_server(name, folder) as on,
        ):
            for connected in (False, True) if i % 2 == 0 else (True, False):
                one = _one_run(
                    raw, ends, expected, arguments.window, overrides + (on if connected else ""),
                    verify=False, controls=not arguments.no_controls,
                )  # fmt: skip
                speeds[connected].append(one["orders_per_s"])
                cpu = one["cpu_ns_per_order"] if connected else cpu
    ratios = [with_ / without for without, with_ in zip(speeds[False], speeds[True], strict=True)]
    ratio = statistics.median(ratios)
    check(
        ratio >= 1 - CONNECTOR_COSTS_AT_MOST,
        f"with {name} {ratio:.3f} of the orders: {list(map(round, speeds[True]))}, "
        f"{list(map(round, speeds[False]))} without",
    )
    return {
        "connector": name,
        "orders_per_s": statistics.median(speeds[True]),
        "without_orders_per_s": statistics.median(speeds[False]),
        "ratio": ratio,
        "ratios": [round(each, 3) for each in ratios],
        "cpu_ns_per_order": cpu,
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Orders a second; see the module."""
    flow = load.generate(arguments.orders, seed=1)
    raw, ends = load.to_wire(flow, b"AAPL", 100)
    progress("working out the answers")
    expected = oracle.expect(flow)
    overrides = venue.overrides(arguments.settings)
    if arguments.scrape:
        return _with_and_without_scrapes(raw, ends, expected, arguments, overrides)
    if arguments.connector:
        return _with_and_without_connector(raw, ends, expected, arguments, overrides)
    if arguments.kept:
        return _kept(raw, ends, expected, arguments, overrides)
    limits = []
    runs = []
    for i in range(arguments.repeat):
        progress(f"run {i + 1} of {arguments.repeat}")
        limits.append(tcp_limit(raw, ends, expected, arguments.window))
        runs.append(
            _one_run(
                raw, ends, expected, arguments.window, overrides,
                verify=i == 0, controls=not arguments.no_controls,
            )
        )  # fmt: skip
    bare: dict[str, Any] = {}
    if not arguments.no_controls:
        progress("without controls")
        bare = _one_run(
            raw, ends, expected, arguments.window, overrides, verify=False, controls=False
        )
    speeds = [one["orders_per_s"] for one in runs]
    return {
        "orders_per_s": statistics.median(speeds),
        "commits": int(statistics.median(one["commits"] for one in runs)),
        "sent": int(ends.size),
        "answered": expected.answered,
        "answers": runs[0]["answers"],
        "not_answerable": int(ends.size) - expected.answered,
        "tcp_limit_orders_per_s": statistics.median(limits),
        "share_of_limit": statistics.median(speeds) / statistics.median(limits),
        "cpu_ns_per_order": runs[speeds.index(max(speeds))]["cpu_ns_per_order"],
        "runs_orders_per_s": speeds,
        **({"without_controls": {"orders_per_s": bare["orders_per_s"]}} if bare else {}),
    }


def _kept(
    raw: np.ndarray,
    ends: np.ndarray,
    expected: oracle.Expectation,
    arguments: argparse.Namespace,
    overrides: str,
) -> dict[str, Any]:
    """Orders a second without and with what keeps an exchange, in turns."""
    found: dict[str, list[dict[str, Any]]] = {NOT_KEPT: [], KEPT: []}
    for i in range(arguments.repeat):
        for sections, runs in found.items():
            progress(
                f"run {i + 1} of {arguments.repeat}, {'with' if sections == KEPT else 'without'}"
            )
            runs.append(
                _one_run(
                    raw, ends, expected, arguments.window, overrides + BESIDE + sections,
                    verify=i == 0, controls=not arguments.no_controls, scrape=sections == KEPT,
                )
            )  # fmt: skip
    without, with_ = (
        statistics.median(one["orders_per_s"] for one in runs) for runs in found.values()
    )
    speeds = {name: [round(one["orders_per_s"]) for one in runs] for name, runs in found.items()}
    check(
        with_ >= (1 - KEEPING_COSTS_AT_MOST) * without,
        f"{with_:,.0f} orders/s with metrics, snapshots and retention, {without:,.0f} without: "
        f"{speeds[KEPT]} and {speeds[NOT_KEPT]}",
    )
    return {
        "orders_per_s": with_,
        "without_orders_per_s": without,
        "share": with_ / without,
        "snapshots": [one["snapshots"] for one in found[KEPT]],
        "cpu_ns_per_order": found[KEPT][-1]["cpu_ns_per_order"],
        "runs_orders_per_s": [one["orders_per_s"] for one in found[KEPT]],
        "runs_without_orders_per_s": [one["orders_per_s"] for one in found[NOT_KEPT]],
    }
