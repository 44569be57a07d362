"""A small blocking order entry client: SoupBinTCP session and OUCH messages.

Who uses it: ``exchange order``, tests and scripts. It answers heartbeats while it waits; a program
that computes for longer than the server's patience calls ``heartbeat`` itself.

    with OrderEntryClient("127.0.0.1", 9100) as client:
        client.login("ALICE", "secret")
        client.enter("token-1", "B", 100, "ACME", 1_250_000)
        for message in client.messages(timeout_s=1.0):
            print(message.sequence, message.name, message.fields)

Prices are the wire's integers, 1/10,000 of the currency unit.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

from exchange.gateway.protocol import ouch, soupbintcp
from exchange.gateway.protocol.soupbintcp import LoginAccepted, LoginRequest

_HEARTBEAT_INTERVAL_S = 1.0
_RECEIVE_BYTES = 262_144


class LoginRefused(Exception):
    """The server rejected the login; ``reason`` is its letter, or the debug text it sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"login refused: {reason}")
        self.reason = reason


class ConnectionEnded(Exception):
    """The server closed the connection; ``debug`` is the text that it sent before, if any."""

    def __init__(self, debug: str) -> None:
        super().__init__(debug or "the server closed the connection")
        self.debug = debug


class Sequenced(NamedTuple):
    """One sequenced message: its number in the session and what it says."""

    sequence: int
    message: ouch.Message
    data: bytes

    @property
    def name(self) -> str:
        return self.message.name

    @property
    def letter(self) -> str:
        return self.message.letter

    @property
    def fields(self) -> dict[str, int | str]:
        return self.message.fields


