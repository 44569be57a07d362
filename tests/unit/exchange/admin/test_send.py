"""Operators' commands: made-up keys."""

from __future__ import annotations

from exchange.admin.send import made_up_key
from exchange.control.differences import deposit_key


def test_keys() -> None:
    keys = {made_up_key() for _ in range(1000)}
    assert len(keys) == 1000 and {len(key) for key in keys} == {14}
    assert deposit_key(1001, "USD", -1) == "OPEN-1001-USD"
    assert deposit_key(1001, "AAPL", 1) == "OPEN-1001-AAPL"
    longest = deposit_key(1_048_575, "2330.TW", 65_534)
    assert longest == "O1048575I65534" and len(longest) == 14
    assert deposit_key(1_048_575, "USDT", -7) == "O1048575C7"
