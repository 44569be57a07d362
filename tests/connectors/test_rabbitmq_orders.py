"""Orders out of queues of RabbitMQ: entered once, answered, and never lost."""

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

import aio_pika
import numpy as np
import pytest
from document_examples import document_block
from exchange_process import RunningExchange, wait_until
from rabbitmq_server import NEEDS_RABBITMQ, RabbitmqServer

from exchange.codes import EventKind
from exchange.connect.checking import CheckedWorld
from exchange.errors import ExitStatus
from exchange.records import token_text
from exchange.settings import load_settings

pytestmark = [NEEDS_RABBITMQ, pytest.mark.needs_jit, pytest.mark.timeout(1800)]

LIMIT_S = 120.0
ACCOUNT = 3
SEED = 17
KILLS = 8
ORDERS = 600
REPLIES = "replies"


@pytest.fixture
def make_with_orders(
    make_with_rabbitmq: Callable[..., RunningExchange],
) -> Callable[..., tuple[RunningExchange, str]]:
    """An exchange, not started, that takes orders from a queue; and the id of its API key."""

    def make(queue: str, *, read_only: bool = False) -> tuple[RunningExchange, str]:
        # the key's id is in the settings: a start before that makes it
        exchange = make_with_rabbitmq(web=True, exchange=f"{queue}.events").start()
        key, _ = exchange.make_key(ACCOUNT, read_only=read_only)
        assert exchange.stop() == ExitStatus.OK
        shown = document_block("docs/connectors.md", "[[rabbitmq.orders]]")
        orders = shown.replace("orders.1001", queue).replace("KYWNEIEG6IMCGDVVCRBU", key)
        with exchange.config_file.open("a") as stream:
            stream.write(orders)
        return exchange, key

    return make


