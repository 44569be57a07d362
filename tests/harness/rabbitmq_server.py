"""A real RabbitMQ on loopback, in a directory of its own, as an ordinary user.

    with RabbitmqServer() as server:
        server.url                       # amqp://guest@127.0.0.1:PORT/, the password is "guest"
        server.kill(); server.start()    # what it has acknowledged is there again
        with server.stopped(): ...       # SIGSTOP: it does not answer

RabbitMQ is a witness: see ``NEEDS_RABBITMQ``. Erlang's port mapper (epmd) is started here as well,
so that its process is known and ends with the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import aio_pika
import aio_pika.abc
import aio_pika.exceptions
import pytest

from tests.harness.exchange_process import wait_until
from tests.harness.left_behind import MARK

PROGRAMS = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
NEEDS_RABBITMQ = pytest.mark.skipif(
    not PROGRAMS or shutil.which("epmd") is None, reason="rabbitmq-server is not installed"
)
Result = TypeVar("Result")
USER = "guest"
PASSWORD = "guest"
START_S = 600.0
END_S = 60.0
# one scheduler that never spins, and nothing that other machines could reach
ERLANG = (
    "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
)
CONFIGURATION = """
listeners.tcp = none
{listeners}
loopback_users = none
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
log.console = true
log.console.level = warning
log.file = false
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Taken(NamedTuple):
    """A message that was in a queue."""

    routing_key: str
    message_id: str
    body: bytes
    headers: dict[str, Any]
    correlation_id: str


