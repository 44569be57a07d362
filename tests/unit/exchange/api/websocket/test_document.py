"""docs/websocket.md: its examples are messages as they are sent or taken, and its code works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
import websocket_schema

from exchange.api.websocket import asyncapi
from exchange.api.websocket import endpoint as websocket
from exchange.api.websocket.execution_reports import EVENT_NAMES

TEXT = (Path(__file__).resolve().parents[5] / "docs" / "websocket.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


SENT = [line for block in blocks("json") for line in block.splitlines()]
TAKEN = [line for block in blocks("json action") for line in block.splitlines()]


@pytest.mark.parametrize("line", SENT)
def test_an_example_of_what_is_sent(line: str):
    websocket_schema.check(orjson.loads(line))


@pytest.mark.parametrize("line", TAKEN)
def test_an_example_of_what_is_taken(line: str):
    msgspec.json.decode(line, type=websocket.Action)


def test_there_is_an_example_of_every_message():
    sent = {orjson.loads(line)["type"] for line in SENT}
    kinds = {str(kind.__struct_config__.tag) for kind in (*asyncapi.PUBLIC, *asyncapi.PRIVATE)}
    assert kinds - sent == {"unsubscribed"}  # it is only named
    taken = {orjson.loads(line)["action"] for line in TAKEN}
    actions = {*asyncapi.ACTIONS, *asyncapi.PRIVATE_ACTIONS}
    assert {str(kind.__struct_config__.tag) for kind in actions} - taken == {"unsubscribe"}


def test_every_event_of_a_report_is_explained():
    table = TEXT[TEXT.index("| event | means |") :].split("\n\n")[0]
    for name in {*EVENT_NAMES.values(), "expired"}:
        assert re.search(rf"\b{name}\b", table), name


def test_the_book_that_it_shows():
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(code, names)
    book = names["Book"]()
    messages = [orjson.loads(line) for line in SENT if '"depth_' in line]
    for message in messages:
        book.apply(message)
    assert book.bids == {1_500_000: 60} and book.sequence == 1111
    with pytest.raises(ValueError, match="missing"):
        book.apply(messages[-1])
    with pytest.raises(ValueError, match="differs"):
        book.apply(messages[0] | {"checksum": 1})
