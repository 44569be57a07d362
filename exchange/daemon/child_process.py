"""A stage as a child process: start it, send its specification, receive its messages, kill it.

Who uses it: ``child_processes.py``, in the daemon's one thread. A stage waits on its standard input
for a ``StageSpec`` (a JSON line), and later takes changes of the configuration from it. It answers
with ``StageMessage``, one JSON object a line, on a pipe. The kernel kills it when the daemon dies.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Sequence

import msgspec

from exchange.core.stage_names import StageName
from exchange.daemon.stage_starter import StageStarter
from exchange.runtime.output import DescriptorSink, LineWriter
from exchange.runtime.spec import StageMessage, StageSpec
from exchange.settings import Configuration


class ChildProcess:
    """One child process. ``messages_descriptor`` and ``pidfd`` are for the daemon's selector.

    ``inherited``: descriptors that the child keeps. ``nice``: added to the daemon's own niceness.
    ``ready``, ``fatal``: the messages of these kinds, None until they have come.
    ``last_message_s``: when the latest message came (monotonic).
    """

    def __init__(
        self, role: StageName, starter: StageStarter, inherited: Sequence[int], nice: int = 0
    ) -> None:
        self.role = role
        self.started_s = time.time()
        self.ready: StageMessage | None = None
        self.fatal: StageMessage | None = None
        self.last_message_s = time.monotonic()
        self.cpus: list[int] = []
        self._partial = b""
        self._status: int | None = None
        self._pipe: LineWriter | None = None  # to its standard input
        messages, child_end = os.pipe2(os.O_CLOEXEC)
        child_input, self._input = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = starter.start(role, child_input, child_end, inherited=inherited, nice=nice)
        except BaseException:
            os.close(messages)
            os.close(self._input)
            raise
        finally:
            os.close(child_end)
            os.close(child_input)
        self.messages_descriptor = messages
        os.set_blocking(messages, False)
        self.pidfd = os.pidfd_open(self.pid)

    def send(self, spec: StageSpec) -> None:
        """Send the specification; the stage then begins its work."""
        self.cpus = spec.cpus
        self._write(msgspec.json.encode(spec))

    def send_update(self, configuration: Configuration) -> None:
        """Send a changed configuration to a stage that has its specification."""
        self._write(msgspec.json.encode(configuration))

    def _write(self, line: bytes) -> None:
        """Write a line, in a thread: a stage that hangs, or has died, holds up nobody."""
        if self._pipe is None:
            self._pipe = LineWriter(DescriptorSink(self._input), maximum=1 << 30)
        self._pipe.put(line + b"\n")

    def receive(self) -> list[StageMessage]:
        """Read the messages that have come; sets ``ready`` and ``fatal``."""
        while True:
            try:
                chunk = os.read(self.messages_descriptor, 1 << 16)
            except BlockingIOError:
                break
            if not chunk:
                break
            self._partial += chunk
        *lines, self._partial = self._partial.split(b"\n")
        received = [msgspec.json.decode(line, type=StageMessage) for line in lines]
        for message in received:
            self.last_message_s = time.monotonic()
            if message.kind == "ready":
                self.ready = message
            elif message.kind == "fatal":
                self.fatal = message
        return received

    def exit_status(self) -> int | None:
        """None while it runs; otherwise its status; a negative one is the signal that killed it."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait(self, timeout_s: float) -> int | None:
        """Wait at most ``timeout_s`` for its end; the exit status, None while it still runs."""
        if self._status is None:
            select.select([self.pidfd], [], [], timeout_s)
        return self.exit_status()

    def kill(self) -> None:
        """Send SIGKILL and wait for the end: after this the process writes nothing any more."""
        if self.exit_status() is None:
            # SIGKILL also ends a process that SIGSTOP has stopped
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        """Kill it if it runs, and close the daemon's descriptors of it. Idempotent."""
        self.kill()
        self.receive_rest()
        if self._pipe is not None:
            self._pipe.close()  # nobody can read it any more: its thread does not wait
        for name in ("pidfd", "messages_descriptor", "_input"):
            descriptor = getattr(self, name)
            if descriptor >= 0:
                os.close(descriptor)
                setattr(self, name, -1)

    def receive_rest(self) -> None:
        """Read the last messages of a stage that has ended."""
        if self.messages_descriptor >= 0:
            self.receive()
