"""The table of scales says what docs/rest.md says."""

from __future__ import annotations

import re

from exchange.api.rest.scales import (
    LEVEL_FIELDS,
    MONEY_FIELDS,
    OWN_DECIMALS_FIELDS,
    PRICE_FIELDS,
)
from exchange.settings import ROOT


def test_the_page_has_every_field():
    page = (ROOT / "docs" / "rest.md").read_text()
    (table,) = re.findall(r"\| fields \| decimals \|\n(.*?)\n\n", page, re.DOTALL)
    told = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row)}
    every = (*PRICE_FIELDS, *LEVEL_FIELDS, *MONEY_FIELDS, *OWN_DECIMALS_FIELDS)
    assert set(every) - told == set()
    assert len(set(every)) == len(every)
