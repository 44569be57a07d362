"""What a test run left behind: processes, shared memory and directories.

Processes are recognised by a variable in their environment, which all children inherit. Temporary
directories are those in a directory of the run's own, which ``TMPDIR`` names for it and its
children. Shared memory has no such place: a region is this run's when its owner is a daemon that
``note_owner`` was told of. So what others leave meanwhile, on a machine that runs much else, does
not count, and what they left before neither.

Decision CHK-4.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from pathlib import Path

import psutil

from ringbuffer.errors import RegionError
from ringbuffer.region import SHARED_MEMORY_DIRECTORY, Region
from scripts.benchmarks.own_exchange import own_folder

MARK = "EXCHANGE_TEST_RUN"
DEADLINE_S = 60.0  # a killed process takes a moment to disappear
PREFIXES = ("exchange-", "ring-benchmark-", "lobster-", "read-model-benchmark-")
_owners: set[int] = set()


def note_owner(pid: int) -> None:
    """The tests have started a process that makes a region."""
    _owners.add(pid)


class LeftBehind:
    """Create before the tests; ``wait_for_none`` after them says what is left."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._started_s = time.time()
        # short: sockets lie below it, and their names are limited to 107 bytes; the next run
        # removes that of one that was killed
        self._folder = own_folder("tests-")
        self._directory = self._folder.__enter__()
        self._replaced = {name: os.environ.get(name) for name in (MARK, "TMPDIR")}
        os.environ[MARK] = self.mark
        os.environ["TMPDIR"] = tempfile.tempdir = str(self._directory)

    def look(self) -> list[str]:
        """Everything of this run that still exists, in words."""
        found = [f"process {p.pid}: {' '.join(p.info['cmdline'] or [])}" for p in self._processes()]
        found += [str(path) for path in self._directory.iterdir() if path.name.startswith(PREFIXES)]
        found += [
            str(path)
            for path in SHARED_MEMORY_DIRECTORY.iterdir()
            if path.name.startswith(PREFIXES) and self._is_ours(path)
        ]
        return sorted(found)

    def wait_for_none(self) -> list[str]:
        """As ``look``, after what is about to disappear has had a moment to do so."""
        deadline_s = time.monotonic() + DEADLINE_S
        while (found := self.look()) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        return found

    def close(self) -> None:
        """Remove the run's directory for temporary files."""
        self._folder.__exit__(None, None, None)
        tempfile.tempdir = None
        for name, value in self._replaced.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

    def _is_ours(self, path: Path) -> bool:
        try:
            if path.stat().st_mtime < self._started_s:
                return False  # its owner's process id may have been used again
            with Region.attach_read_only(path.name) as region:
                return region.owner.pid in _owners
        except (OSError, RegionError):
            return False

    def _processes(self) -> list[psutil.Process]:
        """This run's processes but this one."""
        return [
            process
            for process in psutil.process_iter(["environ", "cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and process.pid != os.getpid()
            and (process.info["environ"] or {}).get(MARK) == self.mark
        ]
