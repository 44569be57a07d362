"""The connector to RabbitMQ, against a real server: nothing lost, nothing twice, said once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from document_examples import document_block
from exchange_process import RunningExchange, wait_until
from patient_client import PatientClient
from rabbitmq_server import NEEDS_RABBITMQ, RabbitmqServer, Taken
from trading_load import Trader

from exchange.connect.checking import CheckedWorld
from exchange.connect.connector import State
from exchange.connect.rabbitmq.sink import Message, messages_of
from exchange.errors import ExitStatus
from exchange.settings import ROOT, load_settings

pytestmark = [NEEDS_RABBITMQ, pytest.mark.needs_jit, pytest.mark.timeout(1800)]

LIMIT_S = 300.0
EXCHANGE = "exchange.events"
SEED = 13
KILLS = 20
BROKER_KILLS = 5  # of them; a server takes seconds to be back
PAUSE_S = 0.008  # between two orders of a trader


def counter(exchange: RunningExchange, name: str) -> int:
    return int(exchange.status()["counters"][f"connect_rabbitmq_{name}"])


def state(exchange: RunningExchange) -> State:
    return State(counter(exchange, "state"))


def wait_written(exchange: RunningExchange) -> None:
    """Wait until everything that is released is in RabbitMQ."""
    wait_until(
        lambda: (
            counter(exchange, "next_event") >= int(exchange.status()["cursors"]["event_released"])
        ),
        LIMIT_S,
        "everything to be written",
    )


def wait_more(exchange: RunningExchange) -> None:
    """Wait until some more has been written, by whichever process."""
    before = counter(exchange, "next_event")
    wait_until(lambda: counter(exchange, "next_event") > before, LIMIT_S, "something written")


def check(exchange: RunningExchange) -> subprocess.CompletedProcess[str]:
    """Run `exchange connect check rabbitmq`."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "exchange.cli", "connect", "check", "rabbitmq"),
            *("--data-dir", str(exchange.data_directory), "--config", str(exchange.config_file)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def expected(exchange: RunningExchange) -> list[Message]:
    """Every message that the archive's events make."""
    world = CheckedWorld(exchange.data_directory, load_settings(exchange.config_file))
    return [
        message
        for events in world.batches()
        for message in messages_of(events, world.directory, trades=True, reports=True)
    ]


def first_of_each(taken: list[Taken]) -> list[tuple[str, str, bytes]]:
    """Messages as a reader has them that skips ids that it has seen."""
    seen: dict[str, tuple[str, str, bytes]] = {}
    for each in taken:
        seen.setdefault(each.message_id, (each.routing_key, each.message_id, each.body))
        assert seen[each.message_id][2] == each.body, "one id, two messages"
    return list(seen.values())


def assert_equal_to_archive(exchange: RunningExchange, taken: list[Taken]) -> None:
    """A reader that skips what it has seen has every message once, in the order of the events."""
    want = [(each.routing_key, each.message_id, each.text) for each in expected(exchange)]
    found = first_of_each(taken)
    assert len(found) == len(want)
    assert found == want


class SlowTrader(Trader):
    """A trader that enters some hundred orders a second."""

    def _enter_new(self, client: PatientClient) -> None:
        time.sleep(PAUSE_S)
        super()._enter_new(client)


class Load:
    """Traders as long as the block lasts; afterwards everything that they sent is answered."""

    def __init__(self, exchange: RunningExchange, traders: int = 2) -> None:
        self._traders = [SlowTrader(exchange, number, SEED) for number in range(1, traders + 1)]

    def __enter__(self) -> None:
        for trader in self._traders:
            trader.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for trader in self._traders:
            trader.finish() if kind is None else trader.give_up()
        for trader in self._traders:
            trader.join(LIMIT_S)
            if kind is None:
                trader.check()


def test_kills_of_server_and_connector_lose_nothing_and_tell_nothing_twice(
    rabbitmq: RabbitmqServer, make_with_rabbitmq: Callable[..., RunningExchange]
) -> None:
    """And a server that stands still for a while; the stream equals the archive too."""
    randomly = random.Random(SEED)
    rabbitmq.bind("killed", "killed.events", "trade.#", "report.#")
    keys = {"exchange": "killed.events", "stream": "killed.trades"}
    exchange = make_with_rabbitmq(**keys, batch_events=512, window=200).start()
    victims = ["server"] * BROKER_KILLS + ["connector"] * (KILLS - BROKER_KILLS)
    randomly.shuffle(victims)
    core = [exchange.pid(role) for role in ("matcher", "journaler", "order_entry")]
    with Load(exchange):
        wait_more(exchange)
        with rabbitmq.stopped():
            wait_until(lambda: state(exchange) == State.RETRYING, LIMIT_S, "an outage")
        wait_more(exchange)
        for victim in victims:
            time.sleep(randomly.random() * 0.3)  # somewhere in the middle of something
            if victim == "server":
                rabbitmq.kill()
                rabbitmq.start()
            else:
                os.kill(exchange.pid("connect_rabbitmq"), signal.SIGKILL)
            wait_more(exchange)
    assert [exchange.pid(role) for role in ("matcher", "journaler", "order_entry")] == core
    wait_written(exchange)
    checked = check(exchange)
    assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
    assert "rabbitmq says what the archive says" in checked.stdout
    assert exchange.stop() == ExitStatus.OK
    assert_equal_to_archive(exchange, rabbitmq.take("killed"))


def errors(exchange: RunningExchange) -> list[str]:
    """The lines of the log that are errors."""
    lines = exchange.log_file.read_text().splitlines()
    return [line for line in lines if '"level":"error"' in line]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"password": "wrong"}, "refuses user 'guest' and its password"),
        ({"password_file": "missing"}, "password_file"),
    ],
)
def test_what_a_person_must_put_right_is_said_once(
    make_with_rabbitmq: Callable[..., RunningExchange], keys: dict[str, Any], said: str
) -> None:
    exchange = make_with_rabbitmq(exchange="refused", **keys).start()
    wait_until(lambda: state(exchange) == State.REFUSED, LIMIT_S, "a refusal")
    lines = errors(exchange)
    assert len(lines) == 1 and said in lines[0], lines
    assert exchange.stop() == ExitStatus.OK


