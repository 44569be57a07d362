"""``latency``: one durable order in flight, and matching under open-loop load.

Round trip: a client sends one OUCH message, blocks until its answer (which comes after the
fdatasync) and takes the time; adds and cancels in turn. Its limits are measured in the same run and
in turn with it: an fdatasync of 4 KiB into a file of the same kind as the journal's, and an echo of
as many bytes over loopback TCP.

Matching under load: messages go out at fixed times whatever comes back (open loop); the matcher
itself records, for every command, the time from bytes received in order entry to its events being
published, in a histogram in shared memory, which is read before and after.
"""

from __future__ import annotations

import argparse
import os
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np

from exchange.core.counters import Histogram
from exchange.core.region import region_name
from ringbuffer.counters import HISTOGRAM_WORDS, percentiles
from ringbuffer.region import Region
from scripts.benchmarks import load, oracle, venue
from scripts.benchmarks.result import BenchmarkFailed, check, progress

RATES = (10_000, 50_000, 100_000, 150_000)
# One for each rate: with a book of its own each run gets exactly the answers of a fresh exchange
# (the round trips before leave AAPL's book empty).
SYMBOLS = (b"AMZN", b"MSFT", b"GOOG", b"AAPL")
PROBES_PER_ROUND = 500
ECHO_IN_BYTES = 52
DEADLINE_S = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings", type=Path, help="TOML file with settings that differ from the default"
    )
    parser.add_argument("--no-controls", action="store_true", help="without risk controls and fees")
    parser.add_argument("--round-trips", type=int, default=20_000, help="messages, one in flight")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each open-loop run")
    parser.add_argument("--rates", type=int, nargs="*", default=list(RATES), help="orders a second")


