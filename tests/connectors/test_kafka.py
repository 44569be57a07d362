"""The Kafka connector against a real broker: whatever is killed, each trade is there once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
from document_examples import blocks
from exchange_process import RunningExchange, wait_until
from memory_kafka import trading_events
from patient_client import PatientClient
from store_world import MemoryArchive
from trading_load import Trader

from exchange.codes import EventKind
from exchange.connect.connector import State
from exchange.connect.directory import Directory
from exchange.connect.kafka.sink import KafkaSink
from exchange.connect.schemas import schema_text
from exchange.connect.sink import Batch, SinkAway, SinkRefused
from exchange.core.counters import CONNECTOR_COUNTERS
from exchange.core.pipeline import EVENT_RELEASED
from exchange.core.region import region_name
from exchange.core.stage_names import StageName
from exchange.errors import ExitStatus
from exchange.settings import ROOT, load_settings
from exchange.store.offline import archive_end
from ringbuffer.counters import COUNTER_STRIDE
from ringbuffer.region import Region
from tests.harness.kafka_server import KafkaServer

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800)]

TRADERS = 2
LIMIT_S = 240.0
PACE_S = 0.002
TRADES = "trade_records"
MakeKafka = Callable[..., KafkaServer]


def kafka_settings(server: KafkaServer, **more: Any) -> dict[str, dict[str, Any]]:
    """The connector's section for ``server``, quick to notice and to come back."""
    section = {
        "enabled": True,
        "servers": [server.address],
        "retry_maximum_ms": 200,
        "request_timeout_ms": 2_000,
        "batch_events": 4_096,
    }
    # the connector is killed more often than the daemon thinks normal
    return {"kafka": section | more, "supervision": {"retry_maximum_ms": 200}}


def released(exchange: RunningExchange) -> int:
    """Number of released events."""
    with Region.attach_read_only(region_name(exchange.data_directory.resolve())) as region:
        return int(region.arrays["cursors"][EVENT_RELEASED])


def counter(exchange: RunningExchange, name: str) -> int:
    """One of the connector's counters; costs less than the whole status."""
    number = CONNECTOR_COUNTERS[name][StageName.CONNECT_KAFKA]
    with Region.attach_read_only(region_name(exchange.data_directory.resolve())) as region:
        return int(region.arrays["counters"][number * COUNTER_STRIDE])


def behind(exchange: RunningExchange) -> int:
    """How many released events are not in Kafka."""
    return released(exchange) - counter(exchange, "next_event")


class PacedTrader(Trader):
    """Enters some hundred orders a second: the broker is to be killed, not the machine."""

    def _enter_new(self, client: PatientClient) -> None:
        time.sleep(PACE_S)
        super()._enter_new(client)


@contextlib.contextmanager
def trading(exchange: RunningExchange, seed: int) -> Iterator[None]:
    """Load while the block runs; afterwards every order has been answered."""
    traders = [PacedTrader(exchange, number, seed) for number in range(1, TRADERS + 1)]
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
    assert "kafka says what the archive says" in checked.stdout
    assert "not written yet" not in checked.stdout
    return len(trades)


def written_more(exchange: RunningExchange, records: int = 50) -> None:
    """Wait until some more has been written, by whichever process."""
    before = counter(exchange, "next_event")
    wait_until(lambda: counter(exchange, "next_event") > before + records, LIMIT_S, "records")


