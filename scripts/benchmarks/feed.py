"""``feed``: trades to a thousand WebSockets, from the matcher to the clients.

A whole exchange with feed workers. One client enters orders over OUCH at a fixed rate (open
loop), in pairs that trade, spread over many instruments; each of the subscribers is subscribed to
the trades of one of them. Every subscriber must get every trade of its instrument once and in
order: all are counted, and of a sample of the connections every sequence is compared with the
archive. The archive also says when the matcher stamped the trade; the latency that is reported
("trade to client") runs from then to the moment in which a client has received the trade.

The limit, in the same run: the same frames, as many in a write as the feed had, written to as many
plain TCP sockets by a loop that does nothing else, and received by the same clients. At last idle
connections are opened and held, and the memory of the workers is looked at. Clients run at the
workers' priority: they share their cores.
"""

from __future__ import annotations

import argparse
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil

from exchange.codes import EventKind
from exchange.core.counters import WEB_COUNTERS, Counter
from exchange.core.region import region_name
from exchange.core.stage_names import FEED_STAGES
from replay.source import JournalView
from ringbuffer.counters import read_counters
from ringbuffer.jit import jit
from ringbuffer.region import Region
from ringbuffer.system_calls import CLOCK_MONOTONIC, MSG_NOSIGNAL, clock_ns, send
from scripts.benchmarks import load, venue
from scripts.benchmarks.feed_client import (
    BYTES,
    ERRORS,
    FRAMES,
    RECEIVES,
    SAMPLES,
    TRADES,
    Clients,
)
from scripts.benchmarks.result import check, progress

