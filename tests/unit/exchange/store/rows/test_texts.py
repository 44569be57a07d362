"""Names of numbers, and the numbered texts of columns."""

from __future__ import annotations

import itertools

from exchange.codes import EventKind, Side
from exchange.store.rows.texts import Texts, name_of


def test_names_of_numbers() -> None:
    assert name_of(EventKind, EventKind.SELF_TRADE_PREVENTED) == "self_trade_prevented"
    assert name_of(Side, 200) == "200"


def test_a_text_has_one_number_until_it_is_forgotten() -> None:
    texts = Texts()
    assert [texts.number(each) for each in ("", "ü", "b", "ü")] == [0, 1, 2, 1]
    mark = texts.mark()
    assert texts.number(b"of one batch") == 3
    joined, places = texts.arrays()
    parts = [joined[a:b].tobytes() for a, b in itertools.pairwise(places)]
    assert parts == [b"", "ü".encode(), b"b", b"of one batch"]
    texts.forget(mark)
    assert texts.number("another") == 3
    assert [texts.text(number) for number in range(4)] == ["", "ü", "b", "another"]
    joined, places = texts.arrays()
    assert joined[places[3] : places[4]].tobytes() == b"another"
