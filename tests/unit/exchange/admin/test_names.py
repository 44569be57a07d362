"""Names of the command line: symbols, user names and codes behind numbers, and exact numbers."""

from __future__ import annotations

import pytest

from exchange.admin.names import Names, exact
from exchange.errors import ConfigurationError


def test_names() -> None:
    names = Names({1: ("USD", 4)}, {5: ("ABC", 2, 1, 0)}, {7: ("U1", 3)})
    assert names.instrument("ABC") == names.instrument("#5") == 5
    assert names.session("U1") == 7 and names.currency("USD") == 1
    assert names.money(1, 1_000_050) == "100.005" and names.price(5, 1050) == "10.5"
    assert names.symbol(9) == "#9"
    with pytest.raises(ConfigurationError, match=r"no instrument 'X' \(there are: ABC\)"):
        names.instrument("X")
    with pytest.raises(ConfigurationError, match="not a number"):
        exact("1,5", 2, "AMOUNT")
