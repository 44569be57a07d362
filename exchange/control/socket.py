"""The control socket: a Unix socket in the data directory, one JSON request and answer a line.

Who serves it: the daemon's event loop. Who uses it: ``exchange stop`` and the other commands, run
by the owner of the data directory (mode 0600). No client blocks the daemon: one that sends no whole
line within ``MAXIMUM_REQUEST_BYTES`` is closed; an answer may come later, and for a client that
does not read it only its bytes are kept.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import selectors
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from exchange.errors import DataDirectoryUnavailable, NotRunning

FILE = "control.sock"
MAXIMUM_REQUEST_BYTES = 1 << 26  # a plan has every command of a whole configuration
RECEIVE_BYTES = 1 << 18
ANSWER_TIMEOUT_S = 30.0
CLIENTS = 64  # at one time; the daemon has descriptors for them (runtime/descriptors.py)


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line from a client.

    command: "stop", "reload", "start_day" (day: YYYYMMDD; back: also before the last),
    "end_day", "names", "configuration", "clock", "accept_clock",
    "submit" (record: a command's one or two slots, hexadecimal), "apply" (records: of a plan),
    "key_make" (account, label, read_only), "key_list" (account or none), "key_revoke" (key_id).
    operator: who asks, one of the configuration's operators; None: the Unix user at the other end.
    reason: why, for the journal.
    """

    command: str
    day: int | None = None
    back: bool = False
    record: str | None = None
    records: list[str] | None = None
    account: int | None = None
    label: str | None = None
    read_only: bool = False
    key_id: str | None = None
    operator: str | None = None
    reason: str | None = None


def peer_uid(connection: socket.socket) -> int:
    """The user of the process at the other end (SO_PEERCRED: the kernel sets it)."""
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    return int(struct.unpack("3i", credentials)[1])


class Client:
    """A connection to the control socket: the user at the other end, and how to answer.

    uid: of the process that connected (SO_PEERCRED); name: its user name, or the number.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = bytearray()
        self.output = b""
        self.asked = False
        self.uid = peer_uid(connection)
        try:
            self.name = pwd.getpwuid(self.uid).pw_name
        except KeyError:
            self.name = str(self.uid)


@contextlib.contextmanager
def _short_path(data_directory: Path) -> Iterator[str]:
    """A path of the socket that fits the kernel's 107 characters, however long the real one is."""
    directory = os.open(data_directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{FILE}"
    finally:
        os.close(directory)


class ControlSocket:
    """The server's side, on the daemon's selector. The caller holds the lock.

    ``answer``: called with each request; what it returns is sent back, None means that ``reply``
    will be called later. Only the owner of the data directory and root are served.
    """

    def __init__(
        self,
        data_directory: Path,
        selector: selectors.BaseSelector,
        answer: Callable[[Request, Client], dict[str, Any] | None],
    ) -> None:
        self._path = data_directory / FILE
        self._selector = selector
        self._answer = answer
        self._clients: set[Client] = set()
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
            connection, _ = self._socket.accept()
        except OSError:
            return  # the client has closed already, or no descriptor is left
        if len(self._clients) >= CLIENTS:
            connection.close()
            return
        connection.setblocking(False)
        client = Client(connection)
        self._clients.add(client)
        self._selector.register(
            connection, selectors.EVENT_READ, lambda mask: self._ready(client, mask)
        )

    def _ready(self, client: Client, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._write(client)
        elif mask & selectors.EVENT_READ:
            self._read(client)

    def _read(self, client: Client) -> None:
        try:
            chunk = client.connection.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        received = client.received
        received += chunk
        whole = b"\n" in chunk
        if not chunk or (not whole and len(received) >= MAXIMUM_REQUEST_BYTES):
            # it has closed, or sends no request; a command that it sent before is carried out
            self._close(client)
        elif whole and not client.asked:
            client.asked = True
            answer = self._answer_line(client, bytes(received).split(b"\n", 1)[0])
            if answer is not None:
                self.reply(client, answer)

    def _answer_line(self, client: Client, line: bytes) -> dict[str, Any] | None:
        if not may_ask(client.uid):
            return {"ok": False, "error": f"user {client.name} does not own this exchange"}
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.DecodeError as error:
            return {"ok": False, "error": str(error)}
        return self._answer(request, client)

    def reply(self, client: Client, answer: dict[str, Any]) -> None:
        """Send the one answer to ``client`` and close; does nothing when it has closed."""
        if client not in self._clients:
            return
        client.output = msgspec.json.encode(answer) + b"\n"
        self._write(client)

    def _write(self, client: Client) -> None:
        try:
            sent = client.connection.send(client.output)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(client)
            return
        client.output = client.output[sent:]
        if not client.output:
            self._close(client)
            return
        self._selector.modify(
            client.connection,
            selectors.EVENT_WRITE,
            lambda mask: self._ready(client, mask),
        )

    def _close(self, client: Client) -> None:
        self._clients.discard(client)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(client.connection)
        client.connection.close()

    def close(self) -> None:
        """Close every connection and remove the socket. Idempotent."""
        for client in list(self._clients):
            self._close(client)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)


def may_ask(uid: int) -> bool:
    """Whether a user may command this exchange: its own user, and root, whom no mode keeps out."""
    return uid in (0, os.geteuid())


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
                chunk = client.recv(1 << 16)
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