class RabbitmqServer:
    """The server. ``tls``: (certificate, key) files, then ``tls_port`` takes TLS as well."""

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        # a directory that the ordinary user can enter: that of the test run is its owner's alone
        self.directory = Path(tempfile.mkdtemp(prefix="rabbitmq-", dir="/tmp"))
        self.port, self._distribution_port, self._epmd_port = (_free_port() for _ in range(3))
        self.tls_port = _free_port() if tls is not None else 0
        listeners = f"listeners.tcp.1 = 127.0.0.1:{self.port}"
        if tls is not None:
            certificate, key = (shutil.copy(each, self.directory) for each in tls)
            listeners += (
                f"\nlisteners.ssl.1 = 127.0.0.1:{self.tls_port}\n"
                f"ssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\n"
                f"ssl_options.cacertfile = {certificate}"
            )
        text = CONFIGURATION.replace("listeners.tcp = none\n", "").format(listeners=listeners)
        (self.directory / "rabbitmq.conf").write_text(text)
        (self.directory / "plugins").write_text("[].")
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = "nobody"  # an ordinary user will do
            owner = pwd.getpwnam(self._user)
            for path in (self.directory, *self.directory.iterdir()):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL, without the password."""
        return f"amqp://{USER}@127.0.0.1:{self.port}/"

    @property
    def url_with_password(self) -> str:
        """Its URL, for clients of the tests."""
        return self.url.replace(f"{USER}@", f"{USER}:{PASSWORD}@")

    def run(self, work: Callable[[aio_pika.abc.AbstractChannel], Awaitable[Result]]) -> Result:
        """``work`` with a channel of a connection of its own."""

        async def main() -> Result:
            async with await aio_pika.connect(
                self.url_with_password, timeout=START_S
            ) as connection:
                channel = await connection.channel()
                return await work(channel)

        return asyncio.run(main())

    def bind(self, queue: str, exchange: str, *keys: str) -> None:
        """Make a durable queue that keeps its messages on disk, bound to ``keys``."""

        async def work(channel: aio_pika.abc.AbstractChannel) -> None:
            made = await channel.declare_queue(
                queue, durable=True, arguments={"x-queue-mode": "lazy"}
            )
            await channel.declare_exchange(exchange, "topic", durable=True)
            for key in keys:
                await made.bind(exchange, key)

        self.run(work)

    def take(self, queue: str) -> list[Taken]:
        """All messages of a queue, which is empty then."""

        async def work(channel: aio_pika.abc.AbstractChannel) -> list[Taken]:
            declared = await channel.declare_queue(queue, passive=True)
            left, found = declared.declaration_result.message_count or 0, []
            await channel.set_qos(prefetch_count=1_000)
            if left == 0:
                return []
            async with declared.iterator(timeout=START_S) as messages:
                async for message in messages:
                    await message.ack()
                    found.append(
                        Taken(
                            message.routing_key or "",
                            message.message_id or "",
                            message.body,
                            dict(message.headers),
                            message.correlation_id or "",
                        )
                    )
                    left -= 1
                    if left == 0:
                        break
            return found

        return self.run(work)

    def publish(self, queue: str, *messages: aio_pika.Message) -> None:
        """Put messages into a durable queue, which is made."""

        async def work(channel: aio_pika.abc.AbstractChannel) -> None:
            await channel.declare_queue(queue, durable=True)
            for message in messages:
                await channel.default_exchange.publish(message, queue)

        self.run(work)

    def has_queue(self, queue: str) -> bool:
        """Whether there is such a queue."""
        try:
            return self.depth(queue) >= 0
        except aio_pika.exceptions.ChannelNotFoundEntity:
            return False

    def depth(self, queue: str) -> int:
        """How many messages wait in a queue. It is asked again and again: not too often."""
        time.sleep(0.05)

        async def work(channel: aio_pika.abc.AbstractChannel) -> int:
            declared = await channel.declare_queue(queue, passive=True)
            return declared.declaration_result.message_count or 0

        return self.run(work)

    def _environment(self) -> dict[str, str]:
        own = {
            "HOME": self.directory,
            "RABBITMQ_NODENAME": "exchange-test@localhost",
            "RABBITMQ_DIST_PORT": self._distribution_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": self._epmd_port,
            "RABBITMQ_MNESIA_BASE": self.directory / "mnesia",
            "RABBITMQ_LOG_BASE": self.directory / "log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.directory / "plugins",
            "RABBITMQ_PID_FILE": self.directory / "pid",
            "RABBITMQ_CONFIG_FILE": self.directory / "rabbitmq.conf",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        }
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", MARK)}
        return kept | {name: str(value) for name, value in own.items()}

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.directory / "output").open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment(),
                user=self._user,
                group=pwd.getpwnam(self._user).pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                start_new_session=True,
            )
        return process

    def start(self, *, wait: bool = True) -> RabbitmqServer:
        """Start it; when it returns, it answers (``wait``)."""
        assert self._server is None
        if self._epmd is None:
            self._epmd = self._spawn(str(shutil.which("epmd")), "-port", str(self._epmd_port))
        (self.directory / "pid").unlink(missing_ok=True)
        self._server = self._spawn(str(PROGRAMS[-1]))
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Wait until it takes connections."""

        def answers() -> bool:
            assert self._server is not None
            assert self._server.poll() is None, self.output()
            time.sleep(0.05)
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=END_S) as client,
            ):
                client.sendall(b"AMQP\0\0\x09\x01")
                return client.recv(1) == b"\x01"
            return False

        wait_until(answers, START_S, "RabbitMQ to answer")

    def output(self) -> str:
        """The end of what it has said."""
        path = self.directory / "output"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    @property
    def pid(self) -> int:
        """The server's process (not that of the script that started it)."""
        return int((self.directory / "pid").read_text())

    def _end(self, number: signal.Signals) -> None:
        if self._server is None:
            return
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid, number)
            os.kill(self.pid, signal.SIGCONT)
        try:
            self._server.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(END_S)
        self._server = None

    def kill(self) -> None:
        """kill -9; ``start`` goes on with the same data."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """It is there and does not answer."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End everything; nothing is left behind. Idempotent."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(END_S)
            self._epmd = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> RabbitmqServer:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
