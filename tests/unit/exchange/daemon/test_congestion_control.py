"""The listener's congestion control: inherited by connections; an unknown one is only a warning."""

from __future__ import annotations

import logging
import socket

import pytest

from exchange.daemon.listeners import bind, choose_congestion_control


def test_accepted_connections_inherit_it() -> None:
    with bind("127.0.0.1", 0) as listener:
        listener.listen(1)
        listener.setblocking(True)
        choose_congestion_control(listener, "reno")
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                name = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    assert name.rstrip(b"\0") == b"reno"


def test_an_unknown_one_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with bind("127.0.0.1", 0) as listener, caplog.at_level(logging.WARNING):
        choose_congestion_control(listener, "no-such-one")
    assert "congestion control" in caplog.text


def test_empty_leaves_the_systems(caplog: pytest.LogCaptureFixture) -> None:
    with bind("127.0.0.1", 0) as listener, caplog.at_level(logging.WARNING):
        before = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        choose_congestion_control(listener, "")
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16) == before
    assert not caplog.text
