"""RabbitMQ for ``scripts/bench connect``: a server, and the client library's own publishing.

Trades alone go out, into a stream that keeps them all, so that they can be compared. The limit: the
library publishes the same records into a stream of its own, in windows as large as the
connector's, each message awaited until it is confirmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exchange.connect.trades import TradeRecord
from scripts.benchmarks.result import BenchmarkFailed, check
from tests.harness.rabbitmq_server import PASSWORD, PROGRAMS, RabbitmqServer

WINDOW = 1_000  # that of the shipped settings
LIMIT_RECORDS = 40_000  # the library is slow
EXCHANGE = "limit"


@contextlib.contextmanager
def server(folder: Path) -> Iterator[dict[str, Any]]:
    """A server; see ``connect.py``."""
    if not PROGRAMS:
        raise BenchmarkFailed("rabbitmq-server is not installed")
    password = folder / "rabbitmq.password"
    password.write_text(PASSWORD)
    with RabbitmqServer() as running:
        yield {
            "url": running.url,
            "password_file": str(password),
            "reports": False,
            "stream": "bench.trades",
            "window": WINDOW,
        }


def limit(section: dict[str, Any], trades: list[TradeRecord]) -> float:
    """Records a second; see ``connect.py``."""
    return asyncio.run(_publish(section, trades[:LIMIT_RECORDS]))


async def _publish(section: dict[str, Any], trades: list[TradeRecord]) -> float:
    import aio_pika

    connection = await aio_pika.connect(section["url"].replace("@", f":{PASSWORD}@"))
    async with connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(EXCHANGE, "topic", durable=True)
        stream = {"x-queue-type": "stream"}
        queue = await channel.declare_queue("limit.trades", durable=True, arguments=stream)
        await queue.bind(exchange, "trade.#")
        started = time.perf_counter()
        for first in range(0, len(trades), WINDOW):
            window = [
                exchange.publish(
                    aio_pika.Message(
                        text,
                        message_id=str(sequence),
                        content_type="application/json",
                        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                    ),
                    f"trade.{symbol}",
                )
                for sequence, symbol, text in trades[first : first + WINDOW]
            ]
            confirmed = await asyncio.gather(*window)
            check(None not in confirmed, "a message was not confirmed")
        return len(trades) / (time.perf_counter() - started)