class OrderEntryClient:
    """One connection. ``next_sequence`` is the number of the next message: log in with it again."""

    def __init__(self, host: str, port: int, *, connect_timeout_s: float = 10.0) -> None:
        self._socket = socket.create_connection((host, port), connect_timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._sent_s = time.monotonic()
        self._debug = ""
        self.session = ""
        self.next_sequence = 0
        self.ended = False  # end of session was received
        self.heartbeats = 0  # received from the server

    def __enter__(self) -> OrderEntryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Of the socket, for select."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close without logout."""
        self._socket.close()

    # --- session --------------------------------------------------------------------------------

    def login(
        self,
        username: str,
        password: str,
        *,
        session: str = "",
        sequence: int = 1,
        timeout_s: float = 10.0,
    ) -> LoginAccepted:
        """Log in. ``sequence``: 1 = from the start, 0 = from the next message, N = resume at N.

        Raises LoginRefused, ConnectionEnded or TimeoutError.
        """
        self.send(soupbintcp.login_request(LoginRequest(username, password, session, sequence)))
        for packet in self._packets(timeout_s):
            if packet.type == soupbintcp.LOGIN_ACCEPTED:
                accepted = soupbintcp.parse_login_accepted(packet.payload)
                self.session, self.next_sequence = accepted
                return accepted
            if packet.type == soupbintcp.LOGIN_REJECTED:
                raise LoginRefused(packet.payload.decode("latin-1"))
        raise TimeoutError("no answer to the login")

    def logout(self) -> None:
        """Ask the server to close; what it still sends may be read until ConnectionEnded."""
        self.send(soupbintcp.packet(soupbintcp.LOGOUT_REQUEST))

    def heartbeat(self) -> None:
        """Tell the server that we are alive."""
        self.send(soupbintcp.packet(soupbintcp.CLIENT_HEARTBEAT))

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self._socket.settimeout(None)
        self._socket.sendall(data)
        self._sent_s = time.monotonic()

    def send_message(self, message: bytes) -> None:
        """Send one OUCH message."""
        self.send(soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, message))

    # --- orders ---------------------------------------------------------------------------------

    def enter(
        self,
        token: str,
        side: str,
        shares: int,
        stock: str,
        price: int,
        *,
        time_in_force: int = 99_999,
        firm: str = "",
        display: str = "Y",
        capacity: str = "A",
        intermarket_sweep: str = "N",
        minimum_quantity: int = 0,
        cross_type: str = "N",
        customer_type: str = " ",
    ) -> None:
        """Enter an order. ``side``: B, S, T, E; ``price``: ouch.PRICE_MARKET for a market order."""
        fields: dict[str, int | str] = {
            "token": token,
            "side": side,
            "shares": shares,
            "stock": stock,
            "price": price,
            "time_in_force": time_in_force,
            "firm": firm,
            "display": display,
            "capacity": capacity,
            "intermarket_sweep": intermarket_sweep,
            "minimum_quantity": minimum_quantity,
            "cross_type": cross_type,
            "customer_type": customer_type,
        }
        self.send_message(ouch.encode("O", fields))

    def replace(
        self,
        token: str,
        replacement_token: str,
        shares: int,
        price: int,
        *,
        time_in_force: int = 99_999,
        display: str = "Y",
        intermarket_sweep: str = "N",
        minimum_quantity: int = 0,
    ) -> None:
        """Replace an order. ``shares``: new total of the whole chain, executions included."""
        fields: dict[str, int | str] = {
            "token": token,
            "replacement_token": replacement_token,
            "shares": shares,
            "price": price,
            "time_in_force": time_in_force,
            "display": display,
            "intermarket_sweep": intermarket_sweep,
            "minimum_quantity": minimum_quantity,
        }
        self.send_message(ouch.encode("U", fields))

    def cancel(self, token: str, shares: int = 0) -> None:
        """Cancel down to ``shares``, the new intended total; 0 cancels the rest."""
        self.send_message(ouch.encode("X", {"token": token, "shares": shares}))

    def modify(self, token: str, side: str, shares: int) -> None:
        """Change side (among sells) or lower the total to ``shares``, keeping priority."""
        self.send_message(ouch.encode("M", {"token": token, "side": side, "shares": shares}))

    # --- messages -------------------------------------------------------------------------------

    def receive(self, timeout_s: float = 10.0) -> Sequenced:
        """The next sequenced message. Raises TimeoutError or ConnectionEnded."""
        for message in self.messages(timeout_s):
            return message
        raise TimeoutError(f"no message within {timeout_s} s")

    def messages(self, timeout_s: float) -> Iterator[Sequenced]:
        """Sequenced messages until none has come for ``timeout_s``.

        Raises ConnectionEnded when the server closes; ``ended`` then says whether the session did.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            for packet in self._packets(max(0.0, deadline_s - time.monotonic())):
                if packet.type != soupbintcp.SEQUENCED_DATA:
                    continue
                number = self.next_sequence
                self.next_sequence += 1
                yield Sequenced(number, ouch.decode(packet.payload), packet.payload)
                deadline_s = time.monotonic() + timeout_s
                break
            else:
                return

    def _packets(self, timeout_s: float) -> Iterator[soupbintcp.Packet]:
        """Packets one at a time, until none has come for ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            packet = next(soupbintcp.split_packets(self._buffer), None)
            if packet is not None:
                if packet.type == soupbintcp.SERVER_HEARTBEAT:
                    self.heartbeats += 1
                elif packet.type == soupbintcp.END_OF_SESSION:
                    self.ended = True
                elif packet.type == soupbintcp.DEBUG:
                    self._debug = packet.payload.decode("latin-1")
                else:
                    yield packet
                    deadline_s = time.monotonic() + timeout_s
                continue
            now_s = time.monotonic()
            if now_s - self._sent_s >= _HEARTBEAT_INTERVAL_S:
                self._heartbeat_if_open()
            if now_s >= deadline_s and timeout_s > 0:
                return
            self._socket.settimeout(min(max(deadline_s - now_s, 0.001), _HEARTBEAT_INTERVAL_S / 2))
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except TimeoutError:
                if time.monotonic() >= deadline_s:
                    return
                continue
            except ConnectionResetError:
                data = b""
            if not data:
                raise ConnectionEnded(self._debug)
            self._buffer += data

    def _heartbeat_if_open(self) -> None:
        try:
            self.heartbeat()
        except OSError:
            # the server has closed: what it sent before is still to be read
            self._sent_s = time.monotonic()