def message(body: dict[str, Any] | bytes, name: str = "", **properties: Any) -> aio_pika.Message:
    """A message with an order."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return aio_pika.Message(
        text,
        message_id=name or None,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        **properties,
    )


def order(price: int = 1_000_000, side: str = "buy", quantity: int = 10) -> dict[str, Any]:
    return {"symbol": "AAPL", "side": side, "quantity": quantity, "price": price}


def test_orders_are_answered_and_what_is_no_order_is_a_dead_letter(
    rabbitmq: RabbitmqServer, make_with_orders: Callable[..., tuple[RunningExchange, str]]
) -> None:
    exchange, _ = make_with_orders("desk")
    asked = {"reply_to": REPLIES}
    rabbitmq.publish(REPLIES)
    rabbitmq.publish(
        "desk",
        message(order(), "one", correlation_id="first", **asked),
        message(order(), "one", correlation_id="again", **asked),
        message(order(price=1_000_001), "two", **asked),  # not a multiple of the tick
        message({"action": "amend", "client_order_id": "one", "quantity": 5}, "three", **asked),
        message({"client_order_id": "one"}, "four", type="cancel", **asked),
        message({"client_order_id": "none"}, "five", type="cancel"),
        message(b"no JSON", "six", **asked),
        message(order() | {"sort": 1}, "seven"),
        message(order(), "eight", headers={"own": "kept"}, type="sell"),
        message(order() | {"client_order_id": "in the body"}, "nine"),
        message(order() | {"client_order_id": "in-the-body"}, "ten", **asked),
    )
    exchange.start()
    wait_until(lambda: rabbitmq.depth(REPLIES) == 7, LIMIT_S, "replies")
    replies = {each.correlation_id: json.loads(each.body) for each in rabbitmq.take(REPLIES)}
    # an order that is sent alone, because of one beside it that is malformed: 200
    assert replies["ten"].pop("status") in (200, 201)
    assert {name: reply.get("status") for name, reply in replies.items()} == {
        "first": 201,
        "again": 200,
        "two": 422,
        "three": 200,
        "four": 200,
        "six": 400,
        "ten": None,
    }
    first, again, rejected = replies["first"], replies["again"], replies["two"]
    assert first["order"]["order_id"] == again["order"]["order_id"]
    assert first["order"]["client_order_id"] == "one"
    assert (rejected["code"], rejected["order"]["status"]) == (10_002, "rejected")
    assert replies["three"]["order"]["quantity"] == 5
    assert replies["four"]["order"]["status"] == "cancelled"
    assert replies["ten"]["order"]["client_order_id"] == "in-the-body"
    wait_until(lambda: rabbitmq.depth("desk.dead") == 5, LIMIT_S, "dead letters")
    dead = {each.message_id: each for each in rabbitmq.take("desk.dead")}
    reasons = {name: str(each.headers["x-reason"]) for name, each in dead.items()}
    for name, said in {
        "five": "4001",
        "six": "not a JSON object",
        "seven": "sort",
        "eight": "action 'sell': must be one of place, amend, cancel",
        "nine": "client_order_id",
    }.items():
        assert said in reasons[name], reasons
    assert dead["eight"].headers["own"] == "kept"
    assert dead["six"].body == b"no JSON"
    assert rabbitmq.depth("desk") == 0
    assert exchange.stop() == ExitStatus.OK


def accepted_tokens(exchange: RunningExchange) -> list[str]:
    """The client order ids of all accepted orders of the archive, in their order."""
    world = CheckedWorld(exchange.data_directory, load_settings(exchange.config_file))
    return [
        token_text(event)
        for events in world.batches()
        for event in events[np.flatnonzero(events["kind"] == EventKind.ACCEPTED)]
    ]


def test_kills_between_outcome_and_acknowledgement_enter_nothing_twice(
    rabbitmq: RabbitmqServer, make_with_orders: Callable[..., tuple[RunningExchange, str]]
) -> None:
    """The connector, the api and the server are killed while orders come."""
    randomly = random.Random(SEED)
    exchange, _ = make_with_orders("busy")
    replies = "busy.replies"
    rabbitmq.publish(replies)
    exchange.start()
    wait_until(lambda: rabbitmq.has_queue("busy.dead"), LIMIT_S, "the queue to be read")
    victims = ["connect_rabbitmq"] * (KILLS - 3) + ["api"] * 2 + ["server"]
    randomly.shuffle(victims)
    names = [f"order-{number}" for number in range(ORDERS)]
    share = ORDERS // KILLS
    for number, victim in enumerate(victims):
        mine = names[number * share : (number + 1) * share]
        sides = [randomly.choice(("buy", "sell")) for _ in mine]
        messages = [
            message(order(side=side), name, reply_to=replies)
            for name, side in zip(mine, sides, strict=True)
        ]
        rabbitmq.publish("busy", *messages)
        time.sleep(randomly.random() * 0.1)  # somewhere in the middle of something
        if victim == "server":
            rabbitmq.kill()
            rabbitmq.start()
        else:
            os.kill(exchange.pid(victim), signal.SIGKILL)

    answered: dict[str, set[int]] = {}

    def all_answered() -> bool:
        for each in rabbitmq.take(replies):
            reply = json.loads(each.body)
            assert reply["status"] in (200, 201), reply
            answered.setdefault(each.correlation_id, set()).add(reply["order"]["order_id"])
        return len(answered) == ORDERS

    wait_until(all_answered, LIMIT_S, "answers")
    wait_until(lambda: rabbitmq.depth("busy") == 0, LIMIT_S, "the queue to be empty")
    assert all(len(orders) == 1 for orders in answered.values()), "one message, two orders"
    assert rabbitmq.depth("busy.dead") == 0
    assert exchange.stop() == ExitStatus.OK
    # once each, and in the queue's order
    assert accepted_tokens(exchange) == names


def test_a_key_that_may_not_trade_is_said_once_and_takes_nothing(
    rabbitmq: RabbitmqServer, make_with_orders: Callable[..., tuple[RunningExchange, str]]
) -> None:
    exchange, key = make_with_orders("closed", read_only=True)
    rabbitmq.publish("closed", message(order(), "one"))
    exchange.start()
    said = f"the queue closed takes no orders: the API key {key} may read, but not trade"

    def lines() -> list[str]:
        return [line for line in exchange.log_file.read_text().splitlines() if said in line]

    wait_until(lambda: len(lines()) == 1, LIMIT_S, "a line in the log")
    assert rabbitmq.depth("closed") == 1
    assert exchange.stop() == ExitStatus.OK


def test_the_example_of_the_document(
    rabbitmq: RabbitmqServer,
    make_with_orders: Callable[..., tuple[RunningExchange, str]],
    tmp_path: Path,
) -> None:
    exchange, _ = make_with_orders("orders.1001")
    program = tmp_path / "sender.py"
    program.write_text(document_block("docs/connectors.md", "# orders into RabbitMQ"))
    exchange.start()
    wait_until(lambda: rabbitmq.has_queue("orders.1001.dead"), LIMIT_S, "the queue to be read")
    ran = subprocess.run(
        [sys.executable, str(program)],
        env=os.environ | {"AMQP_URL": rabbitmq.url_with_password},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert (ran.stdout, ran.returncode) == ("my-order-1 new\n", 0), ran.stderr
    assert exchange.stop() == ExitStatus.OK