class SyncProbe:
    """fdatasync of 4 KiB into a preallocated and once written file beside the journal."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "probe.bin"
        self.descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        os.pwrite(self.descriptor, bytes(1 << 22), 0)
        os.fsync(self.descriptor)
        self.samples: list[int] = []
        self.offset = 0

    def measure(self, count: int) -> None:
        block = os.urandom(4096)
        for _ in range(count):
            begin = time.perf_counter_ns()
            os.pwrite(self.descriptor, block, self.offset)
            os.fdatasync(self.descriptor)
            self.samples.append(time.perf_counter_ns() - begin)
            self.offset = (self.offset + 4096) % (1 << 22)

    def close(self) -> None:
        os.close(self.descriptor)
        self.path.unlink()


class EchoProbe:
    """A child process that sends back what it receives, and the times of round trips to it."""

    def __init__(self, count: int) -> None:
        load.echo(-1, 0, 0, np.zeros(1, np.uint8))
        listener = socket.create_server(("127.0.0.1", 0))
        self.child = os.fork()
        if self.child == 0:
            peer, _ = listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            load.echo(peer.fileno(), ECHO_IN_BYTES, count, np.zeros(4096, np.uint8))
            os._exit(0)
        self.client = venue.connect(listener.getsockname()[1])
        listener.close()
        # the echoed bytes are a whole SoupBinTCP packet of the size of an order
        self.packet = np.zeros(ECHO_IN_BYTES, np.uint8)
        self.packet[1], self.packet[2] = ECHO_IN_BYTES - 2, ord("S")
        self.samples: list[np.ndarray] = []

    def measure(self, count: int) -> None:
        raw = np.tile(self.packet, count)
        ends = np.arange(1, count + 1) * ECHO_IN_BYTES
        latencies = np.zeros(count, np.int64)
        client = load.new_client(self.client.fileno())
        if load.run_round_trips(client, raw, ends, latencies) != 0:
            raise BenchmarkFailed("the echo process went away")
        self.samples.append(latencies)

    def close(self) -> None:
        self.client.close()
        os.waitpid(self.child, 0)


def _round_trip_flow(count: int) -> load.OrderFlow:
    """An add and its cancel in turn: exactly one answer each."""
    index = np.arange(count)
    is_cancel = index % 2 == 1
    return load.OrderFlow(
        is_cancel,
        (index // 2) % 2,
        np.where((index // 2) % 2 == 0, 9_000, 11_000),
        np.full(count, 100),
        index // 2,
    )


def _round_trips(client: socket.socket, folder: Path, count: int) -> dict[str, float]:
    flow = _round_trip_flow(count)
    raw, ends = load.to_wire(flow, b"AAPL", 100, token_prefix=1)
    latencies = np.zeros(count, np.int64)
    tally = load.new_client(client.fileno())
    sync, echo = SyncProbe(folder), EchoProbe(count)
    try:
        # In turn, so that all three see the same minute of a machine whose speed wanders.
        done = 0
        while done < count:
            batch = min(PROBES_PER_ROUND, count - done)
            sync.measure(batch)
            echo.measure(batch)
            start = int(ends[done - 1]) if done else 0
            part = ends[done : done + batch] - start
            times = latencies[done : done + batch]
            if load.run_round_trips(tally, raw[start:], part, times) != 0:
                raise BenchmarkFailed("the exchange closed the connection")
            done += batch
    finally:
        sync.close()
        echo.close()
    check(
        int(tally.by_type[ord("A")]) == (count + 1) // 2
        and int(tally.by_type[ord("C")]) == count // 2,
        "not every add was accepted and every cancel confirmed",
    )
    p50, p99, p999 = (float(x) for x in np.percentile(latencies, [50, 99, 99.9]) / 1000)
    sync_us = float(np.percentile(sync.samples, 50)) / 1000
    echo_us = float(np.percentile(np.concatenate(echo.samples), 50)) / 1000
    return {
        "round_trip_us_p50": p50,
        "round_trip_us_p99": p99,
        "round_trip_us_p999": p999,
        "fdatasync_us_p50": sync_us,
        "tcp_echo_us_p50": echo_us,
        "round_trip_over_limits": p50 / (sync_us + echo_us),
    }


def _under_load(
    client: socket.socket, histogram: np.ndarray, rate: int, seconds: float, symbol: bytes
) -> dict[str, float]:
    count = int(rate * seconds)
    flow = load.generate(count, seed=rate)
    prefix = 10 + SYMBOLS.index(symbol)
    raw, ends = load.to_wire(flow, symbol, 100, token_prefix=prefix)
    expected = oracle.expect(flow, prefix)
    tally = load.new_client(client.fileno())
    before = histogram.copy()
    elapsed = load.run_open_loop(
        tally,
        load.Messages(raw, ends, expected.after),
        float(rate),
        time.monotonic_ns() + DEADLINE_S * 10**9,
    )
    check(elapsed > 0, f"at {rate}/s: lost answers or the connection ({elapsed})")
    received = {letter: int(tally.by_type[ord(letter)]) for letter in expected.by_type}
    check(received == expected.by_type, f"answers {received}, expected {expected.by_type}")
    words = histogram - before
    words[2:4] = histogram[2:4]  # minimum and maximum do not subtract
    check(int(words[0]) == count, f"{words[0]} commands measured, {count} sent")
    p50, p95, p99 = percentiles(words, (50, 95, 99))
    return {
        "matching_us_p50": p50 / 1000,
        "matching_us_p95": p95 / 1000,
        "matching_us_p99": p99 / 1000,
        "achieved_per_s": count / (elapsed / 1e9),
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Percentiles in microseconds; see the module."""
    check(len(arguments.rates) <= len(SYMBOLS), f"at most {len(SYMBOLS)} rates")
    check(arguments.round_trips % 2 == 0, "--round-trips must be even: each add is cancelled")
    result: dict[str, Any] = {}
    overrides = venue.overrides(arguments.settings)
    with venue.running(overrides, controls=not arguments.no_controls) as place:
        region = Region.attach_read_only(region_name(place.data.resolve()))
        first = Histogram.MATCHING_NS * HISTOGRAM_WORDS
        histogram = region.arrays["histograms"][first : first + HISTOGRAM_WORDS]
        client = venue.connect(place.port)
        venue.log_in(client)
        progress("one order in flight")
        result |= _round_trips(client, place.data, arguments.round_trips)
        result["load"] = {}
        for i, rate in enumerate(arguments.rates):
            progress(f"open loop, {rate} orders/s")
            result["load"][str(rate)] = _under_load(
                client, histogram, rate, arguments.seconds, SYMBOLS[i]
            )
        client.close()
        del histogram
        region.close()
    return result
