"""What a compiler says of its progress, and how people see it.

Who uses it: the compiler, which writes a ``Progress`` a line; the daemon, which reads them and
shows a bar on a terminal, lines in the log elsewhere, and the status to systemd.

Decision PKG-8.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import msgspec

LINE_INTERVAL_S = 5.0
WHAT = "compiling for this machine (first start)"


class Progress(msgspec.Struct, frozen=True):
    """``done``, ``size``: of the work, in the same unit. ``left_s``: seconds left, a guess.

    ``current``: what was compiled last. ``trading``: orders can be matched now.
    """

    done: float
    size: float
    left_s: float
    current: str
    trading: bool = False

    @property
    def percent(self) -> int:
        return int(100 * self.done / self.size)

    def text(self) -> str:
        """One line for people."""
        return f"{WHAT}: {self.percent} %, about {self.left_s:.0f} s left ({self.current})"


class ProgressDisplay:
    """A bar on a terminal; without one a line now and then, through ``say``."""

    def __init__(self, say: Callable[[str], None], output: TextIO | None = None) -> None:
        output = output or sys.stderr
        self._say = say
        self._bar: Any = None
        self._said_s = 0.0
        self._terminal = output.isatty()
        self._output = output

    def show(self, progress: Progress) -> None:
        """Show the newest state."""
        if self._terminal:
            self._show_bar(progress)
        elif time.monotonic() - self._said_s >= LINE_INTERVAL_S:
            self._said_s = time.monotonic()
            self._say(progress.text())

    def _show_bar(self, progress: Progress) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        if self._bar is None:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(24),
                TextColumn("{task.percentage:>3.0f} %  {task.fields[left]} s left  "),
                TextColumn("{task.fields[current]}", style="dim"),
                console=Console(file=self._output),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bar.add_task(WHAT, total=progress.size, left="", current="")
            self._bar.start()
        self._bar.update(
            0, completed=progress.done, left=f"{progress.left_s:.0f}", current=progress.current
        )

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
