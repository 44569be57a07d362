"""Standard output, standard error and log files that never hold a process up.

Who uses it: every process that lives long (daemon, stages, compiler, demonstration). Whoever reads
a pipe may stop reading, a terminal may be gone, a disk may be full: ``write`` here only puts bytes
into a bounded queue, and a thread of its own writes them. What the queue has no room for is dropped
and counted; the count is told in the output itself as soon as it takes bytes again.

Invariants: nothing here waits for the reader, but ``flush``, which waits for a bounded time; no
failed write is an exception for whoever prints.

``say`` and ``finished`` are for the commands, which do wait: how one ends that cannot write.

Decision SUR-1.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from exchange.errors import ExitStatus, exit_status

QUEUE_LINES = 4_096
QUEUE_BYTES = 4 << 20
EXIT_PATIENCE_S = 2.0  # for a reader that is only slow, at the end of the process


class Sink(Protocol):
    """Where lines go. Called by the writer's thread alone; may block; raises OSError."""

    def write(self, data: bytes) -> None: ...


def write_whole(descriptor: int, data: bytes) -> None:
    """Write ``data``, also to a descriptor that somebody made non-blocking. Raises OSError."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()


def reader_gone(descriptor: int) -> bool:
    """Whether ``descriptor`` is a pipe or socket that nobody can read any more, or is closed."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(events & (select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))


class DescriptorSink:
    """A descriptor that is open already: standard output or error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        write_whole(self._descriptor, data)


class FileSink:
    """A file, appended to; opened again when it was moved or removed (logrotate).

    Raises OSError when it cannot be opened at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = self._open()

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(self._path, flags, 0o640)

    def _moved(self) -> bool:
        opened = os.fstat(self._descriptor)
        try:
            named = os.stat(self._path)
        except OSError:
            return True
        return (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino)

    def write(self, data: bytes) -> None:
        if self._moved():
            # where a new one cannot be made, the old one goes on
            with contextlib.suppress(OSError):
                new = self._open()
                os.close(self._descriptor)
                self._descriptor = new
        write_whole(self._descriptor, data)

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _lost_lines(count: int) -> bytes:
    return b"(%d lines were dropped: they were not read in time)\n" % count


class LineWriter:
    """A bounded queue of lines, and the thread that writes them to ``sink``.

    ``maximum``: bytes in the queue. ``tell_lost``: makes the line that says how many were dropped.
    ``lost``: how many in all, also those that the sink refused.
    """

    def __init__(
        self,
        sink: Sink,
        tell_lost: Callable[[int], bytes] = _lost_lines,
        maximum: int = QUEUE_BYTES,
    ) -> None:
        self.lost = 0
        self._sink = sink
        self._tell_lost = tell_lost
        self._maximum = maximum
        self._untold = 0
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._writing = False
        self._closed = False
        self._process = os.getpid()
        self._changed = threading.Condition()  # its lock may be taken again by a signal handler
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> bool:
        """Queue one line; returns False when it was dropped. Never waits for the reader."""
        if os.getpid() != self._process:
            return False  # a forked child: it has the queue, and not the thread
        with self._changed:
            room = len(self._lines) < QUEUE_LINES and self._bytes + len(line) <= self._maximum
            if not room or self._closed:
                self._lose(1)
                return False
            self._lines.append(line)
            self._bytes += len(line)
            self._changed.notify_all()
            return True

    def _lose(self, count: int) -> None:
        self.lost += count
        self._untold += count

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                while not self._lines and not self._closed:
                    self._changed.wait()
                if not self._lines:
                    return
                line = self._lines.popleft()
                self._bytes -= len(line)
                untold, self._untold = self._untold, 0
                self._writing = True
            try:
                if untold:
                    line = self._tell_lost(untold) + line
                self._sink.write(line)
            except Exception:  # OSError; and whatever it is, this thread must live
                with self._changed:
                    self._untold += untold
                    self._lose(1)

    def flush(self, timeout_s: float = EXIT_PATIENCE_S) -> bool:
        """Wait until everything is written, or for ``timeout_s``. Returns whether it is."""
        if os.getpid() != self._process:
            return False
        end_s = time.monotonic() + timeout_s
        with self._changed:
            while self._lines or self._writing:
                left_s = end_s - time.monotonic()
                if left_s <= 0 or not self._thread.is_alive():
                    return False
                self._changed.wait(left_s)
        return True

    def close(self, timeout_s: float = EXIT_PATIENCE_S) -> bool:
        """Flush, and end the thread. Returns whether it has ended. Idempotent."""
        self.flush(timeout_s)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()


