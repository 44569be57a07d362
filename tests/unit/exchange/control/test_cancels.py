"""Cancels of single orders are answered when their outcome is released, also when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.codes import EventKind
from exchange.commands import cancel_by_order_id
from tests.harness.operator_exchange import OperatorExchange


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[OperatorExchange]:
    made = OperatorExchange(tmp_path)
    yield made
    made.stop()


def test_each_is_answered_on_its_own(exchange: OperatorExchange) -> None:
    exchange.order(1, "b1", side=0, quantity=7, price=1_500_000)
    number = int(exchange.events(EventKind.ACCEPTED)["order_id"][0])
    answers: list[dict[str, Any]] = []
    for order_id in (5, number, number):
        encoded = cancel_by_order_id(order_id).tobytes().hex()
        assert exchange.operators.submit(encoded, "x", 1, answers.append) is None
    assert exchange.operators.waiting and answers == []
    exchange.settle()
    assert [answer["ok"] for answer in answers] == [False, True, True], answers
    assert answers[1]["cancelled_quantity"] == 7
    assert not exchange.operators.waiting


def test_the_death_of_the_core_is_told(exchange: OperatorExchange) -> None:
    answers: list[dict[str, Any]] = []
    encoded = cancel_by_order_id(5).tobytes().hex()
    assert exchange.operators.submit(encoded, "x", 1, answers.append) is None
    exchange.operators.abandon()
    assert "look whether order 5 still lives" in answers[0]["error"]
