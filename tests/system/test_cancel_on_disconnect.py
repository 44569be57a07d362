"""Cancel on disconnect through the whole exchange: broken, reset, killed, stopped, crashed.

Session S1 has it, S2 has not: whatever happens to both, the orders of S1 are gone afterwards and
those of S2 rest. The exchange is the judge only of what a client can see: its stream, its answers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
from typing import Any

import pytest
from exchange_process import PASSWORD, RunningExchange, wait_until
from patient_client import PatientClient

from exchange.client.order_entry import ConnectionEnded, LoginRefused, Sequenced
from exchange.errors import ExitStatus
from exchange.settings import ROOT

pytestmark = pytest.mark.needs_jit

PRICE = 1_000_000
LIMIT_S = 180.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close() resets the connection


class Trader:
    """One user; every connection goes on where the last one ended."""

    def __init__(self, exchange: RunningExchange, user: str) -> None:
        self._exchange = exchange
        self._user = user
        self.messages: list[Sequenced] = []
        self.client: PatientClient | None = None

    def connect(self) -> None:
        """Log in, again and again while the old connection is not known to be dead."""
        if self.client is not None:
            self.client.close()

        def logged_in() -> bool:
            with contextlib.suppress(LoginRefused, ConnectionEnded, OSError):
                self.client = PatientClient("127.0.0.1", self._exchange.port)
                self.client.login(self._user, PASSWORD, sequence=len(self.messages) + 1)
                return True
            return False

        wait_until(logged_in, LIMIT_S, f"a login of {self._user}")

    def receive(self) -> Sequenced:
        assert self.client is not None
        self.messages.append(self.client.receive(LIMIT_S))
        assert self.messages[-1].sequence == len(self.messages)
        return self.messages[-1]

    def wait_for(self, letter: str, token: str) -> Sequenced:
        """Receive until the message comes; nothing else about that token may come before."""
        while True:
            message = self.receive()
            if message.fields.get("token") == token:
                assert message.letter == letter, message
                return message

    def enter(self, token: str) -> None:
        assert self.client is not None
        self.client.enter(token, "B", 10, "AAPL", PRICE)
        self.wait_for("A", token)

    def is_live(self, token: str) -> None:
        """The order rests: its cancel is answered."""
        assert self.client is not None
        self.client.cancel(token)
        assert self.wait_for("C", token).fields["reason"] == "U"

    def was_disconnected(self, token: str) -> None:
        """The next that is told about the order is that it was cancelled by the system."""
        assert self.wait_for("C", token).fields["reason"] == "Z"


def kill_gateway(exchange: RunningExchange) -> None:
    old = exchange.pid("order_entry")
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: exchange.pid("order_entry") != old, LIMIT_S, "a new gateway")
    exchange.wait_ready()


# long: one story, told in its order; each part begins where the one before ended
def test_orders_do_not_outlive_their_connection(make_exchange: Any) -> None:
    exchange: RunningExchange = make_exchange(
        session_keys={1: {"cancel_on_disconnect": True}}
    ).start()
    with_it, without = Trader(exchange, "S1"), Trader(exchange, "S2")
    with_it.connect()
    without.connect()
    try:
        # the client closes
        with_it.enter("end")
        without.enter("end")
        with_it.connect()
        without.connect()
        with_it.was_disconnected("end")
        without.is_live("end")
        # reset, and a new order at once: only the old one goes
        with_it.enter("reset")
        assert with_it.client is not None
        with_it.client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with_it.connect()
        with_it.client.enter("new", "B", 10, "AAPL", PRICE)
        with_it.was_disconnected("reset")
        with_it.wait_for("A", "new")
        with_it.is_live("new")
        # kill -9 of the gateway
        with_it.enter("killed")
        without.enter("killed")
        kill_gateway(exchange)
        with_it.connect()
        without.connect()
        with_it.was_disconnected("killed")
        without.is_live("killed")
        # a halt does not keep them
        with_it.enter("halted")
        exchange.admin("halt", "--instrument", "AAPL")
        with_it.connect()
        with_it.was_disconnected("halted")
        exchange.admin("resume", "--instrument", "AAPL")
        # the operator turns it off, and on again
        exchange.admin("limits", "set", "--session", "S1", "cancel-on-disconnect", "off")
        with_it.enter("kept")
        with_it.connect()
        with_it.is_live("kept")
        exchange.admin("limits", "set", "--session", "S1", "cancel-on-disconnect", "on")
        # a graceful stop: told before the end of the session
        with_it.enter("stopped")
        without.enter("stopped")
        assert exchange.stop() == ExitStatus.OK
        with_it.was_disconnected("stopped")
        with pytest.raises(ConnectionEnded):
            with_it.receive()
        assert with_it.client is not None and with_it.client.ended
        exchange.start()
        with_it.connect()
        without.connect()
        without.is_live("stopped")
        # kill -9 of everything
        with_it.enter("crashed")
        without.enter("crashed")
        exchange.kill()
        exchange.start()
        with_it.connect()
        without.connect()
        with_it.was_disconnected("crashed")
        without.is_live("crashed")
    finally:
        for trader in (with_it, without):
            if trader.client is not None:
                trader.client.close()
    assert exchange.stop() == ExitStatus.OK
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "replay.cli",
            "verify",
            "--data-dir",
            str(exchange.data_directory),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
