"""SoupBinTCP and OUCH encodings against the field tables of the protocol, byte by byte."""

from __future__ import annotations

import re
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from exchange.codes import CancelReason, Reject, Side, TradeReason
from exchange.gateway.protocol import ouch, soupbintcp

PROTOCOL = Path(__file__).resolve().parents[5] / "docs" / "protocol.md"
# Written from the protocol's tables, not from ouch.py: name, offset, length, kind.
TOKEN_IN = ("token", 1, 14, "a")
INBOUND_TABLE = {
    ("O", 49): [
        TOKEN_IN, ("side", 15, 1, "a"), ("shares", 16, 4, "n"), ("stock", 20, 8, "a"),
        ("price", 28, 4, "n"), ("time_in_force", 32, 4, "n"), ("firm", 36, 4, "a"),
        ("display", 40, 1, "a"), ("capacity", 41, 1, "a"), ("intermarket_sweep", 42, 1, "a"),
        ("minimum_quantity", 43, 4, "n"), ("cross_type", 47, 1, "a"),
        ("customer_type", 48, 1, "a"),
    ],
    ("U", 47): [
        TOKEN_IN, ("replacement_token", 15, 14, "a"), ("shares", 29, 4, "n"),
        ("price", 33, 4, "n"), ("time_in_force", 37, 4, "n"), ("display", 41, 1, "a"),
        ("intermarket_sweep", 42, 1, "a"), ("minimum_quantity", 43, 4, "n"),
    ],
    ("X", 19): [TOKEN_IN, ("shares", 15, 4, "n")],
    ("M", 20): [TOKEN_IN, ("side", 15, 1, "a"), ("shares", 16, 4, "n")],
}  # fmt: skip
STAMP = ("timestamp", 1, 8, "n")
TOKEN = ("token", 9, 14, "a")
DETAILS = [
    STAMP, TOKEN, ("side", 23, 1, "a"), ("shares", 24, 4, "n"), ("stock", 28, 8, "a"),
    ("price", 36, 4, "n"), ("time_in_force", 40, 4, "n"), ("firm", 44, 4, "a"),
    ("display", 48, 1, "a"), ("order_reference", 49, 8, "n"), ("capacity", 57, 1, "a"),
    ("intermarket_sweep", 58, 1, "a"), ("minimum_quantity", 59, 4, "n"),
    ("cross_type", 63, 1, "a"), ("state", 64, 1, "a"),
]  # fmt: skip
OUTBOUND_TABLE = {
    ("S", 10): [STAMP, ("event", 9, 1, "a")],
    ("A", 66): [*DETAILS, ("bbo_weight", 65, 1, "a")],
    ("U", 80): [*DETAILS, ("previous_token", 65, 14, "a"), ("bbo_weight", 79, 1, "a")],
    ("C", 28): [STAMP, TOKEN, ("decrement", 23, 4, "n"), ("reason", 27, 1, "a")],
    ("D", 37): [
        STAMP, TOKEN, ("decrement", 23, 4, "n"), ("reason", 27, 1, "a"),
        ("prevented", 28, 4, "n"), ("price", 32, 4, "n"), ("liquidity", 36, 1, "a"),
    ],
    ("E", 40): [
        STAMP, TOKEN, ("shares", 23, 4, "n"), ("price", 27, 4, "n"), ("liquidity", 31, 1, "a"),
        ("match_number", 32, 8, "n"),
    ],
    ("J", 24): [STAMP, TOKEN, ("reason", 23, 1, "a")],
    ("I", 23): [STAMP, TOKEN],
    ("M", 28): [STAMP, TOKEN, ("side", 23, 1, "a"), ("shares", 24, 4, "n")],
}  # fmt: skip
ALL = [(True, key) for key in INBOUND_TABLE] + [(False, key) for key in OUTBOUND_TABLE]


