"""The page's arithmetic in the browser, against Python's: decimals, checksums, the book, texts."""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from trading_page import TradingPage

from exchange.api.errors import ErrorCode
from exchange.codes import CancelReason, Reject

pytestmark = pytest.mark.needs_jit

OpenPage = Callable[..., TradingPage]
SEED = 20_261_121


@pytest.fixture(scope="module")
def run(browser: Any, exchange: Any) -> Any:
    """``run(module, body, argument)``: the value of ``body`` with the module as ``m``."""
    page = TradingPage(browser, f"{exchange.url}/")

    def call(module: str, body: str, argument: Any = None) -> Any:
        return page.page.evaluate(
            "([path, argument]) => import(path).then(m => (" + body + ")(m, argument))",
            [f"/page/js/{module}.js", argument],
        )

    yield call
    page.close()


def test_typed_decimals_become_exact_integers(run: Any) -> None:
    cases: list[tuple[str, int, str]] = [
        ("150.25", 4, "1502500"),
        ("0.1", 4, "1000"),
        (".5", 2, "50"),
        ("5.", 2, "500"),
        ("1,234.50", 2, "123450"),
        ("1,234,567", 0, "1234567"),
        ("9007199254740993.0001", 4, "90071992547409930001"),  # no double can hold it
        ("0.30000000000000000", 1, "3"),
        ("１２３．４５", 2, "12345"),
        ("  7 ", 0, "7"),
        ("", 2, "empty"),
        ("   ", 2, "empty"),
        ("1.234", 2, "decimals"),
        ("1,23.4", 2, "format"),
        ("12,34", 2, "format"),
        ("1e3", 2, "format"),
        ("-1", 2, "format"),
        ("+1", 2, "format"),
        ("0x10", 2, "format"),
        ("1.2.3", 2, "format"),
        (".", 2, "format"),
        ("Infinity", 2, "format"),
        ("9" * 60, 2, "format"),
    ]
    found = run(
        "data/decimal",
        "(m, cases) => cases.map(([text, decimals]) => "
        "{ const r = m.parseDecimal(text, decimals); return r.error ?? String(r.value) })",
        [case[:2] for case in cases],
    )
    assert found == [case[2] for case in cases]


def test_decimals_there_and_back(run: Any) -> None:
    chance = random.Random(SEED)
    values = []
    for _ in range(500):
        decimals = chance.randrange(0, 9)
        value = chance.choice([1, -1]) * chance.getrandbits(chance.randrange(1, 62))
        values.append([str(value), decimals, chance.randrange(0, decimals + 1)])
    texts = run(
        "data/decimal",
        "(m, v) => v.map(([value, ...digits]) => m.formatMinor(BigInt(value), ...digits))",
        values,
    )
    plain = run(
        "data/decimal",
        "(m, v) => v.map(([value, ...digits]) => m.plainDecimal(BigInt(value), ...digits))",
        values,
    )
    for (value, decimals, shown), text, bare in zip(values, texts, plain, strict=True):
        exact = Decimal(value).scaleb(-decimals)
        assert Decimal(bare) == exact
        assert text.replace(",", "").replace("−", "-") == bare
        assert len(bare.partition(".")[2]) >= shown
        assert re.fullmatch(r"−?\d{1,3}(,\d{3})*(\.\d+)?", text)


def test_large_integers_of_answers_stay_exact(run: Any) -> None:
    text = '{"a":2305843009213693951,"b":[-9007199254740993,1],"c":"x:1234567890123456789,","d":12}'
    assert run("data/decimal", "(m, text) => m.parseJson(text)", text) == {
        "a": "2305843009213693951",
        "b": ["-9007199254740993", 1],
        "c": "x:1234567890123456789,",
        "d": 12,
    }


def test_change_in_percent(run: Any) -> None:
    cases = [[1_502_500, 1_500_000], [1, 3], [2, 3], [3, 2], [1_000_000, 1_000_001], [7, 7]]
    found = run(
        "data/decimal",
        "(m, c) => c.map(([now, then]) => Number(m.changeBasisPoints(now, then)))",
        cases,
    )
    for (now, then), points in zip(cases, found, strict=True):
        assert abs(Decimal(now - then) * 10_000 / then - points) <= Decimal("0.5")


def checksum(bids: dict[int, int], asks: dict[int, int]) -> int:
    best = [f"{price}:{bids[price]}" for price in sorted(bids, reverse=True)[:10]]
    best += [f"{price}:{asks[price]}" for price in sorted(asks)[:10]]
    return zlib.crc32("|".join(best).encode())


