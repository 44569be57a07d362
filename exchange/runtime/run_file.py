"""``run.json`` in the data directory: what runs, for ``exchange status`` and for tests.

Who writes: the daemon, by rename, so a reader sees a whole file. Who reads: anyone. It is removed
at a clean end; after a crash it is stale, and then nobody holds the lock of the data directory.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

FILE = "run.json"


class StageState(msgspec.Struct, frozen=True, kw_only=True):
    """One stage. started: Unix seconds."""

    pid: int
    cpus: list[int]
    ready: bool
    started: float


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon and its stages. order_entry: address:port. day: YYYYMMDD or 0.

    started: Unix seconds; started_boot_s: the same moment on CLOCK_BOOTTIME, which nobody sets.

    addresses: name -> address:port of every listener ("order_entry", "api", "health", "metrics",
    "feed").
    compiling: stages that start when the compiler has ended (first start).
    """

    pid: int
    started: float
    phase: str
    name: str
    order_entry: str
    addresses: dict[str, str]
    day: int
    restarts: dict[str, int]
    stages: dict[str, StageState]
    compiling: list[str] = []
    started_boot_s: float = 0.0


class RunFile:
    """The writer's side."""

    def __init__(self, data_directory: Path) -> None:
        self._path = data_directory / FILE
        self._started = time.time()
        self._started_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)

    def write(
        self,
        *,
        phase: str,
        name: str,
        order_entry: str,
        addresses: dict[str, str],
        day: int,
        restarts: dict[str, int],
        stages: dict[str, StageState],
        compiling: list[str],
    ) -> None:
        """Replace the file. A full disk does not end the daemon here: the journal decides that."""
        state = RunState(
            pid=os.getpid(),
            started=self._started,
            phase=phase,
            name=name,
            order_entry=order_entry,
            addresses=addresses,
            day=day,
            restarts=restarts,
            stages=stages,
            compiling=compiling,
            started_boot_s=self._started_boot_s,
        )
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_bytes(msgspec.json.encode(state) + b"\n")
            os.replace(temporary, self._path)
        except OSError:
            temporary.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the file. Idempotent."""
        self._path.unlink(missing_ok=True)


def read_run_file(data_directory: Path) -> RunState | None:
    """The file's content; None when there is none or it is not whole."""
    try:
        return msgspec.json.decode((data_directory / FILE).read_bytes(), type=RunState)
    except (OSError, msgspec.DecodeError):
        return None
