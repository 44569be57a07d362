"""The operator's door: a Unix socket in the data directory, one JSON request and answer a line.

Who serves: the daemon's event loop. Who asks: ``exchange stop`` and the other commands, run by the
owner of the data directory (mode 0600). Neither side ever blocks the daemon: a client that sends no
whole line within ``MAXIMUM_REQUEST_BYTES`` is closed.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from exchange.errors import DataDirectoryUnavailable, NotRunning

FILE = "control.sock"
MAXIMUM_REQUEST_BYTES = 4096
ANSWER_TIMEOUT_S = 30.0


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """command: "stop", "start_day" (day: YYYYMMDD), "end_day", "cancel" (order_id)."""

    command: str
    day: int | None = None
    order_id: int | None = None


@contextlib.contextmanager
def _short_path(data_directory: Path) -> Iterator[str]:
    """A path of the socket that fits the kernel's 107 characters, however long the real one is."""
    directory = os.open(data_directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{FILE}"
    finally:
        os.close(directory)


class ControlSocket:
    """The server's side; it lives in the daemon's selector. The caller holds the lock."""

    def __init__(
        self,
        data_directory: Path,
        selector: selectors.BaseSelector,
        answer: Callable[[Request], dict[str, Any]],
    ) -> None:
        self._path = data_directory / FILE
        self._selector = selector
        self._answer = answer
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            with _short_path(data_directory) as path:
                previous = os.umask(0o177)
                try:
                    self._socket.bind(path)
                finally:
                    os.umask(previous)
            self._socket.listen(8)
        except OSError as error:
            self._socket.close()
            raise DataDirectoryUnavailable(
                f"control socket {self._path} cannot be made: {error.strerror}"
            ) from None
        self._socket.setblocking(False)
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def _accept(self, mask: int) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError:
            return  # the client has gone already
        client.setblocking(False)
        self._clients[client.fileno()] = (client, bytearray())
        number = client.fileno()
        self._selector.register(client, selectors.EVENT_READ, lambda mask: self._read(number))

    def _read(self, number: int) -> None:
        client, received = self._clients[number]
        try:
            chunk = client.recv(MAXIMUM_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        received += chunk
        if b"\n" in received:
            line = bytes(received).split(b"\n")[0]
            try:
                answer = self._answer(msgspec.json.decode(line, type=Request))
            except msgspec.DecodeError as error:
                answer = {"ok": False, "error": str(error)}
            # an answer is far smaller than a socket buffer
            with contextlib.suppress(OSError):
                client.send(msgspec.json.encode(answer) + b"\n")
        if not chunk or b"\n" in received or len(received) >= MAXIMUM_REQUEST_BYTES:
            self._close(number)

    def _close(self, number: int) -> None:
        client, _ = self._clients.pop(number)
        self._selector.unregister(client)
        client.close()

    def close(self) -> None:
        """Close every connection and remove the socket. Idempotent."""
        for number in list(self._clients):
            self._close(number)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ask(data_directory: Path, request: Request) -> dict[str, Any]:
    """Send one request to the daemon of ``data_directory``. Raises NotRunning."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(ANSWER_TIMEOUT_S)
        try:
            with _short_path(data_directory) as path:
                client.connect(path)
            client.sendall(msgspec.json.encode(request) + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                chunk = client.recv(4096)
                if not chunk:
                    break
                answer += chunk
        except OSError as error:
            raise NotRunning(
                f"no exchange answers on data directory {data_directory}: {error.strerror or error}"
            ) from None
    try:
        decoded: dict[str, Any] = msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError:
        raise NotRunning("the exchange ended before it answered") from None
    return decoded
