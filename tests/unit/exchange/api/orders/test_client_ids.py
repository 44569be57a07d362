"""Texts of long client order ids: kept over restarts, bounded, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.api.orders import client_ids
from exchange.api.orders.client_ids import ClientOrderIds
from exchange.api.orders.terms import random_token, token_of

LONG = "an-id-of-more-than-14-characters"


def test_they_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    ids = ClientOrderIds(path)
    for text in (LONG, "short", LONG):
        ids.remember(text, token_of(text))
    ids.close()
    assert path.read_text() == f"{LONG}\n"
    with path.open("ab") as file:
        file.write(b"torn-\xff\nhalf")
    again = ClientOrderIds(path)
    assert again.text(token_of(LONG)) == LONG
    assert again.text(token_of("short")) == "short" and again.text(random_token()) is None
    again.close()


def test_they_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_ids, "KEPT", 4)
    path = tmp_path / "ids"
    ids = ClientOrderIds(path)
    texts = [f"{LONG}-{number}" for number in range(30)]
    for text in texts:
        ids.remember(text, token_of(text))
        assert len(path.read_text().splitlines()) <= 8
    assert [ids.text(token_of(text)) == text for text in texts] == [False] * 26 + [True] * 4
    ids.close()


def test_without_a_file_the_hash_is_told(tmp_path: Path) -> None:
    ids = ClientOrderIds(tmp_path / "missing" / "ids")
    ids.remember(LONG, token_of(LONG))
    assert ids.text(token_of(LONG)) == LONG
    assert ClientOrderIds().text(token_of(LONG)) == token_of(LONG).decode()