STAGE_PROGRAM = "exchange.stages.main"  # its next argument is the name of the stage
SAMPLE_EVERY = 16  # of so many connections one is looked at closely
WARM_SECONDS = 1.0
ANSWERS_PER_TRADE = 4  # accepted, accepted, executed twice: one session has both sides
PRICE_TICKS = 10_000
WIRE_PRICE_PER_TICK = 100  # ticks of 0.01
DEADLINE_S = 600
SETTLE_S = 300.0
ACCOUNTS = f"""
[[currency]]
id = 1
code = "USD"
decimals = 4
fee_account = {venue.FEE_ACCOUNT}
[[account]]
id = {venue.FEE_ACCOUNT}
[[account]]
id = {venue.ACCOUNT}
money = {{ USD = 5_000_000_000_000 }}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--subscribers", type=int, default=1_000, help="WebSockets")
    parser.add_argument("--instruments", type=int, default=32, help="each has its share of both")
    parser.add_argument("--trades-per-second", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the measured load")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections at the end")
    parser.add_argument(
        "--nice", type=int, default=10, help="[feed] nice, of the workers; clients have it too"
    )
    parser.add_argument("--workers", type=int, default=1, help="[feed] workers")
    parser.add_argument("--tick-ms", type=int, default=2, help="[feed] tick_ms")


def symbol(number: int) -> str:
    """Of the instrument ``number``, 0 .. ."""
    return f"F{number:03d}"


def _instruments(count: int) -> str:
    return "".join(
        f'[[instrument]]\nid = {number + 1}\nsymbol = "{symbol(number)}"\ncurrency = "USD"\n'
        "price_decimals = 2\ntick = 0.01\nlot = 1\nminimum_price = 0.01\n"
        "maximum_price = 10_000.00\nmaximum_quantity = 1_000_000\nreference_price = 100\n"
        for number in range(count)
    )


def _accounts(count: int) -> str:
    stock = ", ".join(f"{symbol(number)} = 100_000_000" for number in range(count))
    return f"{ACCOUNTS}stock = {{ {stock} }}\n"


def _orders(trades: int, instruments: int, prefix: int) -> tuple[np.ndarray, np.ndarray]:
    """Wire bytes and their ends: maker and aggressor of trade after trade, around the market."""
    count = 2 * trades
    number = np.arange(count)
    pair = number // 2
    flow = load.OrderFlow(
        is_cancel=np.zeros(count, np.bool_),
        side=(number + pair) % 2,
        ticks=PRICE_TICKS + pair // instruments % 50,
        quantity=1 + pair % 97,
        token=number,
    )
    raw, ends = load.to_wire(flow, b"", WIRE_PRICE_PER_TICK, prefix)
    symbols = np.array([symbol(each).ljust(8).encode() for each in range(instruments)], "S8")
    raw.view(load.ENTER_WIRE)["stock"] = symbols[pair % instruments]
    return raw, ends


class Loader:
    """The client that enters the orders."""

    def __init__(self, port: int, instruments: int) -> None:
        self._client = venue.connect(port)
        venue.log_in(self._client)
        self._instruments = instruments
        self._runs = 0

    def trade(self, trades: int, per_second: float) -> float:
        """Cause ``trades`` trades at that rate; the seconds that it took to the last answer."""
        self._runs += 1
        raw, ends = _orders(trades, self._instruments, self._runs)
        pair = np.arange(1, trades + 1) * ANSWERS_PER_TRADE
        after = np.stack([pair - 3, pair], axis=1).reshape(-1)
        tally = load.new_client(self._client.fileno())
        elapsed_ns = load.run_open_loop(
            tally,
            load.Messages(raw, ends, after),
            2.0 * per_second,
            time.monotonic_ns() + DEADLINE_S * 10**9,
        )
        check(elapsed_ns > 0, f"the load lost answers or its connection ({elapsed_ns})")
        executed = int(tally.by_type[ord("E")])
        check(executed == 2 * trades, f"{executed} executions of {2 * trades}")
        return elapsed_ns / 1e9

    def close(self) -> None:
        self._client.close()


def _workers(daemon: int) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(daemon).children():
        words = child.cmdline()
        if STAGE_PROGRAM in words and words[words.index(STAGE_PROGRAM) + 1] in FEED_STAGES:
            found.append(child)
    check(bool(found), "there is no feed worker")
    return found


def _cpu_seconds(daemon: int) -> dict[str, float]:
    """CPU time of every stage, and of this process (clients and load), so far."""
    seconds = {"clients": sum(psutil.Process().cpu_times()[:2])}
    for child in psutil.Process(daemon).children():
        words = child.cmdline()
        if STAGE_PROGRAM in words:
            seconds[words[words.index(STAGE_PROGRAM) + 1]] = sum(child.cpu_times()[:2])
    return seconds


def _wait_until_served(port: int) -> None:
    """The worker answers once it has read what there was at its start."""
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as probe:
            probe.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if b" 503 " not in probe.recv(4096).partition(b"\r\n")[0]:
                return
        check(time.monotonic() < deadline_s, "the feed worker is not ready")
        time.sleep(0.05)


def _steady(
    place: venue.Venue, port: int, arguments: argparse.Namespace
) -> tuple[dict[str, Any], int, int]:
    """The load; its figures, and the bytes of a frame and frames in a write."""
    instruments, subscribers = arguments.instruments, arguments.subscribers
    warm = int(arguments.trades_per_second * WARM_SECONDS) // instruments * instruments
    trades = int(arguments.trades_per_second * arguments.seconds) // instruments * instruments
    sampled = -(-subscribers // SAMPLE_EVERY)
    clients = Clients(subscribers, SAMPLE_EVERY, (warm + trades) // instruments * sampled)
    loader = Loader(place.port, instruments)
    region = Region.attach_read_only(region_name(place.data.resolve()))
    try:
        clients.connect(port, subscribers)
        with clients.receiving():
            clients.subscribe(lambda number: [f"trade.{symbol(number % instruments)}"])

            def wait_for(each: int) -> None:
                wanted = each // instruments * subscribers
                clients.wait_for(
                    lambda: int(clients.totals[TRADES]) >= wanted, "the last trades", SETTLE_S
                )

            loader.trade(warm, arguments.trades_per_second)
            wait_for(warm)
            totals, cpu = clients.totals.copy(), _cpu_seconds(place.process.pid)
            counters = read_counters(region.arrays["counters"], Counter)
            started_s = time.monotonic()
            loader.trade(trades, arguments.trades_per_second)
            wait_for(warm + trades)
            elapsed_s = time.monotonic() - started_s
            totals = clients.totals - totals
            after = _cpu_seconds(place.process.pid)
            counted = read_counters(region.arrays["counters"], Counter)
    finally:
        region.close()
        loader.close()
        clients.close()
    lapped = [
        WEB_COUNTERS[stage]["lapped"].name.lower() for stage in FEED_STAGES[: arguments.workers]
    ]
    latencies_ms = _check_samples(place, clients, instruments, warm, trades)
    p50, p99, p999 = (float(each) for each in np.percentile(latencies_ms, [50, 99, 99.9]))
    figures = {
        "frames_per_s": int(totals[TRADES]) / elapsed_s,
        "subscribers": subscribers,
        "trade_to_client_ms_p50": p50,
        "trade_to_client_ms_p99": p99,
        "trade_to_client_ms_p999": p999,
        "trade_to_client_ms_max": float(latencies_ms.max()),
        "trades_per_s": trades / elapsed_s,
        "instruments": instruments,
        "workers": arguments.workers,
        "tick_ms": arguments.tick_ms,
        "samples": len(latencies_ms),
        "frames_per_receive": int(totals[FRAMES]) / int(totals[RECEIVES]),
        "megabytes_per_s": int(totals[BYTES]) / elapsed_s / 1e6,
        "lapped": sum(counted[name] - counters[name] for name in lapped),
        "cpu_share": {name: (after[name] - cpu[name]) / elapsed_s for name in after},
    }
    per_frame = int(totals[BYTES]) // int(totals[FRAMES])
    per_write = max(1, round(int(totals[FRAMES]) / int(totals[RECEIVES])))
    return figures, per_frame, per_write


def _check_samples(
    place: venue.Venue, clients: Clients, instruments: int, warm: int, trades: int
) -> np.ndarray:
    """Compare what came with the archive. Milliseconds from trade to client after the warm-up."""
    check(int(clients.totals[ERRORS]) == 0, "a client was told of an error")
    expected = (warm + trades) // instruments
    wrong = np.flatnonzero(clients.trades != expected)
    check(
        len(wrong) == 0,
        f"{len(wrong)} subscribers did not get {expected} trades"
        + (f" but for example {clients.trades[wrong[0]]}" if len(wrong) else ""),
    )
    parts = []
    for events in JournalView(place.data).events():
        found = events[events["kind"] == EventKind.TRADE]
        parts.append(
            np.stack([found[name] for name in ("sequence", "instrument", "timestamp_ns")], axis=1)
        )
    archived = np.concatenate(parts).astype(np.int64)
    check(len(archived) == warm + trades, f"{len(archived)} trades of {warm + trades} archived")
    samples = clients.samples[: int(clients.totals[SAMPLES])]
    latencies = []
    for connection in range(0, len(clients.trades), SAMPLE_EVERY):
        mine = samples[samples[:, 0] == connection]
        wanted = archived[archived[:, 1] == connection % instruments + 1]
        check(
            bool(np.array_equal(mine[:, 1], wanted[:, 0])),
            f"subscriber {connection} did not get its trades once and in order",
        )
        latencies.append((mine[:, 2] - wanted[:, 2])[warm // instruments :])
    result: np.ndarray = np.concatenate(latencies) / 1e6
    return result


@jit
def _write_all(descriptors: np.ndarray, payload: np.ndarray, rounds: int) -> int:
    """Write ``payload`` to each of ``descriptors``, ``rounds`` times; the nanoseconds, or -1."""
    scratch = np.zeros(2, np.int64)
    started_ns = clock_ns(CLOCK_MONOTONIC, scratch)
    for _ in range(rounds):
        for descriptor in descriptors:
            at = 0
            while at < len(payload):
                sent = send(
                    np.int32(descriptor),
                    payload[at:].ctypes.data,
                    np.uint64(len(payload) - at),
                    np.int32(MSG_NOSIGNAL),
                )
                if sent <= 0:
                    return -1
                at += sent
    return clock_ns(CLOCK_MONOTONIC, scratch) - started_ns


def _trade_frame(size: int) -> bytes:
    """A frame of ``size`` bytes that the clients count as a trade."""
    payload = b'{"type":"trade"'.ljust(size - 4, b" ")
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


def _bare_send(
    subscribers: int, frame_bytes: int, frames_per_write: int, frames: int
) -> dict[str, float]:
    """About ``frames`` such frames to plain sockets with nothing behind: frames a second."""
    payload = np.frombuffer(_trade_frame(frame_bytes) * frames_per_write, np.uint8).copy()
    rounds = max(10, frames // (subscribers * frames_per_write))
    clients = Clients(subscribers, subscribers + 1, 1)
    accepted = []
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        try:
            for _ in range(subscribers):
                clients.add(socket.create_connection(listener.getsockname()))
                peer, _ = listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, venue.CONGESTION_CONTROL)
                accepted.append(peer)
            descriptors = np.array([peer.fileno() for peer in accepted], np.int64)
            _write_all(descriptors[:0], payload, 0)  # compile
            total = rounds * frames_per_write * subscribers
            with clients.receiving(), ThreadPoolExecutor(1) as pool:
                started_s = time.monotonic()
                writing = pool.submit(_write_all, descriptors, payload, rounds)
                clients.wait_for(
                    lambda: int(clients.totals[TRADES]) >= total, "bare frames", SETTLE_S
                )
                elapsed_s = time.monotonic() - started_s
                check(writing.result() > 0, "a plain socket was closed")
        finally:
            clients.close()
            for peer in accepted:
                peer.close()
    return {"bare_send_frames_per_s": total / elapsed_s, "bare_frames_per_write": frames_per_write}


def _idle(place: venue.Venue, port: int, count: int) -> dict[str, float]:
    """Open ``count`` connections, let two heartbeats pass, see what the worker takes."""
    workers = _workers(place.process.pid)
    before = sum(worker.memory_info().rss for worker in workers)
    clients = Clients(count, count + 1, 1)
    try:
        started_s = time.monotonic()
        clients.connect(port, count)
        connected_s = time.monotonic() - started_s
        with clients.receiving():
            clients.wait_for(
                lambda: int(clients.totals[FRAMES]) >= 2 * count, "heartbeats of the idle", SETTLE_S
            )
        memory = sum(worker.memory_info().rss for worker in workers)
    finally:
        clients.close()
    return {
        "idle_connections": count,
        "idle_workers_mebibytes": memory / (1 << 20),
        "idle_kibibytes_per_connection": (memory - before) / 1024 / max(1, count),
        "idle_connected_per_s": count / connected_s,
    }


@contextmanager
def _lowered(by: int) -> Iterator[None]:
    """This thread, and the threads that it starts meanwhile, at the worker's priority."""
    thread = threading.get_native_id()
    before = os.getpriority(os.PRIO_PROCESS, thread)
    os.setpriority(os.PRIO_PROCESS, thread, before + by)
    try:
        yield
    finally:
        if os.geteuid() == 0:
            os.setpriority(os.PRIO_PROCESS, thread, before)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Frames a second, latency, the limit, idle memory; see the module."""
    overrides = (
        f"[feed]\nworkers = {arguments.workers}\nport = 0\nnice = {arguments.nice}\n"
        f"tick_ms = {arguments.tick_ms}\n"
    )
    with (
        venue.running(
            overrides,
            instruments=_instruments(arguments.instruments),
            accounts=_accounts(arguments.instruments),
        ) as place,
        _lowered(arguments.nice),
    ):
        port = place.listener_port("feed")
        _wait_until_served(port)
        progress(f"{arguments.subscribers} subscribers, {arguments.trades_per_second} trades/s")
        figures, frame_bytes, per_write = _steady(place, port, arguments)
        progress("the same bytes to plain sockets")
        frames = int(figures["frames_per_s"] * arguments.seconds)
        figures |= _bare_send(arguments.subscribers, frame_bytes, per_write, frames)
        figures["share_of_bare_send"] = figures["frames_per_s"] / figures["bare_send_frames_per_s"]
        if arguments.idle:
            progress(f"{arguments.idle} idle connections")
            figures |= _idle(place, port, arguments.idle)
    return figures
