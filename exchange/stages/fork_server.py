"""The process from which every stage is forked: it has imported what they need.

Run as ``python -m exchange.stages.fork_server PARENT_PID SOCKET ROOM``. Who starts it: only the
daemon (daemon/stage_starter.py). An interpreter with numba and the engine takes most of a second of
processor time to be made; here it is made once, and a stage that starts, or starts again, is a fork
of it: milliseconds, and its memory is shared until it is written.

When it has imported everything it says so on SOCKET. It reads a ``StartRequest`` from there, with
two descriptors (the stage's standard input, its pipe to the daemon), forks, and answers with a
``Started``. The stage becomes the daemon's own child: it is forked twice, the process in between
ends at once, and the daemon is the reaper of its descendants meanwhile. So the daemon sees the
stage's exit status, and the end of this process harms no stage.

Invariants: one thread (a fork copies no other); nothing here reads the configuration.

ROOM is a word without meaning: a stage writes its own command line over this process's, and has no
more space than that has (ps then shows which stage it is).

Decision ARC-11.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from exchange.runtime.process import die_with_parent
from exchange.runtime.signals import HARMLESS, STOPPING, ignore
from exchange.runtime.spec import Started, StartRequest
from exchange.stages.main import run_stage

LARGEST_REQUEST = 1 << 16
QUIET_S = (
    5.0  # without a request: the start is over, and there is time for what makes the next faster
)
# words of /proc/PID/stat after the name of the program (fields 48 and 49 of proc_pid_stat(5))
_ARGUMENTS_START, _ARGUMENTS_END = 45, 46


class Stage:
    """What a forked process is to run. ``messages``: its descriptor of the pipe to the daemon."""

    def __init__(self, request: StartRequest, messages: int) -> None:
        self.request = request
        self.messages = messages


def prepare() -> None:
    """Import what the agents need, and have numba set up its target: the first call does."""
    import numpy as np

    from exchange.stages import agents  # noqa: F401 - for the processes that are forked
    from ringbuffer.atomics import load_acquire

    load_acquire(np.zeros(1, np.int64), 0)
    _keep()


def load_matcher() -> bool:
    """Read back the matcher's machine code, the largest part: a core that restarts has it.

    Returns False when it is not there: whoever needs it first compiles it. Makes no file: this
    process may be killed at any moment.
    """
    from exchange.compiler.stamps import Part, is_compiled
    from exchange.compiler.units import compile_matcher
    from exchange.engine.state.pointers import make_links

    if not is_compiled(Part.TRADING):
        return False
    make_links()
    compile_matcher()
    _keep()
    return True


def _keep() -> None:
    """The objects made so far stay: a collector that visited them would copy their pages."""
    gc.collect()
    gc.freeze()


def serve(connection: socket.socket, parent: int) -> Stage | None:
    """Fork a stage for each request; returns in each of them, and None when the daemon closes."""
    loaded = False
    while True:
        try:
            encoded, descriptors, _, _ = socket.recv_fds(connection, LARGEST_REQUEST, 2)
        except TimeoutError:
            connection.settimeout(None)
            loaded = load_matcher()
            continue
        if not encoded:
            return None
        request = msgspec.json.decode(encoded, type=StartRequest)
        standard_input, messages = descriptors
        try:
            pid = fork_twice()
        except OSError as error:
            answer = Started(error=error.strerror or str(error))
        else:
            if pid == 0:
                connection.close()
                os.dup2(standard_input, 0)
                close_all_but((0, 1, 2, messages, *request.inherited))
                die_with_parent(parent)
                return Stage(request, messages)
            answer = Started(pid=pid)
        os.close(standard_input)
        os.close(messages)
        connection.send(msgspec.json.encode(answer))
        if not loaded:
            connection.settimeout(QUIET_S)


def fork_twice() -> int:
    """The number of a new process that is no child of this one; 0 in that process.

    It goes on once the process in between has ended: its parent is then the nearest reaper.
    """
    told, tell = os.pipe()
    gate, open_gate = os.pipe()
    try:
        between = os.fork()
        if between == 0:
            _fork_and_end(told, tell, gate, open_gate)
            return 0
        try:
            os.close(tell)
            number = os.read(told, 32)
        finally:
            os.waitpid(between, 0)
            tell = -1
        if not number.isdigit():
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        os.write(open_gate, b"!")
        return int(number)
    finally:
        for descriptor in (told, tell, gate, open_gate):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _fork_and_end(told: int, tell: int, gate: int, open_gate: int) -> None:
    """In the process between: fork the stage and end. Returns in the stage alone."""
    try:
        pid = os.fork()
        if pid:
            # what a terminal sends to its foreground (Ctrl-C, Ctrl-Z) is for the daemon alone
            os.setpgid(pid, pid)
            os.write(tell, b"%d" % pid)
            os._exit(0)
    except OSError:
        os._exit(1)
    os.close(open_gate)
    if os.read(gate, 1) != b"!":
        os._exit(1)  # the fork server has ended in between: nobody knows of this process


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor but these."""
    wanted = set(kept)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in wanted:
            with contextlib.suppress(OSError):
                os.close(int(name))


def call_process(words: Iterable[str]) -> None:
    """Have ps and /proc/PID/cmdline show ``words``, as far as there is room (setproctitle)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[_ARGUMENTS_START]), int(fields[_ARGUMENTS_END])
    text = " ".join(words).encode()[: end - start - 2] + b"\0"
    # where the last byte is none, the kernel shows what is before the first zero
    ctypes.memmove(start, text.ljust(end - start, b"."), end - start)


def main() -> int:
    """Prepare, serve, and in each forked process run its stage. Returns the exit status."""
    parent, descriptor = (int(word) for word in sys.argv[1:3])
    ignore((*HARMLESS, *STOPPING, signal.SIGHUP))
    die_with_parent(parent)
    connection = socket.socket(fileno=descriptor)
    prepare()
    with contextlib.suppress(BrokenPipeError):  # the daemon has closed it: ``serve`` sees that
        connection.send(msgspec.json.encode(Started()))  # from here on answers come at once
    stage = serve(connection, parent)
    if stage is None:
        return 0
    role = stage.request.role
    call_process((sys.executable, "-m", "exchange.stages.main", role))
    return run_stage(role, stage.messages, stage.request.nice)


if __name__ == "__main__":
    sys.exit(main())
