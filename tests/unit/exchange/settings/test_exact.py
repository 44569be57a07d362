"""Readable numbers as exact integers, and back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exchange.settings.exact import scaled, unscaled


@pytest.mark.parametrize("text", ["0.29", "1.1", "199999.99", "0", "-2.5", "1000"])
def test_scaling_loses_nothing(text: str) -> None:
    assert unscaled(scaled(Decimal(text), 4), 4) == Decimal(text)
    assert "E" not in str(unscaled(scaled(Decimal(text), 4), 4))
