"""The control socket: who may ask, answers now and later, large ones, and nonsense."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.control import socket as control_socket
from exchange.control.socket import (
    FILE,
    MAXIMUM_REQUEST_BYTES,
    Client,
    ControlSocket,
    Request,
    ask,
    may_ask,
)

Answer = Callable[[Request, Client], dict[str, Any] | None]


class Server:
    """A ControlSocket in a thread of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.answer: Answer = lambda request, client: {"ok": True}
        self.selector = selectors.DefaultSelector()
        self.socket = ControlSocket(
            directory, self.selector, lambda request, client: self.answer(request, client)
        )
        self._end = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._end:
            for key, mask in self.selector.select(0.01):
                key.data(mask)

    def close(self) -> None:
        self._end = True
        self._thread.join()
        self.socket.close()
        self.selector.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


def test_only_the_owner_can_open_it(server: Server) -> None:
    mode = stat.S_IMODE((server.directory / FILE).stat().st_mode)
    assert mode == 0o600


def test_who_asks_is_known(server: Server) -> None:
    seen: list[Client] = []

    def answer(request: Request, client: Client) -> dict[str, Any]:
        seen.append(client)
        return {"ok": True}

    server.answer = answer
    assert ask(server.directory, Request(command="names"))["ok"]
    assert seen[0].uid == os.getuid()
    assert seen[0].name


def test_a_foreign_user_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the mode does not stop it (a directory handed over, a copied descriptor)."""
    asked: list[Request] = []
    server.answer = lambda request, client: asked.append(request) or {"ok": True}  # type: ignore[func-returns-value]
    monkeypatch.setattr(control_socket.os, "geteuid", lambda: 54_321)
    monkeypatch.setattr(control_socket, "peer_uid", lambda connection: 12_345)
    answer = ask(server.directory, Request(command="stop"))
    assert not answer["ok"] and "does not own this exchange" in answer["error"]
    assert not asked
    assert may_ask(0) and may_ask(54_321) and not may_ask(12_345)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_cannot_connect(server: Server) -> None:
    server.directory.chmod(0o755)  # so that only the socket's own mode is in the way
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = b"?"
        try:
            os.chdir(server.directory)
            os.setresuid(65_534, 65_534, 65_534)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(FILE)
            outcome = b"connected"
        except PermissionError:
            outcome = b"refused"
        except OSError as error:
            outcome = str(error).encode()
        finally:
            os.write(writer, outcome)
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b"refused"


def test_an_answer_may_come_later(server: Server) -> None:
    waiting: list[Client] = []
    server.answer = lambda request, client: waiting.append(client)  # type: ignore[func-returns-value]
    answers: list[dict[str, Any]] = []
    asking = threading.Thread(
        target=lambda: answers.append(ask(server.directory, Request(command="submit")))
    )
    asking.start()
    while not waiting:
        threading.Event().wait(0.001)
    # another client is served meanwhile
    server.answer = lambda request, client: {"ok": True, "other": True}
    assert ask(server.directory, Request(command="names"))["other"]
    server.socket.reply(waiting[0], {"ok": True, "late": True})
    asking.join(120)
    assert answers == [{"ok": True, "late": True}]


def test_an_answer_larger_than_a_socket_buffer(server: Server) -> None:
    text = "x" * 5_000_000
    server.answer = lambda request, client: {"ok": True, "text": text}
    assert ask(server.directory, Request(command="names"))["text"] == text


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n", b'{"command": "stop", "x": 1}\n'])
def test_nonsense_is_answered(server: Server, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(120)
        client.connect(str(server.directory / FILE))
        client.sendall(line)
        assert b'"ok":false' in client.recv(4096)


def test_a_line_that_does_not_end_is_cut_off(server: Server) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(120)
        client.connect(str(server.directory / FILE))
        client.sendall(b"x" * MAXIMUM_REQUEST_BYTES)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(4096) == b""


def test_a_client_that_leaves_is_no_matter(server: Server) -> None:
    gone: list[Client] = []
    server.answer = lambda request, client: gone.append(client)  # type: ignore[func-returns-value]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(server.directory / FILE))
        client.sendall(b'{"command":"names"}\n')
        while not gone:
            threading.Event().wait(0.001)
    while gone[0].connection.fileno() >= 0:
        threading.Event().wait(0.001)
    server.socket.reply(gone[0], {"ok": True})
    server.answer = lambda request, client: {"ok": True}
    assert ask(server.directory, Request(command="names"))["ok"]
