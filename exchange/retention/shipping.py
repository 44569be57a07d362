"""A segment that is to leave is copied elsewhere first: compressed, compared, durable.

Who uses it: ``housekeeper.py``; ``exchange-replay --shipped`` reads the copies. A copy has the
segment's name and ``.zst``, in a folder with the name of the segment's own, and is one zstd frame
with a checksum::

    DIRECTORY/journal/00000000000000000000.wal.zst
    DIRECTORY/archive/00000000000000000000.evt.zst

Shipping the same segment twice is right: after a kill between copy and removal it comes again. A
copy that is there already is compared with it.

Decision SUR-9.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

from journal.segment import make_directory, sync_directory

SUFFIX = ".zst"
WAITING_DIRECTORY = "shipping"  # of the data directory: what a command is taking away
_STEP_BYTES = 4 << 20
_POLL_S = 0.05
_TOLD_BYTES = 500
SLOW_S = 30.0  # a program that takes longer is told of in the log
# Becomes the program, arguments: this process, then the program's words. In a process of its own
# and not between fork and exec, where a thread may hold any lock. What the snapshotter ignores is
# what ends the program; and with the snapshotter the program ends (prctl's PR_SET_PDEATHSIG).
_PROGRAM = """
import ctypes, os, signal, sys
parent, words = int(sys.argv[1]), sys.argv[2:]
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != parent:
    sys.exit(1)
try:
    os.execvp(words[0], words)
except OSError as error:
    sys.exit(f"{words[0]}: {error.strerror}")
"""
log = logging.getLogger(__name__)

Beat = Callable[[], None]


class ShippingFailed(Exception):
    """A segment was not copied, and so it stays; the text says why."""


def _steps(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_STEP_BYTES):
            yield data


def decompressed(path: Path) -> Iterator[bytes]:
    """The contents of a copy, in steps. Raises ShippingFailed when it is damaged, OSError."""
    reader = zstandard.ZstdDecompressor()
    with path.open("rb") as file, reader.stream_reader(file) as stream:
        try:
            while data := stream.read(_STEP_BYTES):
                yield data
        except zstandard.ZstdError as error:
            raise ShippingFailed(f"{path}: damaged: {error}") from None


def is_copy(copy: Path, source: Path, beat: Beat) -> bool:
    """Whether ``copy`` holds what ``source`` does. Raises OSError."""
    size = 0
    try:
        with source.open("rb") as file:
            for part in decompressed(copy):
                beat()
                if file.read(len(part)) != part:
                    return False
                size += len(part)
    except ShippingFailed:
        return False
    return size == source.stat().st_size


def compress(source: Path, target: Path, level: int, beat: Beat) -> None:
    """Write ``target``, durably, and compare it. Raises ShippingFailed, OSError."""
    if target.exists():
        if not is_copy(target, source, beat):
            raise ShippingFailed(f"{target} is there already and holds something else")
        return
    make_directory(target.parent)
    temporary = target.with_name(f".{target.name}.new")
    compressor = zstandard.ZstdCompressor(level, write_checksum=True).compressobj(
        size=source.stat().st_size
    )
    with temporary.open("wb") as file:
        for part in _steps(source):
            beat()
            file.write(compressor.compress(part))
        file.write(compressor.flush())
        file.flush()
        os.fsync(file.fileno())
    if not is_copy(temporary, source, beat):
        temporary.unlink()
        raise ShippingFailed(f"{target}: reads otherwise than it was written")
    temporary.rename(target)
    sync_directory(target.parent)


class DirectoryShipper:
    """Copies to a directory, such as one on another disk."""

    def __init__(self, directory: Path, level: int, beat: Beat) -> None:
        self._directory = directory
        self._level = level
        self._beat = beat

    def ship(self, segment: Path) -> None:
        """Copy ``segment``. Raises ShippingFailed."""
        target = self._directory / segment.parent.name / (segment.name + SUFFIX)
        try:
            compress(segment, target, self._level, self._beat)
        except OSError as error:
            raise ShippingFailed(f"{target}: {error.strerror}") from None


class CommandShipper:
    """Has a program take a copy away: ``command``, in which {file} and {name} are replaced.

    {file}: where the compressed copy is while the program runs; {name}: the name that it should
    get, with its folder. The program's exit status 0 says that it has it for good.
    """

    def __init__(
        self, command: list[str], data_directory: Path, level: int, timeout_s: float, beat: Beat
    ) -> None:
        self._command = command
        self._waiting = data_directory / WAITING_DIRECTORY
        self._level = level
        self._timeout_s = timeout_s
        self._beat = beat

    def ship(self, segment: Path) -> None:
        """Have ``segment`` taken away. Raises ShippingFailed."""
        name = f"{segment.parent.name}/{segment.name}{SUFFIX}"
        copy = self._waiting / name.replace("/", "-")
        values = {"{file}": str(copy), "{name}": name}
        words = list(self._command)
        for place, value in values.items():
            words = [word.replace(place, value) for word in words]
        try:
            copy.unlink(missing_ok=True)
            compress(segment, copy, self._level, self._beat)
            self._run(words, segment)
        except OSError as error:
            raise ShippingFailed(f"{words[0]}: {error.strerror}") from None
        finally:
            copy.unlink(missing_ok=True)

    def _run(self, words: list[str], segment: Path) -> None:
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, str(os.getpid()), *words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
            try:
                self._wait(process.pid, words[0], segment)
            finally:
                # not reaped yet: the group is certainly still its own
                os.killpg(process.pid, signal.SIGKILL)
                status = process.wait()
            if status != 0:
                said.seek(0)
                text = said.read(_TOLD_BYTES).decode(errors="replace").strip()
                raise ShippingFailed(f"{words[0]} ended with status {status}: {text or 'no word'}")

    def _wait(self, pid: int, name: str, segment: Path) -> None:
        """Until the program has ended; it is not reaped."""
        began = time.monotonic()
        told = False
        while True:
            self._beat()
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return
            took_s = time.monotonic() - began
            if took_s > self._timeout_s:
                raise ShippingFailed(f"{name} did not end within {self._timeout_s:g} s")
            if took_s > SLOW_S and not told:
                told = True
                log.warning(
                    "%s has been taking %s away for %.0f s; it may take %g s",
                    name,
                    segment,
                    took_s,
                    self._timeout_s,
                )
            time.sleep(_POLL_S)