def fields_of(inbound: bool, key: tuple[str, int]) -> st.SearchStrategy[dict[str, int | str]]:
    table = (INBOUND_TABLE if inbound else OUTBOUND_TABLE)[key]
    text = st.characters(min_codepoint=33, max_codepoint=126)
    return st.fixed_dictionaries(
        {
            name: st.integers(0, (1 << (8 * length)) - 1)
            if kind == "n"
            else st.text(text, min_size=length if length == 1 else 0, max_size=length)
            for name, _, length, kind in table
        }
    )


@pytest.mark.parametrize(("inbound", "key"), ALL)
def test_every_field_lies_where_the_table_says(inbound: bool, key: tuple[str, int]) -> None:
    table = (INBOUND_TABLE if inbound else OUTBOUND_TABLE)[key]

    @given(fields_of(inbound, key))
    def check(fields: dict[str, int | str]) -> None:
        data = ouch.encode(key[0], fields, inbound=inbound)
        assert len(data) == key[1]
        assert data[:1] == key[0].encode()
        expected = bytearray(key[0].encode().ljust(key[1], b"?"))
        for name, offset, length, kind in table:
            value = fields[name]
            expected[offset : offset + length] = (
                int(value).to_bytes(length, "big")
                if kind == "n"
                else str(value).encode().ljust(length)
            )
        assert data == bytes(expected)
        assert ouch.decode(data, inbound=inbound).fields == fields

    check()


@pytest.mark.parametrize(("inbound", "key"), ALL)
def test_framed_dtype_has_the_header_in_front(inbound: bool, key: tuple[str, int]) -> None:
    dtype = ouch.INBOUND_FRAMED[key] if inbound else ouch.framed(ouch.OUTBOUND[key])
    assert dtype.itemsize == key[1] + 3
    record = np.zeros(1, dtype)
    record["length"] = key[1] + 1
    record["packet"] = b"U" if inbound else b"S"
    record["type"] = key[0].encode()
    assert record.tobytes()[:4] == bytes([0, key[1] + 1]) + (b"U" if inbound else b"S") + (
        key[0].encode()
    )


def test_encode_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="longer"):
        ouch.encode("X", {"token": "x" * 15})
    with pytest.raises(ValueError, match="does not fit"):
        ouch.encode("X", {"shares": 1 << 32})
    with pytest.raises(ValueError, match="no field"):
        ouch.encode("X", {"price": 1})
    with pytest.raises(ValueError, match="no OUCH message"):
        ouch.decode(b"Z" * 10)


def test_letters() -> None:
    assert [chr(ouch.SIDE_LETTER[side]) for side in Side] == ["B", "S", "T", "E"]
    assert [ouch.SIDE_OF_LETTER[ord(letter)] for letter in "BSTE"] == [0, 1, 2, 3]
    assert sum(ouch.SIDE_OF_LETTER != ouch.SIDE_INVALID) == 4
    reasons = "".join(chr(ouch.CANCEL_REASON_LETTER[reason]) for reason in CancelReason)
    assert reasons == "UITSDQZ"
    letters = {
        "UNKNOWN_INSTRUMENT": "S", "INVALID_PRICE": "X", "PRICE_OUT_OF_RANGE": "X",
        "POST_ONLY_WOULD_TRADE": "X", "INVALID_QUANTITY": "O", "QUANTITY_TOO_LARGE": "Z",
        "INVALID_MINIMUM_QUANTITY": "N", "INVALID_DISPLAY": "D", "MARKET_CLOSED": "C",
        "INSTRUMENT_HALTED": "H", "CROSS_NOT_SUPPORTED": "R", "INVALID_CAPACITY": "R",
        "UNKNOWN_ACCOUNT": "L", "ACCOUNT_BLOCKED": "a", "KILL_SWITCH": "a", "RATE_LIMITED": "M",
        "CANCEL_ONLY": "H", "INVALID_STOP_PRICE": "X", "INVALID_DISPLAY_QUANTITY": "D",
        "SHORT_SALE_NOT_ALLOWED": "i", "PRICE_BAND": "X", "DAILY_ORDER_LIMIT": "m",
        "OPEN_ORDER_LIMIT": "m", "POSITION_LIMIT": "m", "INSUFFICIENT_FUNDS": "n",
        "INSUFFICIENT_POSITION": "b", "NOT_IN_AUCTION": "R",
    }  # fmt: skip
    for reject in Reject:
        assert chr(ouch.REJECT_LETTER[reject]) == letters.get(reject.name, "O"), reject
    for reason, expected in zip(TradeReason, ("AR", "OO", "CC"), strict=True):
        both = (ouch.MAKER_LIQUIDITY[reason], ouch.AGGRESSOR_LIQUIDITY[reason])
        assert bytes(both).decode() == expected


