"""Changes of the configuration that reach a stage while it runs.

Who writes: the daemon, after a reload (daemon/reload.py): a whole ``Configuration`` a line, on the
pipe from which the stage has read its ``StageSpec``. Who reads: a thread of the stage; the stage's
own thread takes the newest when it has time. A stage takes over what it can while it runs; whatever
else differs, the daemon has left as it was.

Decision SUR-3.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import msgspec

from exchange.settings import Configuration


def read_lines(descriptor: int) -> Iterator[bytes]:
    """The lines of a pipe until its end.

    Not through a file object of Python: a thread that waits in one at the end of the process holds
    its lock, and the interpreter aborts.
    """
    partial = b""
    while chunk := os.read(descriptor, 1 << 16):
        *lines, partial = (partial + chunk).split(b"\n")
        yield from lines


class Updates:
    """``lines``: what still comes on the pipe; None: there is none, and nothing ever comes."""

    def __init__(self, lines: Iterator[bytes] | None = None) -> None:
        self._newest: Configuration | None = None
        if lines is not None:
            # a daemon thread: the pipe is open as long as the daemon lives
            threading.Thread(target=self._read, args=(lines,), name="updates", daemon=True).start()

    def _read(self, lines: Iterator[bytes]) -> None:
        for line in lines:
            self._newest = msgspec.json.decode(line, type=Configuration)

    def take(self) -> Configuration | None:
        """The newest configuration that was not taken yet."""
        if self._newest is None:
            return None
        newest, self._newest = self._newest, None
        return newest
