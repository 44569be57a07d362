"""What the daemon prints when the exchange is ready. The rest of it: tests/system."""

from __future__ import annotations

from pathlib import Path

from exchange.daemon.announcement import ready_lines

DATA = Path("/data")


def test_order_entry_alone() -> None:
    assert ready_lines({"order_entry": "127.0.0.1:9100"}, DATA) == [
        "ready: order entry (SoupBinTCP 3.00, OUCH 4.2) listens on 127.0.0.1:9100; "
        "control socket and data in /data"
    ]


def test_everything() -> None:
    addresses = {
        "order_entry": "127.0.0.1:9100",
        "api": "127.0.0.1:8081",
        "health": "127.0.0.1:8080",
        "metrics": "127.0.0.1:8083",
        "feed": "127.0.0.1:8082",
    }
    _, page, metrics, feed = ready_lines(addresses, DATA)
    assert page == (
        "trading page http://127.0.0.1:8081/ with REST /api/v1 and WebSocket /ws; "
        "health for probes http://127.0.0.1:8080/health"
    )
    assert metrics == "metrics for Prometheus http://127.0.0.1:8083/metrics"
    assert feed == "WebSocket feed ws://127.0.0.1:8082/ws"