def test_the_book_follows_diffs(run: Any) -> None:
    """Thousands of random diffs, with the checksums of an independent book after each."""
    chance = random.Random(SEED)
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    messages: list[dict[str, Any]] = [
        {
            "type": "depth_snapshot",
            "bids": [],
            "asks": [],
            "sequence": 0,
            "checksum": checksum({}, {}),
        }
    ]
    sequence = 0
    for _ in range(3_000):
        changed: list[list[list[int]]] = []
        for side, base in zip(sides, (900, 1001), strict=True):
            levels = {base + chance.randrange(100): chance.choice([0, 1, 5, 10**12]) for _ in "123"}
            changed.append([[price, quantity] for price, quantity in levels.items()])
            for price, quantity in levels.items():
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)
        first, sequence = sequence + 1, sequence + chance.randrange(1, 5)
        messages.append(
            {
                "type": "depth_diff",
                "first_sequence": first,
                "last_sequence": sequence,
                "bids": changed[0],
                "asks": changed[1],
                "checksum": checksum(*sides),
            }
        )
    outcomes, bids, asks = run(
        "data/book",
        """(m, text) => {
            const book = new m.Book("X");
            const outcomes = JSON.parse(text).map(message => book.apply(message));
            return [[...new Set(outcomes)], book.bids(1000), book.asks(1000)];
        }""",
        json.dumps(messages),
    )
    assert outcomes == ["ok"]
    assert bids == [[price, sides[0][price]] for price in sorted(sides[0], reverse=True)]
    assert asks == [[price, sides[1][price]] for price in sorted(sides[1])]


def test_the_book_notices_what_does_not_fit(run: Any) -> None:
    outcomes = run(
        "data/book",
        """(m) => {
            const empty = {bids: [], asks: []};
            const diff = (first, last, checksum) => ({type: "depth_diff", ...empty, checksum,
                first_sequence: first, last_sequence: last});
            const snapshot = {type: "depth_snapshot", ...empty, sequence: 10, checksum: 0};
            const book = new m.Book("X");
            return [diff(1, 2, 0), snapshot, diff(9, 10, 0), diff(11, 12, 0), diff(14, 15, 0),
                diff(13, 13, 0), snapshot, diff(11, 11, 7), diff(12, 12, 0),
                {...snapshot, checksum: 1}].map(message => book.apply(message));
        }""",
    )
    assert outcomes == [
        "ignored", "ok", "ignored", "ok", "gap", "ignored", "ok", "checksum", "ignored", "checksum",
    ]  # fmt: skip


def test_every_text_in_both_languages(run: Any) -> None:
    texts: dict[str, dict[str, str]] = run("parts/dictionary", "m => m.DICTIONARY")
    english, chinese = texts["en"], texts["zh-TW"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", chinese[key])), (
            key
        )
        assert text.strip() and chinese[key].strip(), key


def test_every_refusal_has_words(run: Any) -> None:
    words = run("parts/dictionary", "m => Object.keys(m.DICTIONARY.en)")
    # what a page that works as it should is never told: it is in the exchange's own words
    unsaid = {"INVALID_TOKEN", "CROSS_NOT_SUPPORTED", "INVALID_CAPACITY"}
    for reject in Reject:
        if reject.name not in unsaid and 0 < reject < 64:
            assert f"error.{10_000 + reject}" in words, reject.name
    plain = {"INVALID_FIELD", "UNSUPPORTED_MEDIA_TYPE", "METHOD_NOT_ALLOWED", "INVALID_CURSOR",
             "HEADERS_TOO_LARGE", "CHANNEL_UNKNOWN", "NOT_SUBSCRIBED"}  # fmt: skip
    for code in ErrorCode:
        if code.name not in plain:
            assert f"error.{int(code)}" in words, code.name
    for reason in CancelReason:
        if reason is not CancelReason.USER:
            assert f"cancelled.{reason.name.lower()}" in words


def test_texts_named_in_the_page_exist(run: Any, exchange: Any, open_page: OpenPage) -> None:
    keys = set(run("parts/dictionary", "m => Object.keys(m.DICTIONARY.en)"))
    page = open_page(wait=False).page
    named = page.evaluate(
        """() => ['text', 'label', 'hint', 'title'].flatMap(kind =>
            [...document.querySelectorAll(`[data-${kind}]`)].map(e => e.dataset[kind]))"""
    )
    assert set(named) <= keys
