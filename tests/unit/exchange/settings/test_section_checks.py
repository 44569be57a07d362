"""What more than one key of exchange.toml must agree on, and what is a host."""

from __future__ import annotations

import msgspec
import pytest

from exchange.settings import load_settings
from exchange.settings.section_checks import is_host, listeners, wrong_settings
from exchange.settings.sections import OrderQueueSection


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("exchange.example", True),
        ("a-b.c", True),
        ("1.2.3", False),
        ("-a", False),
        ("a b", False),
        ("", False),
    ],
)
def test_hosts(text: str, expected: bool) -> None:
    assert is_host(text) is expected


def test_the_shipped_settings_agree() -> None:
    settings = load_settings(None)
    assert list(wrong_settings(settings)) == []
    assert "order_entry" in listeners(settings)


def test_orders_from_rabbitmq_need_the_api() -> None:
    settings = load_settings(None)
    queue = OrderQueueSection(queue="orders.1", key="A" * 20)
    rabbitmq = msgspec.structs.replace(settings.rabbitmq, enabled=True, orders=[queue])
    api = msgspec.structs.replace(settings.api, enabled=False)
    wrong = msgspec.structs.replace(settings, rabbitmq=rabbitmq, api=api)
    assert [(section, key) for section, key, _ in wrong_settings(wrong)] == [("rabbitmq", "orders")]
    assert not list(wrong_settings(msgspec.structs.replace(settings, rabbitmq=rabbitmq)))
