"""The compiler as a child process of the daemon, at the first start with new sources.

Who uses it: the daemon's one thread, through its selector. Trading begins as soon as what it needs
is compiled; the interfaces follow when the compiler has ended. The kernel kills the compiler when
the daemon dies.

Decision PKG-8.
"""

from __future__ import annotations

import logging
import os
import selectors
import subprocess
import sys
from collections.abc import Callable

import msgspec

from exchange.compiler.progress import Progress, ProgressDisplay
from exchange.errors import StageFailed
from exchange.runtime.process import notify_systemd
from exchange.settings import ROOT

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_EXTENSION_US = 120_000_000  # one unit takes seconds, on a busy machine perhaps more


class CompilerProcess:
    """``trading_ready``: orders can be matched; ``finished``: everything is compiled.

    Both become true in a handler of ``selector``.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.trading_ready = False
        self.finished = False
        self._selector = selector
        self._display = ProgressDisplay(log.info)
        self._partial = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "exchange.compiler", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd="/",
            process_group=0,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        selector.register(self._output, selectors.EVENT_READ, self._receive)

    @property
    def failure(self) -> StageFailed | None:
        """Why it has ended without finishing; None while it runs or when it has finished."""
        status = self._process.poll()
        if self.finished or status is None:
            return None
        return StageFailed(f"compiling failed with status {status}")

    def wait_for_trading(self, cancelled: Callable[[], bool]) -> bool:
        """Handle what the selector reports until trading is compiled; False when cancelled.

        Raises StageFailed when the compiler fails.
        """
        while not self.trading_ready:
            if cancelled():
                return False
            if self.failure is not None:
                raise self.failure
            for key, mask in self._selector.select(_LOOK_S):
                key.data(mask)
        return True

    def _receive(self, mask: int) -> None:
        chunk = self._output.read()
        if chunk is None:
            return
        if not chunk:
            self._ended()
            return
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            progress = msgspec.json.decode(line, type=Progress)
            self.trading_ready |= progress.trading
            self._display.show(progress)
            notify_systemd(f"STATUS={progress.text()}\nEXTEND_TIMEOUT_USEC={_EXTENSION_US}")

    def _ended(self) -> None:
        """Its output has ended: so has it, or it does in a moment."""
        self._selector.unregister(self._output)
        self._display.close()
        if self._process.wait() == 0:
            self.trading_ready = self.finished = True
            log.info("compiled")

    def close(self) -> None:
        """End it if it runs, and wait for that. Idempotent."""
        self._display.close()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if not self._output.closed:
            if self._output.fileno() in {key.fd for key in self._selector.get_map().values()}:
                self._selector.unregister(self._output)
            self._output.close()
