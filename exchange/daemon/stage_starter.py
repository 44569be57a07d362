"""Starts the processes of the stages, by the fork server.

Who uses it: ``ChildProcess``, in the daemon's one thread. The fork server (stages/fork_server.py)
is started early, so that it imports while the daemon does; a request waits until it has. When it
has died, or does not answer, another is started: a stage that runs needs it no more. Who must not
wait for the imports asks ``ready`` first.

Decision ARC-11.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from exchange.core.stage_names import StageName
from exchange.errors import StageFailed
from exchange.runtime.spec import Started, StartRequest
from exchange.settings import ROOT

log = logging.getLogger(__name__)

PROGRAM = "exchange.stages.fork_server"
ROOM = "." * 80  # for the command line that a stage shows in place of the fork server's
LARGEST_ANSWER = 4096
ANSWER_S = 3.0  # how long one that is ready may take: it forks in milliseconds
_PR_SET_CHILD_SUBREAPER = 36


class StageStarter:
    """``descriptors``: all that some stage may inherit; each stage closes what is not its own.

    ``patience_s``: how long its imports may take.
    """

    def __init__(self, descriptors: Sequence[int], patience_s: float) -> None:
        self._descriptors = list(descriptors)
        self._patience_s = patience_s
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._greeted = False

    def begin(self) -> None:
        """Start the fork server unless it runs; returns at once."""
        if self._server is not None:
            status = self._server.poll()
            if status is None:
                return
            log.warning("the fork server has ended with status %d; starting another", status)
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._server = subprocess.Popen(
                    [
                        sys.executable,
                        *(["-X", "dev"] if sys.flags.dev_mode else []),
                        *("-m", PROGRAM, str(os.getpid()), str(theirs.fileno()), ROOM),
                    ],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno(), *self._descriptors],
                    cwd="/",
                    process_group=0,
                    # a library's own threads would be lost in every fork
                    env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
                )
            except OSError:
                ours.close()
                raise
        self._connection = ours
        self._greeted = False

    def ready(self) -> bool:
        """Whether a request is answered at once; starts a fork server when there is none."""
        self.begin()
        return self._greet(0.0)

    def _greet(self, patience_s: float) -> bool:
        """Take the message in which it says that it has imported everything."""
        assert self._connection is not None
        if not self._greeted:
            self._connection.settimeout(patience_s)
            try:
                self._greeted = bool(self._connection.recv(LARGEST_ANSWER))
            except OSError:
                return False
        return self._greeted

    def start(
        self,
        role: StageName,
        standard_input: int,
        messages: int,
        *,
        inherited: Sequence[int],
        nice: int,
    ) -> int:
        """Start the process of ``role``; its pid: it is a child of this process.

        Raises StageFailed when the fork server cannot, or does not answer; then it is replaced.
        """
        request = msgspec.json.encode(StartRequest(role=role, inherited=list(inherited), nice=nice))
        self.begin()
        assert self._connection is not None
        encoded, why = b"", "it has ended"
        try:
            if self._greet(self._patience_s):
                self._connection.settimeout(ANSWER_S)
                with _reaping_orphans():
                    socket.send_fds(self._connection, [request], [standard_input, messages])
                    encoded = self._connection.recv(LARGEST_ANSWER)
        except OSError as error:
            why = str(error)
        if not encoded:
            self.close()
            self.begin()
            raise StageFailed(f"{role} cannot be started by the fork server: {why}")
        answer = msgspec.json.decode(encoded, type=Started)
        if not answer.pid:
            raise StageFailed(f"{role} cannot be started: {answer.error}")
        return answer.pid

    def close(self) -> None:
        """End the fork server; the stages go on. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                self._server.kill()
            self._server.wait()
            self._server = None


@contextmanager
def _reaping_orphans() -> Iterator[None]:
    """Descendants whose parent ends become this process's children: so do the stages.

    Only meanwhile: what a stage has started is not the daemon's when that stage dies.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