def test_the_document_has_every_reject_with_its_number_and_letter() -> None:
    rows = re.findall(
        r"^\| (\d+) \| ([A-Z_]+)[^|]*\| `(.)`[^|]*\|$", PROTOCOL.read_text(), re.MULTILINE
    )
    orders = [reject for reject in Reject if 0 < reject < Reject.INSTRUMENT_EXISTS]
    expected = [(str(int(r)), r.name, chr(ouch.REJECT_LETTER[r])) for r in orders]
    assert rows == expected


def test_the_document_has_every_message_with_its_length() -> None:
    text = PROTOCOL.read_text()
    for heading, layouts in (
        ("## OUCH messages to the exchange", INBOUND_TABLE),
        ("## OUCH messages from the exchange", OUTBOUND_TABLE),
    ):
        part = text.partition(heading)[2].partition("\n## ")[0]
        rows = re.findall(r"^\| `(.)` [^|]+\| (\d+)", part, re.MULTILINE)
        assert sorted(rows) == sorted((letter, str(size)) for letter, size in layouts)


LOGIN = soupbintcp.LoginRequest("ALICE", "secret", "", 1)


def test_login_request_bytes() -> None:
    data = soupbintcp.login_request(LOGIN)
    assert data == b"\0\x2fLALICE secret    " + b" " * 10 + b" " * 19 + b"1"
    left = b"\0\x2fLALICE secret    " + b" " * 10 + b"1" + b" " * 19
    assert soupbintcp.parse_login_request(data) == LOGIN
    assert soupbintcp.parse_login_request(left) == LOGIN  # other clients pad on the right


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=6),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=10),
    st.text("0123456789", max_size=10),
    st.integers(0, 10**20 - 1),
)
def test_login_round_trip(username: str, password: str, session: str, sequence: int) -> None:
    request = soupbintcp.LoginRequest(username, password, session, sequence)
    assert soupbintcp.parse_login_request(soupbintcp.login_request(request)) == request


@pytest.mark.parametrize(
    "sequence", [b" " * 20, b"-1".rjust(20), b"1x".rjust(20), b"1 2".rjust(20)]
)
def test_login_with_a_bad_sequence(sequence: bytes) -> None:
    data = soupbintcp.login_request(LOGIN)[:-20] + sequence
    with pytest.raises(soupbintcp.MalformedPacket):
        soupbintcp.parse_login_request(data)


def test_login_accepted_bytes() -> None:
    accepted = soupbintcp.LoginAccepted("6010500001", 42)
    data = soupbintcp.login_accepted(accepted)
    assert data == b"\0\x1fA6010500001" + b"42".rjust(20)
    assert soupbintcp.parse_login_accepted(data[3:]) == accepted


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=80))), st.integers(1, 40))
def test_packets_split_anywhere(packets: list[tuple[int, bytes]], step: int) -> None:
    stream = b"".join(soupbintcp.packet(kind, payload) for kind, payload in packets)
    buffer = bytearray()
    found = []
    for start in range(0, len(stream), step):
        buffer += stream[start : start + step]
        found += list(soupbintcp.split_packets(buffer))
    assert found == packets
    assert not buffer


def test_session_names() -> None:
    assert soupbintcp.session_name(20260105, 1) == "6010500001"
    assert soupbintcp.session_name(20261231, 65535) == "6123165535"
