"""What can be wrong with a connection, in words; the thread of the event loop."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

import pytest
from aiormq import exceptions as amqp

from exchange.connect.rabbitmq.broker import (
    BrokerParameters,
    LoopThread,
    close_connection,
    connect,
    errors_of,
)
from exchange.connect.sink import SinkAway, SinkRefused

BROKER = BrokerParameters("amqps://bob@broker.example/")


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (amqp.ProbableAuthenticationError("ACCESS_REFUSED"), SinkRefused, "refuses user 'bob'"),
        (ssl.SSLCertVerificationError("x"), SinkRefused, "certificate of broker.example:5671"),
        (ssl.SSLError("x"), SinkRefused, "no common TLS"),
        (amqp.ConnectionNotAllowed("no vhost"), SinkRefused, "virtual host"),
        (
            amqp.AMQPError("Expected one of ['Connection.OpenOk'], got x"),
            SinkRefused,
            "virtual host",
        ),
        (
            amqp.AMQPConnectionError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] x"),
            SinkRefused,
            "certificate",
        ),
        (amqp.ChannelAccessRefused("configure"), SinkRefused, "may not do this: configure"),
        (amqp.ChannelPreconditionFailed("inequivalent"), SinkRefused, "inequivalent"),
        (amqp.ConnectionClosed(320, "shutdown"), SinkAway, "shutdown"),
        (ConnectionRefusedError("no"), SinkAway, "broker.example:5671: no"),
        (TimeoutError(), SinkAway, "no answer"),
        (asyncio.CancelledError(), SinkAway, "the connection has ended"),
        (RuntimeError("<Connection> closed"), SinkAway, "closed"),
        (Exception(), SinkAway, "the connection has ended"),
    ],
)
def test_errors_in_words(error: BaseException, kind: type[Exception], said: str) -> None:
    async def fail() -> None:
        with errors_of(BROKER):
            raise error

    with pytest.raises(kind, match=said):
        asyncio.run(fail())


@pytest.mark.parametrize("bug", [RuntimeError("a bug"), ValueError("a bug"), AssertionError()])
def test_a_bug_stays_a_bug(bug: Exception) -> None:
    with pytest.raises(type(bug)), errors_of(BROKER):
        raise bug


def test_files_that_are_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    for broker, said in (
        (BROKER._replace(password_file=missing), "password_file"),
        (BROKER._replace(ca_file=missing), "the files for TLS"),
        (BROKER._replace(certificate_file=missing), "the files for TLS"),
    ):
        with pytest.raises(SinkRefused, match=said):
            asyncio.run(connect(broker))


def test_nobody_listens() -> None:
    with pytest.raises(SinkAway, match=r"127\.0\.0\.1:1"):
        asyncio.run(connect(BrokerParameters("amqp://guest@127.0.0.1:1/")))
    asyncio.run(close_connection(None))


def test_the_loop_runs_in_its_own_thread() -> None:
    async def name() -> str:
        return threading.current_thread().name

    thread = LoopThread("loop")
    assert thread.call(name()) == "loop"
    thread.end()