def test_the_examples_of_the_document(
    rabbitmq: RabbitmqServer, make_with_rabbitmq: Callable[..., RunningExchange], tmp_path: Path
) -> None:
    """The consumer prints trades; messages have the fields that the document shows."""
    program = tmp_path / "consumer.py"
    program.write_text(document_block("docs/connectors.md", "# trades from RabbitMQ"))
    rabbitmq.bind("examples", EXCHANGE, "trade.#", "report.#")
    exchange = make_with_rabbitmq().start()
    output = tmp_path / "output"
    with output.open("w") as stream:
        consumer = subprocess.Popen(
            [sys.executable, str(program)],
            stdout=stream,
            env=os.environ | {"AMQP_URL": rabbitmq.url_with_password},
        )

    def printed() -> list[list[str]]:
        return [line.split() for line in output.read_text().splitlines()]

    try:
        wait_until(lambda: rabbitmq.has_queue("my-program.trades"), LIMIT_S, "the consumer's queue")
        with Load(exchange):
            wait_until(lambda: len(printed()) > 50, LIMIT_S, "trades")
        wait_written(exchange)
        wait_until(lambda: rabbitmq.depth("my-program.trades") == 0, LIMIT_S, "the consumer")
    finally:
        consumer.kill()
        consumer.wait()
    taken = rabbitmq.take("examples")
    trades = [json.loads(each.body) for each in taken if each.routing_key.startswith("trade.")]
    told = [[each["symbol"], str(each["quantity"]), "at", str(each["price"])] for each in trades]
    assert printed() == told[: len(printed())] and len(printed()) > 50
    shown = document_block("docs/connectors.md", '{"sequence":1111').splitlines()
    for line in map(json.loads, shown):
        assert any(list(json.loads(each.body)) == list(line) for each in taken), line
    assert exchange.stop() == ExitStatus.OK
