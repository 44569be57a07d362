"""An exchange whose wall clock a test sets: ``ShiftedClock``, and the program that runs it.

Nothing in the product can be told to read another clock; this program replaces the one function
with which the daemon reads the clocks, before the command line begins. What the test adds to the
wall clock lies in a file, in nanoseconds. Other processes have no need of it: they get the time
from the daemon, or do not look at the wall clock.

    exchange.start(*clock.prefix)      # of RunningExchange
    clock.set(seconds=-3600)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

SECOND_NS = 1_000_000_000


class ShiftedClock:
    """``file``: where the shift is written; it begins at 0."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: float) -> None:
        """The wall clock is ``seconds`` ahead of the real one from now on."""
        temporary = self._file.with_suffix(".new")
        temporary.write_text(str(int(seconds * SECOND_NS)))
        os.replace(temporary, self._file)

    @property
    def prefix(self) -> tuple[str, ...]:
        """In front of the command of a daemon: ``RunningExchange.start(*prefix)``."""
        return (sys.executable, "-m", "tests.harness.shifted_clock", str(self._file))


def main(arguments: list[str]) -> int:
    """FILE PYTHON -m exchange.cli ARGUMENT ..."""
    from exchange.cli import main as exchange
    from exchange.control import clock

    file, command = Path(arguments[0]), arguments[1:]
    assert command[1:3] == ["-m", "exchange.cli"], command
    read = clock.read_clocks

    def shifted() -> clock.Reading:
        reading = read()
        return reading._replace(wall_ns=reading.wall_ns + int(file.read_text()))

    clock.read_clocks = shifted
    return exchange(command[3:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
