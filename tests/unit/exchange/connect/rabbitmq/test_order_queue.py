"""What is sent because of a message: its answer, itself as a dead letter, or nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from pamqp import commands

from exchange.connect.rabbitmq.broker import BrokerParameters
from exchange.connect.rabbitmq.order_messages import Answer
from exchange.connect.rabbitmq.order_queue import (
    OrdersIn,
    OrdersParameters,
    outgoing,
)


def message(**properties: Any) -> Any:
    found = commands.Basic.Properties(**properties)
    return SimpleNamespace(header=SimpleNamespace(properties=found), body=b"{}")


def sent(answer: Answer, **properties: Any) -> list[str]:
    return [each.queue for each in outgoing("desk", message(**properties), answer)]


@pytest.mark.parametrize(
    ("status", "with_reply", "without"),
    [
        (201, ["answers"], []),
        (200, ["answers"], []),
        (422, ["answers"], []),  # the account has an execution report
        (404, ["answers"], ["desk.dead"]),
        (409, ["answers"], ["desk.dead"]),
        (400, ["answers", "desk.dead"], ["desk.dead"]),
        (413, ["answers", "desk.dead"], ["desk.dead"]),
        (500, ["answers", "desk.dead"], ["desk.dead"]),
    ],
)
def test_nothing_disappears(status: int, with_reply: list[str], without: list[str]) -> None:
    answer = Answer(status, 1, "said")
    assert sent(answer, reply_to="answers") == with_reply
    assert sent(answer) == without


def test_an_answer_names_its_message() -> None:
    answer = Answer(201, 0, "success", {"order_id": 5})
    (found,) = outgoing("desk", message(reply_to="a", message_id="m"), answer)
    assert msgspec.json.decode(found.body, type=Answer) == answer
    assert found.properties.correlation_id == "m"
    (found,) = outgoing("desk", message(reply_to="a", message_id="m", correlation_id="c"), answer)
    assert found.properties.correlation_id == "c"


def test_a_dead_letter_is_the_message_and_the_reason() -> None:
    (found,) = outgoing(
        "desk",
        message(message_id="m", message_type="sell", headers={"own": 1}),
        Answer(400, 1002, "price: must be"),
    )
    assert (found.queue, found.body) == ("desk.dead", b"{}")
    properties = found.properties
    assert properties.headers == {"own": 1, "x-reason": "1002: price: must be"}
    assert (properties.message_id, properties.message_type) == ("m", "sell")


def test_without_queues_there_is_no_thread() -> None:
    parameters = OrdersParameters(BrokerParameters("amqp://localhost/"), (), lambda: "", 1.0)
    with OrdersIn(parameters) as orders:
        assert orders._thread is None
