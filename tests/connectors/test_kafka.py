"""The Kafka connector against a real broker: whatever is killed, each trade is there once."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from document_examples import blocks
from exchange_process import RunningExchange, wait_until
from trading_load import Trader

from exchange.codes import EventKind
from exchange.connect.schemas import schema_text
from exchange.errors import ExitStatus
from exchange.settings import ROOT
from exchange.store.offline import archive_end
from tests.harness.kafka_server import KafkaServer

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800)]

TRADERS = 2
LIMIT_S = 240.0
TRADES = "trade_records"
MakeKafka = Callable[..., KafkaServer]


def kafka_settings(server: KafkaServer, **more: Any) -> dict[str, dict[str, Any]]:
    """The connector's section for ``server``, quick to notice and to come back."""
    section = {
        "enabled": True,
        "servers": [server.address],
        "retry_maximum_ms": 200,
        "request_timeout_ms": 5_000,
    }
    return {"kafka": section | more}


def counter(exchange: RunningExchange, name: str) -> int:
    return int(exchange.status()["counters"][f"connect_kafka_{name}"])


def behind(exchange: RunningExchange) -> int:
    """How many released events are not in Kafka."""
    released = int(exchange.status()["cursors"]["event_released"])
    return released - counter(exchange, "next_event")


@contextlib.contextmanager
def trading(exchange: RunningExchange, seed: int) -> Iterator[None]:
    """Load while the block runs; afterwards every order has been answered."""
    traders = [Trader(exchange, number, seed) for number in range(1, TRADERS + 1)]
    for trader in traders:
        trader.start()
    try:
        yield
        for trader in traders:
            trader.finish()
        for trader in traders:
            trader.join(LIMIT_S)
    finally:
        for trader in traders:
            trader.give_up()
        for trader in traders:
            trader.join(LIMIT_S)
    for trader in traders:
        trader.check()


def check(exchange: RunningExchange) -> subprocess.CompletedProcess[str]:
    """Run ``exchange connect check kafka``."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "exchange.cli", "connect", "check", "kafka"),
            *("--data-dir", str(exchange.data_directory)),
            *("--config", str(exchange.config_file)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )


def all_records(server: KafkaServer, topic: str) -> list[Any]:
    """Every committed record, by a plain consumer that knows nothing of the product."""
    from confluent_kafka import Consumer, KafkaError, TopicPartition

    settings = {
        "bootstrap.servers": server.address,
        "group.id": "independent",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(settings)
    found, ended = [], 0
    try:
        partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
        consumer.assign([TopicPartition(topic, each, 0) for each in partitions])
        while ended < len(partitions):
            message = consumer.poll(60)
            assert message is not None, "the broker does not answer"
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended += 1
            else:
                raise AssertionError(error)
    finally:
        consumer.close()
    return found


def archived_trades(exchange: RunningExchange) -> np.ndarray:
    """The TRADE events of the archive, in order."""
    from exchange.recovery.archive_check import open_archive
    from exchange.runtime.data_directory import archive_directory

    archive = open_archive(archive_directory(exchange.data_directory))
    events = archive.read(0, archive_end(archive))
    return events[events["kind"] == EventKind.TRADE]


def compare(exchange: RunningExchange, server: KafkaServer) -> int:
    """The stopped exchange's trades are in the topic, each once and in order; how many."""
    trades = archived_trades(exchange)
    messages = all_records(server, TRADES)
    by_symbol: dict[str, list[int]] = {}
    values = {}
    for message in messages:
        value = json.loads(message.value())
        headers = dict(message.headers())
        assert message.key().decode() == value["symbol"]
        assert int(headers["sequence"]) == value["sequence"] == value["trade_id"] - 1
        assert len(headers["exchange"]) == 32
        by_symbol.setdefault(value["symbol"], []).append(value["sequence"])
        values[value["sequence"]] = value
    assert len(messages) == len(values), "a trade is there twice"
    assert sorted(values) == trades["sequence"].tolist()
    for sequences in by_symbol.values():
        assert sequences == sorted(sequences)
    for trade in trades[:: max(1, len(trades) // 500)]:
        value = values[int(trade["sequence"])]
        orders = {value["buy_order_id"], value["sell_order_id"]}
        assert orders == {int(trade["order_id"]), int(trade["contra_order_id"])}
        assert value["price"] == int(trade["price"])
        assert value["quantity"] == int(trade["quantity"])
    checked = check(exchange)
    assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
    assert f"{len(trades):,} records" in checked.stdout
    return len(trades)


def written_more(exchange: RunningExchange, records: int = 50) -> None:
    """Wait until some more has been written, by whichever process."""
    before = counter(exchange, "next_event")
    wait_until(lambda: counter(exchange, "next_event") > before + records, LIMIT_S, "records")


def test_every_trade_is_there_once_and_a_stop_drains(
    make_exchange: Any, make_kafka: MakeKafka
) -> None:
    server = make_kafka()
    exchange: RunningExchange = make_exchange(settings=kafka_settings(server)).start()
    with trading(exchange, 3):
        written_more(exchange, 3_000)
    assert exchange.stop() == ExitStatus.OK
    trades = compare(exchange, server)
    assert trades > 100
    # the schema and the reader of the document
    schema = json.loads(schema_text(TRADES))
    shown = json.loads(document_block('{"sequence":4711'))
    for value in (shown, *(json.loads(each.value()) for each in all_records(server, TRADES)[:50])):
        jsonschema.validate(value, schema)
    printed = read_example(server, exchange.directory, trades)
    volumes = {symbol: int(volume) for _, symbol, volume in printed}
    assert sum(volumes.values()) == int(archived_trades(exchange)["quantity"].sum())


def document_block(beginning: str) -> str:
    """The code block of docs/connectors.md that begins so."""
    (found,) = [
        block.text for block in blocks("docs/connectors.md") if block.text.startswith(beginning)
    ]
    return found


def read_example(server: KafkaServer, directory: Path, records: int) -> list[list[str]]:
    """What the document's reader prints of the first ``records``."""
    program = directory / "volumes.py"
    program.write_text(document_block("import json"))
    reader = subprocess.Popen(
        [sys.executable, str(program), server.address], stdout=subprocess.PIPE, text=True
    )
    try:
        assert reader.stdout is not None
        with reader.stdout as output:
            return [output.readline().split() for _ in range(records)]
    finally:
        reader.kill()
        reader.wait()
