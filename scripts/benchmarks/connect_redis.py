"""Redis for ``scripts/bench connect``: a redis-server, and the client's own pipeline.

The server keeps a file of commands that is synced once a second. Records are commands, nearly all
of them one XADD for each trade: the connector is told to keep so many trades that none is left out.
The limit: redis-py's pipeline writes the same entries into a stream of its own, in transactions as
large as the connector's, trimmed as there.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exchange.connect.trades import TradeRecord
from scripts.benchmarks.result import BenchmarkFailed, check
from tests.harness.redis_server import RedisServer

STREAM = "limit"
KEPT = 20_000  # more than the trades of one batch
TRANSACTION = 8_000  # trades in a batch of 16,384 events, about


@contextlib.contextmanager
def server(folder: Path) -> Iterator[dict[str, Any]]:
    """A server; see ``connect.py``."""
    if shutil.which("redis-server") is None:
        raise BenchmarkFailed("redis-server is not installed")
    with RedisServer(folder / "redis", fsync="everysec") as running:
        yield {"url": running.url, "trades": KEPT}


def limit(section: dict[str, Any], trades: list[TradeRecord]) -> float:
    """Records a second; see ``connect.py``."""
    import redis

    entries = []
    for sequence, _, text in trades:
        trade = json.loads(text)
        fields = {"price": trade["price"], "quantity": trade["quantity"], "side": "BUY"}
        entries.append((f"{sequence}-0", fields | {"time_ns": 1_800_000_000_000_000_000}))
    client = redis.Redis.from_url(section["url"])
    started = time.perf_counter()
    for first in range(0, len(entries), TRANSACTION):
        pipeline = client.pipeline(transaction=True)
        for entry, fields in entries[first : first + TRANSACTION]:
            pipeline.xadd(STREAM, fields, id=entry)
        pipeline.xtrim(STREAM, maxlen=KEPT, approximate=False)
        pipeline.execute()
    seconds = time.perf_counter() - started
    check(client.xlen(STREAM) == min(KEPT, len(entries)), "entries are missing")
    client.close()
    return len(trades) / seconds
