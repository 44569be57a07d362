"""Signals of the daemon: some ask for a stop, SIGHUP for a reload, all others are ignored.

Who uses it: the daemon's one thread. A handler only sets a flag, and the wake-up descriptor ends
the selector's sleep; nothing happens inside a handler.

Decision SUR-2.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
from typing import Any

from exchange.runtime.signals import HARMLESS, STOPPING


class SignalWatch:
    """``stop``: whether a stop was asked for, for good."""

    def __init__(self, selector: selectors.BaseSelector, stack: contextlib.ExitStack) -> None:
        """Catch signals until ``stack`` ends; the selector wakes up for each."""
        self.stop = False
        self._reload = False
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
            stack.callback(end.close)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, previous)
        handlers: dict[int, Any] = dict.fromkeys(HARMLESS, signal.SIG_IGN)
        handlers |= dict.fromkeys(STOPPING, self._on_stop) | {signal.SIGHUP: self._on_reload}
        for number, handler in handlers.items():
            stack.callback(signal.signal, number, signal.signal(number, handler))

        def drain(mask: int) -> None:
            with contextlib.suppress(BlockingIOError):
                reader.recv(4096)

        selector.register(reader, selectors.EVENT_READ, drain)

    def _on_stop(self, number: int, frame: Any) -> None:
        self.stop = True

    def _on_reload(self, number: int, frame: Any) -> None:
        self._reload = True

    def take_reload(self) -> bool:
        """Whether a reload was asked for since the last call."""
        asked, self._reload = self._reload, False
        return asked
