"""The gateway over real sockets with the real engine: login, orders, resume, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exchange.gateway.client import OrderEntryClient

PRICE = 1_000_000


def connect(gateway: Any, session: int = 1, **login: Any) -> OrderEntryClient:
    from tests.harness.order_entry_core import PASSWORD, username

    client = OrderEntryClient("127.0.0.1", gateway.port)
    client.login(username(session), PASSWORD, **login)
    return client


def names(client: OrderEntryClient, count: int) -> list[str]:
    return [client.receive().name for _ in range(count)]


def test_an_order_is_answered(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    with connect(gateway) as client:
        assert client.session == "6010500001"
        first = client.receive()
        assert (first.sequence, first.name, first.fields["event"]) == (1, "system_event", "S")
        client.enter("a", "B", 100, "ACME", PRICE)
        accepted = client.receive()
        assert accepted.sequence == 2
        assert accepted.fields["token"] == "a"
        assert accepted.fields["price"] == PRICE
        with connect(gateway, 2) as other:
            other.receive()
            other.enter("b", "S", 40, "ACME", PRICE)
            assert names(other, 2) == ["accepted", "executed"]
            executed = client.receive()
            assert executed.fields["liquidity"] == "A"
            assert executed.fields["shares"] == 40
        client.cancel("a")
        assert client.receive().fields["decrement"] == 60
