"""Load on tiny rings with every timeout out of reach: nothing hangs, is lost, doubled or reordered.

The idle timeout and the interval of order entry's timer are a day here, so only a wake-up can make
a sleeping stage go on: one that is lost is a hang, which the driver reports with all cursors. Rings
of 16 to 256 slots are full all the time and lap their readers. The seed is printed; set
EXCHANGE_TEST_SEED for another run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from exchange_process import RunningExchange
from stress_client import Driver, Session, flows, holdings, sweeps, write_instruments

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800)]

SEED = int(os.environ.get("EXCHANGE_TEST_SEED", "20240229"))
DAY_MS = 86_400_000
TINY = {"ingress_control": 16, "ingress_order_entry": 16, "commands": 16, "events": 16}
SMALL = {"ingress_control": 16, "ingress_order_entry": 256, "commands": 256, "events": 256}

Make = Callable[..., RunningExchange]


def start(make_exchange: Make, rings: dict[str, int], batch: int, sessions: int) -> RunningExchange:
    """An exchange with an instrument for every session, in which no timeout ever helps."""
    exchange = make_exchange(
        sessions=sessions,
        stock=holdings,
        settings={
            "exchange": {"instruments_file": "instruments.toml"},
            "rings": rings,
            "matcher": {"batch": batch},
            "journal": {"batch": batch, "segment_bytes": 65_536, "archive_segment_events": 4_096},
            "order_entry": {
                "receive_bytes": 4_096,
                "output_bytes": 16_384,
                "batch_events": 16,
                "unauthenticated_connections": 1_024,  # all connect at once
                "timer_interval_ms": DAY_MS,
            },
            "supervision": {"idle_timeout_ms": DAY_MS, "restart_limit": 0},
        },
    )
    write_instruments(exchange.directory / "instruments.toml", sessions)
    return exchange.start()


def check(exchange: RunningExchange, sessions: list[Session], **chances: Any) -> Driver:
    """Run the load to its end, compare everything, stop the exchange."""
    print(f"seed {SEED}")
    driver = Driver(exchange, sessions, SEED)
    try:
        driver.log_in()
        driver.settle_start()
        driver.run(**chances)
        driver.verify()
    finally:
        driver.close()
    assert exchange.stop() == 0
    return driver


def test_tiny_rings_bursts_and_stopped_stages(make_exchange: Make) -> None:
    """16 slots everywhere; stages are stopped and go on; bursts after everybody fell asleep."""
    exchange = start(make_exchange, TINY, batch=8, sessions=4)
    sessions = flows(4, 1_500, SEED, chunk_bytes=200)
    driver = check(exchange, sessions, stop_share=0.02, pause_share=0.01, bursts=20)
    assert driver.stops and driver.pauses


def test_smallest_batches(make_exchange: Make) -> None:
    """Two slots in a batch and in a commit: a ring that fills in equal halves."""
    exchange = start(make_exchange, TINY, batch=2, sessions=3)
    check(exchange, flows(3, 600, SEED, chunk_bytes=2_000), bursts=4)


def test_slow_readers_and_resumes_under_load(make_exchange: Make) -> None:
    """Clients that stop reading, and leave and come back while answers are under way."""
    exchange = start(make_exchange, SMALL, batch=128, sessions=12)
    sessions = flows(12, 2_500, SEED, chunk_bytes=3_000)
    driver = check(exchange, sessions, stop_share=0.01, pause_share=0.02, resume_share=0.003)
    assert driver.pauses and driver.resumes


def test_sweeps_longer_than_the_event_ring(make_exchange: Make) -> None:
    """One order trades with 3,000 others while the event ring has 16 slots."""
    exchange = start(make_exchange, TINY, batch=8, sessions=3)
    sessions = [Session(number, sweeps(3_000, 2), SEED, 4_000) for number in (1, 2, 3)]
    check(exchange, sessions, stop_share=0.005, pause_share=0.005)


def test_three_hundred_sessions_at_once(make_exchange: Make) -> None:
    """All connect and log in at the same moment, then trade."""
    exchange = start(make_exchange, SMALL, batch=128, sessions=300)
    check(exchange, flows(300, 24, SEED, chunk_bytes=400), bursts=2)