class QueuedStream(io.TextIOBase):
    """A text stream over a ``LineWriter``: what ``print`` and tracebacks write to. Never raises."""

    encoding = "utf-8"

    def __init__(self, writer: LineWriter, descriptor: int) -> None:
        super().__init__()
        self.writer = writer
        self._descriptor = descriptor
        self._partial = ""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        """Whether people look at it: progress is shown as a bar there."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        *lines, self._partial = (self._partial + text).split("\n")
        if len(self._partial) > QUEUE_BYTES // 4:
            lines, self._partial = [*lines, self._partial], ""
        for line in lines:
            self.writer.put(line.encode(errors="replace") + b"\n")
        return len(text)

    def flush(self) -> None:
        """Hand over a line without its end, too. Waits for nobody."""
        if self._partial:
            text, self._partial = self._partial, ""
            self.writer.put(text.encode(errors="replace"))


_writers: dict[int, LineWriter] = {}


def open_standard_descriptors() -> None:
    """Give descriptors 0 to 2 that are closed to /dev/null: no socket or file may get their number.

    A file with the number of standard error would be written what is meant for people.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)
    # Python has none for a descriptor that was closed at its start, and nobody who prints looks
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def standard_error() -> LineWriter:
    """The one queue of this process for standard error."""
    return _writer_of(2)


def _writer_of(descriptor: int) -> LineWriter:
    writer = _writers.get(descriptor)
    if writer is None:
        writer = _writers[descriptor] = LineWriter(DescriptorSink(descriptor))
    return writer


def _is(stream: object, descriptor: int) -> bool:
    """Whether ``stream`` is Python's own for ``descriptor``, and not a test's."""
    try:
        return stream is None or stream.fileno() == descriptor  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):
        return False


def shield(*, only_errors: bool = False) -> None:
    """Put queues before standard output and error of this process. Idempotent.

    ``only_errors``: standard output is a pipe to somebody who always reads.

    Called once at the start of a process that must not wait for its readers. What is still queued
    at the end of the process is written in EXIT_PATIENCE_S, or lost.
    """
    if isinstance(sys.stderr, QueuedStream):
        return
    open_standard_descriptors()
    if _is(sys.stdout, 1) and not only_errors:
        sys.stdout = QueuedStream(_writer_of(1), 1)
    if _is(sys.stderr, 2):
        sys.stderr = QueuedStream(_writer_of(2), 2)
        atexit.register(_finish)


def _finish() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, QueuedStream):
            stream.flush()
    end_s = time.monotonic() + EXIT_PATIENCE_S
    for writer in _writers.values():
        writer.flush(max(end_s - time.monotonic(), 0))


def say(text: str) -> None:
    """One line on standard error, if anybody is there."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"exchange: {text}", file=sys.stderr, flush=True)


def _output_failed() -> bool:
    """Whether the output takes nothing more; then what is left of it is dropped."""
    try:
        sys.stdout.flush()
        os.write(1, b"\n")  # an output without a buffer has nothing left to flush
    except OSError:
        # what the buffer holds would fail again, and be told again, when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return True
    return False


def finished(error: OSError, *, may_pass: bool) -> int:
    """The status after a failed read or write: of our output, a connection or a file; told.

    ``may_pass``: an error of a file is raised again, for a service manager that starts anew.
    """
    if isinstance(error, BrokenPipeError) and reader_gone(1):
        # nothing is known to be well: a list was cut off, a comparison not finished
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitStatus.OUTPUT_CLOSED
    if isinstance(error, ConnectionError):
        say(f"{type(error).__name__}: {error}")
        return ExitStatus.NOT_RUNNING
    if error.filename is None and _output_failed():
        say(f"standard output cannot be written: {error.strerror or error}")
        return ExitStatus.OUTPUT_CLOSED
    if may_pass:
        raise error
    where = f"{error.filename}: " if error.filename else ""
    say(f"{where}{error.strerror or error}")
    return exit_status(error)