def test_every_trade_is_there_once_and_a_stop_drains(
    make_exchange: Any, make_kafka: MakeKafka
) -> None:
    server = make_kafka()
    settings = kafka_settings(server, order_events_topic="order_events", klines_topic="klines")
    exchange: RunningExchange = make_exchange(settings=settings).start()
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
    for topic in ("order_events", "klines"):
        schema = json.loads(schema_text(topic))
        records = all_records(server, topic)
        assert len(records) > 1
        for message in records[:: max(1, len(records) // 100)]:
            value = json.loads(message.value())
            jsonschema.validate(value, schema)
            assert value["symbol"] == message.key().decode()
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


def kill_connector(exchange: RunningExchange, server: KafkaServer) -> None:
    os.kill(exchange.pid("connect_kafka"), signal.SIGKILL)


def kill_broker(exchange: RunningExchange, server: KafkaServer) -> None:
    server.kill()
    server.start()


def kill_both(exchange: RunningExchange, server: KafkaServer) -> None:
    kill_connector(exchange, server)
    kill_broker(exchange, server)


def pause_broker(exchange: RunningExchange, server: KafkaServer) -> None:
    """Until the connector has noticed; trading goes on meanwhile."""
    server.pause()
    try:
        wait_until(lambda: state(exchange) == State.RETRYING, LIMIT_S, "the outage to be noticed")
        before = released(exchange)
        wait_until(lambda: released(exchange) > before + 1_000, LIMIT_S, "trading to go on")
    finally:
        server.resume()


def state(exchange: RunningExchange) -> State:
    return State(counter(exchange, "state"))


def test_killed_at_twenty_moments(make_exchange: Any, make_kafka: MakeKafka) -> None:
    seed = 20_261_130
    print(f"seed {seed}")
    draws = random.Random(seed)
    server = make_kafka()
    exchange: RunningExchange = make_exchange(settings=kafka_settings(server)).start()
    core = [exchange.pid(role) for role in ("matcher", "journaler", "order_entry")]
    victims = [kill_connector] * 12 + [kill_broker] * 5 + [kill_both] * 3
    draws.shuffle(victims)
    victims.insert(10, pause_broker)
    with trading(exchange, seed):
        for victim in victims:
            written_more(exchange, draws.randrange(50, 3_000))
            victim(exchange, server)
        written_more(exchange)
    assert [exchange.pid(role) for role in ("matcher", "journaler", "order_entry")] == core
    wait_until(lambda: behind(exchange) == 0, LIMIT_S, "everything to be written")
    assert exchange.stop() == ExitStatus.OK
    assert compare(exchange, server) > 100
    # one line when it goes and one when it is back; the client's own lines do not come through
    lines = [line for line in exchange.log_file.read_text().splitlines() if "rdkafka" in line]
    assert len(lines) < 3 * len(victims)


def sink_of(server: KafkaServer, events: np.ndarray, **settings: Any) -> KafkaSink:
    """A sink without an exchange around it."""
    section = msgspec.structs.replace(
        load_settings(None).kafka,
        **{"servers": [server.address], "request_timeout_ms": 2_000} | settings,
    )
    return KafkaSink(section, Directory(), MemoryArchive(events), lambda: len(events))


def refusal(sink: KafkaSink) -> str:
    """Why the broker is refused; on a busy machine it is only slow at first."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        try:
            sink.open()
        except SinkRefused as error:
            return str(error)
        except SinkAway:
            assert time.monotonic() < deadline_s
        else:
            raise AssertionError("nothing was refused")


def write(sink: KafkaSink, events: np.ndarray, first: int, end: int) -> None:
    content, records = sink.encode(events[first:end])
    sink.write(Batch(first, end, content, records))


def test_a_second_instance_fences_the_first_one_off(make_kafka: MakeKafka) -> None:
    server, events = make_kafka(), trading_events(40)
    older, newer = (sink_of(server, events, request_timeout_ms=60_000) for _ in range(2))
    with contextlib.closing(older), contextlib.closing(newer):
        assert older.open() is None
        older.begin(0)
        write(older, events, 0, 20)
        position = newer.open()
        assert position is not None and position.next_event == 20
        with pytest.raises(SinkAway):
            write(older, events, 20, 30)
        older.close()
        with pytest.raises(SinkRefused, match="another instance has taken over"):
            older.open()
        newer.begin(20)
        write(newer, events, 20, len(events))
        # who is behind what is there takes nothing over
        with pytest.raises(SinkRefused, match="only up to"):
            sink_of(server, events[:10]).open()
        assert len(all_records(server, TRADES)) == 40
        with pytest.raises(SinkRefused, match="there is no topic other"):
            sink_of(server, events, trades_topic="other", create_topics=False).open()


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate of 127.0.0.1; the private key beside it ends in .key."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", f"{name}.key", "-out", f"{name}.crt"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / f"{name}.crt"


def test_wrong_password_wrong_certificate(make_kafka: MakeKafka, tmp_path: Path) -> None:
    own, foreign = certificate(tmp_path, "own"), certificate(tmp_path, "foreign")
    store = tmp_path / "store.pem"
    store.write_text(own.with_suffix(".key").read_text() + own.read_text())
    server = make_kafka(
        protocol="SASL_SSL",
        properties={
            "listener.name.clients.sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.clients.plain.sasl.jaas.config": (
                "org.apache.kafka.common.security.plain.PlainLoginModule required "
                'username="broker" password="inside" user_broker="inside" user_exchange="right";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(own),
        },
    )
    password = tmp_path / "password"
    events = trading_events()
    settings = {
        "security_protocol": "sasl_ssl",
        "sasl_mechanism": "PLAIN",
        "username": "exchange",
        "password_file": str(password),
        "ca_file": str(own),
    }
    password.write_text("wrong\n")
    assert "uthentication" in refusal(sink_of(server, events, **settings))
    password.write_text("right\n")
    other = settings | {"ca_file": str(foreign)}
    assert "certificate verify failed" in refusal(sink_of(server, events, **other))
    with pytest.raises((SinkAway, SinkRefused)):
        sink_of(server, events).open()
    sink = sink_of(server, events, request_timeout_ms=60_000, **settings)
    assert sink.open() is None
    sink.close()
