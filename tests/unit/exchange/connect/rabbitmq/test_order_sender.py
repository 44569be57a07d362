"""Orders to an api that is busy, away, or fails."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from exchange.client.types import ApiKey, NotReached, RequestFailed
from exchange.connect.rabbitmq import order_sender
from exchange.connect.rabbitmq.order_messages import Answer, OrderRequest
from exchange.connect.rabbitmq.order_sender import FAULTS, OrderSender
from exchange.connect.sink import SinkAway, SinkRefused

Outcome = Exception | dict[str, Any] | list[Answer]


class Api:
    """Answers with the next of ``outcomes``; the last one again and again."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[tuple[str, int]] = []  # path, orders in it

    async def __aenter__(self) -> Api:
        return self

    async def close(self) -> None:
        pass

    async def request(
        self, method: str, path: str, *, query: dict[str, str] | None, body: bytes
    ) -> msgspec.Raw:
        orders = msgspec.json.decode(body).get("orders", [None]) if body else []
        self.asked.append((path.removeprefix("/api/v1"), len(orders)))
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, list):
            return msgspec.Raw(msgspec.json.encode({"orders": outcome[: len(orders)]}))
        return msgspec.Raw(msgspec.json.encode(outcome))


PLACE = OrderRequest("place", "POST", "/orders", None, {"symbol": "AAPL"})
CANCEL = OrderRequest("cancel", "DELETE", "/orders/7", None, None)
DONE = [Answer(201, 0, "success", {"order_id": 1})] * 20
BUSY = Answer(503, 5002, "overloaded")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_sender, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(order_sender, "LONGEST_PAUSE_S", 0.0)


def send(api: Api, requests: list[OrderRequest], urls: list[str] | None = None) -> list[Answer]:
    def url() -> str:
        found = urls.pop(0) if urls else "http://here"
        if not found:
            raise SinkAway("the api does not listen yet")
        return found

    async def main() -> list[Answer]:
        sender = OrderSender(url, ApiKey("K", "secret"), "desk")
        try:
            return await sender.answers(requests)
        finally:
            await sender.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_sender, "RestClient", lambda *_, **__: api)
        return asyncio.run(main())


def test_orders_that_follow_each_other_are_one_request() -> None:
    api = Api(DONE, DONE, {"order_id": 7}, DONE)
    answers = send(api, [PLACE] * 25 + [CANCEL] + [PLACE])
    assert api.asked == [
        ("/orders/batch", 20),
        ("/orders/batch", 5),
        ("/orders/7", 0),
        ("/orders/batch", 1),
    ]
    assert answers == [*DONE, *DONE[:5], Answer(200, 0, "success", {"order_id": 7}), DONE[0]]


@pytest.mark.usefixtures("no_pauses")
def test_what_is_a_matter_of_time_is_sent_again_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    api = Api(
        NotReached("POST /orders: no"),
        RequestFailed(5002, "starting", 503),
        [DONE[0], BUSY],
        RequestFailed(5003, "not durable in time", 504),
        DONE,
    )
    assert send(api, [PLACE] * 2, ["", "", "http://here", "http://there"]) == DONE[:2]
    assert api.asked == [("/orders/batch", 2)] * 5
    assert [record.getMessage() for record in caplog.records] == [
        "orders of the queue desk wait: the api does not listen yet",
        "orders of the queue desk are entered again",
    ]


@pytest.mark.usefixtures("no_pauses")
def test_a_limit_is_nothing_to_be_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert send(Api(RequestFailed(3001, "too many", 429), DONE), [PLACE]) == DONE[:1]
    assert not caplog.records


def test_a_batch_that_is_refused_is_sent_one_by_one() -> None:
    wrong = RequestFailed(1002, "price: must be", 400, {"field": "price"})
    api = Api(RequestFailed(1002, "orders[1].price", 400), {"order_id": 1}, wrong)
    assert send(api, [PLACE, PLACE]) == [
        Answer(200, 0, "success", {"order_id": 1}),
        Answer(400, 1002, "price: must be", None, "price"),
    ]


def test_a_refusal_has_the_order() -> None:
    api = Api(RequestFailed(4003, "it is closed", 409, {"order_id": 7}))
    assert send(api, [CANCEL]) == [Answer(409, 4003, "it is closed", {"order_id": 7})]


@pytest.mark.usefixtures("no_pauses")
def test_an_order_that_makes_the_api_fail_is_given_up() -> None:
    api = Api(RequestFailed(5001, "a bug", 500))
    assert send(api, [CANCEL]) == [Answer(500, 5001, "a bug")]
    assert len(api.asked) == FAULTS


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_is_no_answer(status: int) -> None:
    with pytest.raises(SinkRefused, match="the API key K may not enter orders"):
        send(Api(RequestFailed(2002, "revoked", status)), [PLACE])
