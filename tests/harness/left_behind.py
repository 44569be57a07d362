"""What a test run left behind: processes, shared memory and directories.

Processes are recognised by a variable in their environment, which all children inherit. Names that
were there before the run, and those that a process of somebody else has mapped or was given as an
argument, do not count.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from pathlib import Path

import psutil

MARK = "EXCHANGE_TEST_RUN"
DEADLINE_S = 60.0  # a killed process takes a moment to disappear
REGIONS = Path("/dev/shm")
PREFIXES = ("exchange-", "ring-benchmark-", "lobster-")


def _used_paths(process: psutil.Process) -> str:
    """What ``process`` has mapped, and its command line."""
    try:
        maps = Path(f"/proc/{process.pid}/maps").read_text()
    except OSError:
        maps = ""
    return maps + " ".join(process.info["cmdline"] or [])


class LeftBehind:
    """Create before the tests; ``wait_for_none`` after them says what is left."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        os.environ[MARK] = self.mark
        self._directories = (REGIONS, Path(tempfile.gettempdir()))
        self._before = {path for folder in self._directories for path in self._names(folder)}

    def look(self) -> list[str]:
        """Everything of this run that still exists, in words."""
        processes, used_by_others = self._processes()
        found = [f"process {p.pid}: {' '.join(p.info['cmdline'] or [])}" for p in processes]
        for folder in self._directories:
            for path in sorted(self._names(folder) - self._before):
                if str(path) not in used_by_others:
                    found.append(str(path))
        return found

    def wait_for_none(self) -> list[str]:
        """As ``look``, after what is about to disappear has had a moment to do so."""
        deadline_s = time.monotonic() + DEADLINE_S
        while (found := self.look()) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        return found

    @staticmethod
    def _names(folder: Path) -> set[Path]:
        return {path for path in folder.iterdir() if path.name.startswith(PREFIXES)}

    def _processes(self) -> tuple[list[psutil.Process], str]:
        """This run's processes but this one, and the paths that others use."""
        ours, used_by_others = [], []
        for process in psutil.process_iter(["environ", "cmdline", "status"]):
            if process.info["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            if (process.info["environ"] or {}).get(MARK) == self.mark:
                ours.append(process)
            else:
                used_by_others.append(_used_paths(process))
        return ours, "\n".join(used_by_others)
