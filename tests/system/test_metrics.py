"""``/metrics`` of a running exchange: Prometheus' own checker reads it, and the archive agrees."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from exchange_process import PASSWORD, RunningExchange, wait_until
from patient_client import PatientClient
from prometheus_client.parser import text_string_to_metric_families

from exchange.codes import EventKind
from exchange.records import EVENT, EVENT_LAYOUT, KIND_OFFSET
from exchange.runtime.data_directory import archive_directory
from journal.archive_reader import ArchiveReader

pytestmark = pytest.mark.needs_jit

LIMIT_S = 300.0
ORDERS = 2_000
# the project fixed this name; Prometheus would have its base unit, which is told beside it
ALLOWED = 'exchange_matching_latency_microseconds use base unit "seconds" instead of "microseconds"'


def scrape(exchange: RunningExchange) -> str:
    url = f"http://{exchange.address('health')}/metrics"
    with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        return answer.read().decode()


def values(text: str) -> dict[str, float]:
    """Every sample, ``name{label="value",...}`` -> value."""
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def trade(exchange: RunningExchange) -> None:
    """Half of the orders rest; the other half trades with some of them; some are cancelled."""
    with PatientClient("127.0.0.1", exchange.port) as client:
        client.login("S1", PASSWORD)
        for number in range(ORDERS):
            side, price = ("S", 1_500_000 + number % 7 * 100) if number % 2 else ("B", 1_500_200)
            client.enter(f"T{number}", side, 1 + number % 5, "AAPL", price)
            if number % 11 == 0:
                client.cancel(f"T{number}", 0)
        client.enter("REFUSED", "B", 1, "NONE", 1_000_000)
        for message in client.messages(LIMIT_S):
            if message.letter == "J":
                break
        client.logout()


def archived(exchange: RunningExchange) -> np.ndarray:
    directory = archive_directory(Path(exchange.data_directory))
    reader = ArchiveReader(directory, EVENT, EVENT_LAYOUT, KIND_OFFSET)
    return reader.read(0, reader.end())


def test_the_metrics_are_what_the_archive_says(tmp_path: Path) -> None:
    exchange = RunningExchange(tmp_path, web=True)
    try:
        exchange.start()
        trade(exchange)
        wait_until(
            lambda: values(scrape(exchange))["exchange_consumer_lag_events consumer=api"] == 0,
            LIMIT_S,
            "the api to have read everything",
        )
        text = scrape(exchange)
        found, events = values(text), archived(exchange)
        kinds = events["kind"]
        trades = events[kinds == EventKind.TRADE]
        assert len(trades) > 100
        assert found["exchange_trades_executed_total"] == len(trades)
        assert found["exchange_trade_volume"] == trades["quantity"].sum()
        cancelled = np.count_nonzero(kinds == EventKind.CANCELED)
        assert found["exchange_orders_cancelled_total"] == cancelled > 0
        assert found["exchange_rejects_by_reason_total reason=unknown_instrument"] == 1
        requests = ORDERS + 1 + len(range(0, ORDERS, 11))
        assert found["exchange_orders_processed_total"] == requests
        assert found["exchange_orders_received_total"] == requests
        assert found["exchange_matching_latency_microseconds_count"] > 0
        assert found["exchange_orderbook_depth side=bid symbol=AAPL"] > 0
        for stage in ("matcher", "journaler", "order_entry", "api"):
            assert found[f"exchange_up stage={stage}"] == 1
        check_with_promtool(text)
    finally:
        exchange.close()


def check_with_promtool(text: str) -> None:
    """Prometheus' own checker has nothing to say but for the one name that was fixed."""
    promtool = shutil.which("promtool")
    if promtool is None:
        return
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert [line for line in (done.stdout + done.stderr).splitlines() if line] == [ALLOWED]
