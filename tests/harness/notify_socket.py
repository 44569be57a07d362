"""What systemd would hear, and do: a notify socket and a watchdog for a program under test.

with NotifySocket() as manager:
    exchange = make_exchange(environment=manager.environment(watchdog_s=4))
    exchange.launch()
    manager.wait_for("READY=1")
    manager.wait_until_expired(4)       # no WATCHDOG=1 for so long
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from typing import Any

from tests.harness.exchange_process import START_TIMEOUT_S, wait_until

_numbers = itertools.count()


class NotifySocket:
    """An abstract socket; everything that was sent is in ``lines``, in order."""

    def __init__(self) -> None:
        self.address = f"@exchange-notify-{os.getpid()}-{next(_numbers)}"
        self.lines: list[str] = []
        self._alive_s = time.monotonic()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:])
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def environment(self, watchdog_s: float | None = None) -> dict[str, str]:
        """What systemd sets for Type=notify and WatchdogSec=."""
        made = {"NOTIFY_SOCKET": self.address}
        if watchdog_s is not None:
            made["WATCHDOG_USEC"] = str(int(watchdog_s * 1_000_000))
        return made

    def _receive(self) -> None:
        while message := self._socket.recv(65_536):
            lines = message.decode().splitlines()
            if {"WATCHDOG=1", "READY=1"} & set(lines):
                self._alive_s = time.monotonic()
            self.lines += lines

    def count(self, line: str) -> int:
        """How often ``line`` has come."""
        return self.lines.count(line)

    def wait_for(self, start: str, after: int = 0) -> int:
        """Wait for a line that begins with ``start``, not among the first ``after``; its place."""
        found = -1

        def come() -> bool:
            nonlocal found
            places = (
                place
                for place, line in enumerate(self.lines)
                if place >= after and line.startswith(start)
            )
            found = next(places, -1)
            return found >= 0

        wait_until(come, START_TIMEOUT_S, f"{start!r} from the daemon, after {self.lines[-5:]}")
        return found

    def wait_until_expired(self, watchdog_s: float) -> None:
        """Wait until systemd would have ended the service: no sign of life for ``watchdog_s``."""
        wait_until(
            lambda: time.monotonic() - self._alive_s > watchdog_s,
            START_TIMEOUT_S,
            "the watchdog to expire",
        )

    def __enter__(self) -> NotifySocket:
        return self

    def __exit__(self, *error: Any) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", "\0" + self.address[1:])
        self._thread.join()
        self._socket.close()
