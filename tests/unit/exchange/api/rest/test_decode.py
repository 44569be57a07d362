"""Strict decoding: what is wrong is named, what is allowed is said, nothing costs much."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.terms import NewOrder, OrderBatch
from exchange.api.rest.cursor import make_cursor, read_cursor
from exchange.api.rest.decode import decode_body, decode_query
from exchange.api.rest.schemas import KlinesQuery, OrdersQuery

GOOD = b'{"symbol":"AAPL","side":"buy","quantity":1,"price":2}'


def refused(body: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        decode_body(body, NewOrder)
    return caught.value


def test_a_good_body():
    order = decode_body(GOOD, NewOrder)
    assert (order.symbol, order.quantity, order.type, order.time_in_force) == (
        "AAPL",
        1,
        "limit",
        "day",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        GOOD + b"x",
        b"nul",
        b'{"quantity":NaN}',
        b'{"quantity":Infinity}',
        b'{"symbol":"\xff"}',
        b'{"symbol":"\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"symbol":"a',
        b"\x00" * 100,
    ],
)
def test_what_is_no_json(body: bytes):
    error = refused(body)
    assert (error.code, error.status) == (ErrorCode.MALFORMED_JSON, 400)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"[]", "body", "object"),
        (b"5", "body", "object"),
        (b"[" * 60_000, "body", "object"),
        (b'{"symbol":' + b"[" * 60_000, "symbol", "1 to 8"),
        (b'{"x":' + b"{" * 60_000, "x", "symbol"),
        (b"{}", "symbol", "missing"),
        (GOOD.replace(b'"buy"', b'"long"'), "side", "sell_short_exempt"),
        (GOOD.replace(b'"buy"', b"1"), "side", "buy"),
        (GOOD.replace(b":1,", b":1.0,"), "quantity", "an integer from 1 to 1099511627776"),
        (GOOD.replace(b":1,", b":1e2,"), "quantity", "float"),
        (GOOD.replace(b":1,", b':"1",'), "quantity", "str"),
        (GOOD.replace(b":1,", b":true,"), "quantity", "bool"),
        (GOOD.replace(b":1,", b":0,"), "quantity", "from 1"),
        (GOOD.replace(b":1,", b":-5,"), "quantity", "from 1"),
        (GOOD.replace(b":1,", b":" + b"9" * 4_000 + b","), "quantity", "1099511627776"),
        (GOOD.replace(b'"price"', b'"prise"'), "prise", "allowed are symbol, side"),
        (GOOD.replace(b'"price":2', b'"quantity":2'), "quantity", "more than once"),
        (GOOD.replace(b"AAPL", b"AAPL56789"), "symbol", "1 to 8"),
        (GOOD.replace(b"price", b"\\u0000"), "\\x00", "unknown"),
        (GOOD.replace(b"price", b"p" * 5_000), "p" * 64 + "…", "unknown"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, field: str, words: str):
    error = refused(body)
    assert (error.code, error.status) == (ErrorCode.INVALID_FIELD, 400)
    assert error.data == {"field": field}
    assert error.message.startswith(f"{field}: ")
    assert words in error.message
    assert len(error.message) < 400


BATCH = b'{"orders":[' + GOOD + b"," + GOOD + b"]}"


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"{}", "orders", "a list of 1 to 20"),
        (b'{"orders":[]}', "orders", "a list of 1 to 20"),
        (b'{"orders":5}', "orders", "a list of 1 to 20"),
        (b'{"orders":[5]}', "orders[0]", "object"),
        (b'{"orders":' + b"[" * 60_000, "orders[0]", "object"),
        (BATCH.replace(b'"price":2}]', b'"prise":2}]'), "orders[1].prise", "allowed are symbol"),
        (BATCH.replace(b'"price":2}]', b'"price":0}]'), "orders[1].price", "an integer from 1"),
        (BATCH.replace(b'"symbol":"AAPL",', b"", 1), "orders[0].symbol", "missing; allowed: text"),
        (BATCH.replace(b'"price":2}]', b'"side":"sell"}]'), "side", "more than once"),
    ],
)
def test_what_is_wrong_in_a_list_is_named(body: bytes, field: str, words: str):
    with pytest.raises(ApiError) as caught:
        decode_body(body, OrderBatch)
    assert (caught.value.code, caught.value.status) == (ErrorCode.INVALID_FIELD, 400)
    assert caught.value.data == {"field": field}
    assert words in caught.value.message
    assert len(decode_body(BATCH, OrderBatch)) == 2


@given(st.binary(max_size=200))
def test_any_bytes_are_an_order_or_an_error(body: bytes):
    try:
        decode_body(body, NewOrder)
    except ApiError as error:
        assert error.status == 400


_TEXTS = st.sampled_from(["", "AAPL", "buy", "limit", "stop", "gtt", "ioc", "\x00", "é" * 9])


@given(
    st.dictionaries(
        st.sampled_from(NewOrder.__struct_fields__),
        _TEXTS | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False),
    )
)
def test_any_values_are_an_order_or_an_error(values: dict[str, object]):
    try:
        decode_body(json.dumps(values).encode(), NewOrder)
    except ApiError as error:
        assert error.status == 400


def test_query_strings():
    found = decode_query([("limit", "5"), ("symbol", "AAPL")], OrdersQuery)
    assert (found.limit, found.symbol, found.status) == (5, "AAPL", None)
    assert decode_query([("from", "1000")], KlinesQuery).from_ms == 1000
    for pairs, field in (
        ([("limit", "0")], "limit"),
        ([("limit", "x")], "limit"),
        ([("limit", "1"), ("limit", "2")], "limit"),
        ([("limits", "1")], "limits"),
        ([("symbol", "")], "symbol"),
    ):
        with pytest.raises(ApiError) as caught:
            decode_query(pairs, OrdersQuery)
        assert caught.value.data == {"field": field}


@given(st.integers(0, (1 << 63) - 1), st.text(max_size=20))
def test_cursors_come_back_and_only_to_their_list(position: int, of: str):
    cursor = make_cursor(position, of)
    assert len(cursor) <= 64
    assert read_cursor(cursor, of) == position
    with pytest.raises(ApiError):
        read_cursor(cursor, of + " ")


@pytest.mark.parametrize("bad", ["", "a", "ä", "AAAA", "A" * 16, "A" * 10_000])
def test_cursors_that_are_none(bad: str):
    with pytest.raises(ApiError) as caught:
        read_cursor(bad, "list")
    assert caught.value.code == ErrorCode.INVALID_CURSOR
