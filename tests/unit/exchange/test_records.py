"""The named fields of the records, against what numpy reads through the dtypes."""

from __future__ import annotations

import numpy as np
import pytest

from exchange import records
from exchange.records import (
    ADMIN_CONTINUATION,
    COMMAND,
    EVENT,
    INSTRUMENT_CONTINUATION,
    ORDER_CONTINUATION,
    Field,
    field,
    part,
    record_struct,
    text_word,
    token_text,
    whole,
    word_text,
)

LAYOUTS = {
    "COMMAND": COMMAND,
    "EVENT": EVENT,
    "CONTINUATION": ORDER_CONTINUATION,
    "ADMIN": ADMIN_CONTINUATION,
    "SPECIFICATION": INSTRUMENT_CONTINUATION,
}


@pytest.mark.parametrize("prefix", LAYOUTS)
def test_every_named_field_reads_what_numpy_reads(prefix: str) -> None:
    layout = LAYOUTS[prefix]
    random = np.random.default_rng(5)
    octets = random.integers(0, 256, layout.itemsize, np.uint8)
    record = octets.view(layout)[0]
    words = octets.view(np.int64)
    names = [name for name in layout.names or () if hasattr(records, f"{prefix}_{name.upper()}")]
    assert len(names) >= 5
    for name in names:
        where = getattr(records, f"{prefix}_{name.upper()}")
        bits = record.dtype.fields[name][0].itemsize * 8
        assert where == field(layout, name)
        assert where.of(words) & ((1 << bits) - 1) == int(record[name]) & ((1 << bits) - 1), name
        assert octets[where.offset] == int(record[name]) & 0xFF, name


def test_every_field_of_both_records_has_a_name() -> None:
    for prefix, layout in (("COMMAND", COMMAND), ("EVENT", EVENT)):
        for name in layout.names or ():
            assert isinstance(getattr(records, f"{prefix}_{name.upper()}"), Field), name


def test_a_column_is_the_field_of_every_row() -> None:
    rows = np.array([[1, 0x0203_0000_0004], [5, 0x0607_0000_0008]])
    assert part(1, 32, 8).column(rows).tolist() == [3, 7]
    assert whole(0).column(rows).tolist() == [1, 5]
    assert part(1, 0, 32).of([0, -1]) == 0xFFFFFFFF


def test_a_field_lies_within_one_word() -> None:
    with pytest.raises(AssertionError):
        part(0, 40, 32)


def test_a_struct_has_the_fields_where_the_record_has_them() -> None:
    packer = record_struct(EVENT, "command_sequence", "token", "session", "kind", "remaining")
    record = np.zeros(1, EVENT)
    record["command_sequence"], record["session"], record["kind"] = 7, 8, 9
    record["remaining"], record["token_0"], record["token_2"] = -1, 0x41, 0x4242
    token = b"A" + bytes(11) + b"BB"
    assert packer.unpack(record.tobytes()) == (7, token, 8, 9, -1)
    assert packer.pack(7, token, 8, 9, -1) == record.tobytes()
    assert record_struct(COMMAND, "flags").format == "<61xB2x"


def test_text_in_words_has_no_padding_and_no_surprise() -> None:
    assert word_text(text_word("AAPL")) == "AAPL"
    assert word_text(int.from_bytes(b"0123", "little"), 0x3534, sizes=(4, 2)) == "012345"
    assert word_text(0) == ""
    assert word_text(int.from_bytes(b"AB\0\0CDEF", "little"), sizes=(4,)) == "AB"
    assert word_text(-1, sizes=(2,)) == r"\xff\xff"
    event = np.zeros(1, EVENT)[0]
    for number, octets in enumerate((b"order-12", b"3456", b"7 ")):
        event[f"contra_token_{number}"] = int.from_bytes(octets, "little")
    assert token_text(event, "contra_token") == "order-1234567"
    assert token_text(event) == ""
