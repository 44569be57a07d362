"""Commands as they go over the wire."""

from __future__ import annotations

from exchange.connect.redis.commands import CHUNK_COMMANDS, Commands, commands_of
from exchange.connect.redis.content import Item, Kind


def test_a_command_is_an_array_of_its_words() -> None:
    commands = Commands()
    commands.add("ZADD", "x:bids:A", 5, b"5")
    commands.add_list(["GET", "x"])
    assert commands.packed == [
        b"*4\r\n$4\r\nZADD\r\n$8\r\nx:bids:A\r\n$1\r\n5\r\n$1\r\n5\r\n",
        b"*2\r\n$3\r\nGET\r\n$1\r\nx\r\n",
    ]


def test_every_kind_of_item_and_pieces_of_bounded_size() -> None:
    count = 2 * CHUNK_COMMANDS
    items = [
        Item("h", Kind.HASH, {"a": "1", "b": "2"}),
        Item("z", Kind.SCORES, {"5": 5}),
        Item("s", Kind.SET, {"m": None}),
        Item("t", Kind.STREAM, {"7-0": (("price", "1"),)}),
        *(Item(f"k{number}", Kind.SET, {"m": None}) for number in range(count)),
    ]
    pieces = list(commands_of(items))
    assert [len(piece) for piece in pieces] == [CHUNK_COMMANDS, CHUNK_COMMANDS, 4]
    words = [packed.split(b"\r\n")[2::2] for packed in pieces[0].packed[:4]]
    assert words == [
        [b"HSET", b"h", b"a", b"1", b"b", b"2"],
        [b"ZADD", b"z", b"5", b"5"],
        [b"SADD", b"s", b"m"],
        [b"XADD", b"t", b"7-0", b"price", b"1"],
    ]
