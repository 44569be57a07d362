"""Frames of messages, against those that the client library makes and reads."""

from __future__ import annotations

import pamqp.frame
import pytest
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from exchange.connect.rabbitmq.frames import (
    PUBLISH_CHANNEL,
    message_frames,
    publish_method,
    short_string,
    windows_of,
)


@pytest.mark.parametrize("body", [b"{}", b'{"symbol":"2330.TW"}', b"x" * 4_000])
def test_frames_are_those_of_the_library(body: bytes) -> None:
    properties = commands.Basic.Properties(
        content_type="application/json", delivery_mode=2, message_id="1234-2"
    )
    frames = (
        commands.Basic.Publish(exchange="exchange.events", routing_key="trade.2330.TW"),
        ContentHeader(body_size=len(body), properties=properties),
        ContentBody(body),
    )
    expected = b"".join(pamqp.frame.marshal(frame, PUBLISH_CHANNEL) for frame in frames)
    method = publish_method("exchange.events", "trade.2330.TW")
    assert message_frames(method, b"1234-2", body) == expected


def test_windows_have_every_message_in_order() -> None:
    messages = [b"%d," % i for i in range(7)]
    windows = windows_of(messages, 3)
    assert [window.messages for window in windows] == [3, 3, 1]
    assert b"".join(window.frames for window in windows) == b"0,1,2,3,4,5,6,"
    assert windows_of([], 3) == []


def test_a_text_that_has_no_room_is_a_bug() -> None:
    assert short_string(b"a" * 255)[0] == 255
    with pytest.raises(AssertionError):
        short_string(b"a" * 256)
