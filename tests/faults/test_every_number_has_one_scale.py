"""Every field that counts money has one scale in docs/rest.md; a position's names its own."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from exchange.api.rest import schemas
from exchange.api.websocket import messages

ROOT = Path(__file__).parents[2]
MONEY = re.compile(r"price|value|turnover|cost|balance|^fee$|^(open|high|low|close|tick)$|best_")
NO_MONEY = {"average_price_decimals", "best_bid_quantity", "best_ask_quantity", "price_decimals"}
NO_MONEY |= {"auction_imbalance", "balances", "reprice"}


def fields_of(structs: object) -> set[str]:
    found = (each for each in vars(structs).values() if isinstance(each, type))
    names = {
        field.encode_name
        for each in found
        if issubclass(each, msgspec.Struct) and not each.__name__.endswith("Query")
        for field in msgspec.structs.fields(each)
    }
    return {name for name in names if MONEY.search(name)} - NO_MONEY


def documented() -> dict[str, int]:
    """In how many rows of the table of scales a name is."""
    text = (ROOT / "docs/rest.md").read_text().partition("| fields | decimals |")[2]
    rows = [line.split("|")[1] for line in text.partition("\n\n")[0].splitlines() if "`" in line]
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    return {name: names.count(name) for name in names}


@pytest.mark.parametrize("structs", [schemas, messages], ids=lambda each: each.__name__)
def test_the_scale_of_every_amount_is_documented_once(structs: object) -> None:
    table = documented()
    assert {name: table.get(name, 0) for name in fields_of(structs)} == dict.fromkeys(
        fields_of(structs), 1
    )


def test_a_position_names_its_own() -> None:
    for struct in (schemas.PositionAnswer, messages.Position):
        assert {"average_price_decimals", "currency_decimals"} <= set(struct.__struct_fields__)
