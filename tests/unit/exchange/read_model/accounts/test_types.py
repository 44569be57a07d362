"""What the answers of the account model work out themselves."""

from __future__ import annotations

from typing import Any

from exchange.read_model.accounts.types import Order


def test_what_is_neither_filled_nor_left_nor_prevented_is_cancelled() -> None:
    nothing: dict[str, Any] = dict.fromkeys(Order.__struct_fields__, 0)
    order = Order(**nothing | {"quantity": 20, "filled": 3, "open": 5, "prevented": 2})
    assert order.cancelled == 10
