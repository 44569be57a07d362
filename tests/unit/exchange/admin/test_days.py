"""Whether a day has been traded, from the archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.admin.days import check_day_is_unused
from exchange.errors import ConfigurationError, Refused
from tests.harness.operator_exchange import OperatorExchange


def test_a_day_that_was_traded_is_found(tmp_path: Path) -> None:
    exchange = OperatorExchange(tmp_path)
    day = exchange.trading.day_number
    exchange.stop()
    with pytest.raises(Refused, match=f"day {day} has been traded"):
        check_day_is_unused(exchange.data_directory, day)
    check_day_is_unused(exchange.data_directory, day - 1)
    with pytest.raises(ConfigurationError, match="--number"):
        check_day_is_unused(exchange.data_directory, None)
