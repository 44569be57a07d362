"""One SoupBinTCP connection at full speed: sends a load and collects every answer.

Sending and receiving go on side by side, because the exchange cuts off a client that does not read.
One connection keeps the order of the messages.
"""

from __future__ import annotations

import select
import socket
import time
from typing import NamedTuple

import numpy as np

CHUNK_BYTES = 1 << 16
SILENCE_DEADLINE_S = 120.0  # no answer for so long: something is lost
_HEARTBEAT = b"\x00\x01R"


class Answers(NamedTuple):
    """The sequenced messages that came back, without their headers, and how long it took."""

    messages: list[bytes]
    seconds: float


class TransportError(Exception):
    """The exchange refused, closed the connection, or left messages unanswered."""


class Connection:
    """A logged-in session. Raises TransportError."""

    def __init__(self, host: str, port: int, username: str, password: str) -> None:
        try:
            self._socket = socket.create_connection((host, port), 60.0)
        except OSError as error:
            raise TransportError(f"cannot connect to {host}:{port}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        login = b"L" + username.encode().ljust(6) + password.encode().ljust(10)
        login += b" " * 10 + b"0".rjust(20)  # the current session, from the next message on
        self._socket.sendall(len(login).to_bytes(2, "big") + login)
        for packet in self._wait_packets(10.0):
            if packet[:1] == b"A":
                break
            if packet[:1] == b"J":
                self.close()
                raise TransportError(f"login of {username} refused: {packet[1:].decode()!r}")
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def run(self, data: np.ndarray, answers: int) -> Answers:
        """Send ``data`` (uint8) and wait until ``answers`` sequenced messages have come back."""
        messages: list[bytes] = []
        view = memoryview(data).cast("B")
        sent, size = 0, len(view)
        start_s = heard_s = spoke_s = time.monotonic()
        while sent < size or len(messages) < answers:
            writers = [self._socket] if sent < size else []
            readable, writable, _ = select.select([self._socket], writers, [], 0.5)
            if readable:
                before = len(messages)
                messages += [p[1:] for p in self._receive() if p[:1] == b"S"]
                if len(messages) > before:  # heartbeats alone are silence too
                    heard_s = time.monotonic()
            if writable:
                try:
                    sent += self._socket.send(view[sent : sent + CHUNK_BYTES])
                except BlockingIOError:
                    pass
                except OSError as error:
                    raise TransportError(f"sending failed: {error}") from error
                spoke_s = time.monotonic()
            now_s = time.monotonic()
            if sent == size and now_s - spoke_s > 1.0:
                self._socket.send(_HEARTBEAT)
                spoke_s = now_s
            if now_s - heard_s > SILENCE_DEADLINE_S:
                raise TransportError(
                    f"{len(messages)} of {answers} answers after {sent} of {size} bytes,"
                    f" then silence for {SILENCE_DEADLINE_S:.0f} s"
                )
        return Answers(messages, time.monotonic() - start_s)

    def _receive(self) -> list[bytes]:
        try:
            data = self._socket.recv(1 << 20)
        except BlockingIOError:
            return []
        except OSError as error:
            raise TransportError(f"receiving failed: {error}") from error
        if not data:
            raise TransportError("the exchange closed the connection")
        self._buffer += data
        return self._take_packets()

    def _take_packets(self) -> list[bytes]:
        """Complete packets (type and payload) of the buffer."""
        packets, at, buffer = [], 0, bytes(self._buffer)
        while at + 2 <= len(buffer):
            end = at + 2 + int.from_bytes(buffer[at : at + 2], "big")
            if end > len(buffer):
                break
            packet = buffer[at + 2 : end]
            if packet[:1] == b"+":
                raise TransportError(f"the exchange says: {packet[1:].decode(errors='replace')}")
            if packet[:1] == b"Z":
                raise TransportError("the exchange ended the session")
            packets.append(packet)
            at = end
        del self._buffer[:at]
        return packets

    def _wait_packets(self, timeout_s: float) -> list[bytes]:
        self._socket.settimeout(timeout_s)
        while True:
            packets = self._receive()
            if packets:
                return packets
