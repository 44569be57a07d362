"""A real redis-server for tests: on a Unix socket and, by choice, a port; always ended by its pid.

    with RedisServer(folder) as server:
        server.url                        # for [redis] url
        server.kill(), server.start()     # kill -9; the data stays
        server.client().hgetall("exchange:sequence")

Redis is a witness: see ``NEEDS_REDIS``.
"""

from __future__ import annotations

import functools
import os
import resource
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from exchange.runtime.process import die_with_parent
from tests.harness.exchange_process import wait_until

LIMIT_S = 180.0
NEEDS_REDIS = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class RedisServer:
    """``arguments``: further options of redis-server. Every answered write is in its file.

    ``appendonly yes`` with ``appendfsync always``: an answer comes after fdatasync, so neither a
    kill nor a power cut loses what was answered. With everysec a kill loses nothing either (the
    kernel has it), a power cut up to a second: then Redis is older, position included.
    """

    def __init__(self, folder: Path, *arguments: str, fsync: str = "always") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        # a path of a socket has 107 characters at most
        self.socket = Path(os.path.relpath(folder / "s"))
        self.url = f"unix://{(folder / 's').resolve()}"
        self._command = [
            *("redis-server", "--port", "0", "--unixsocket", str(folder / "s")),
            *("--dir", str(folder), "--save", "", "--appendonly", "yes"),
            *("--appendfsync", fsync, "--daemonize", "no", *arguments),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisServer:
        """Start it and wait until it answers."""
        assert self._process is None or self._process.poll() is not None
        (self.folder / "s").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=functools.partial(die_with_parent, os.getpid()),
                # a file at its limit is an error and no signal: Python ignores SIGXFSZ
                restore_signals=False,
            )
        wait_until(self._answers, LIMIT_S, f"redis-server in {self.folder}")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        try:
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(10.0)
                asking.connect(str(self.socket))
                asking.sendall(b"PING\r\n")
                answer = asking.recv(100)
        except OSError:
            return False
        return answer.startswith((b"+PONG", b"-NOAUTH"))

    def client(self, **arguments: Any) -> Any:
        """A client of the server: redis.Redis, texts as str."""
        import redis

        return redis.Redis(unix_socket_path=str(self.socket), decode_responses=True, **arguments)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: it is there, takes connections, and answers nobody."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """The end of ``pause``."""
        os.kill(self.pid, signal.SIGCONT)

    def limit_files(self, more_bytes: int | None) -> None:
        """Let no file of it grow by more than that, as on a full disk; None: the end of that."""
        sizes = [path.stat().st_size for path in self.folder.rglob("*") if path.is_file()]
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        soft = hard if more_bytes is None else max(sizes) + more_bytes
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, hard))

    def _end(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(LIMIT_S)

    def __enter__(self) -> RedisServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
