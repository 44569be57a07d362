"""An exchange of a script's own: temporary folder, ports that are free, nothing left behind.

Who uses it: benchmarks, ``scripts/lobster`` and ``scripts/idle_cost``. A script that is killed
takes its daemon with it. The folder and the shared memory that it leaves are removed by the next
script with the same prefix: the lock on the folder, which the kernel drops, says that it is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from exchange.core.region import region_name
from exchange.runtime.process import die_with_parent
from exchange.runtime.run_file import RunState, read_run_file
from ringbuffer.errors import RegionError
from ringbuffer.region import SHARED_MEMORY_DIRECTORY, Region

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = "data"  # in the folder: the exchange's data directory
LOG = "daemon.log"  # in the folder: what the daemon writes
LOCK = ".lock"
START_DEADLINE_S = 600.0  # the first start of a source tree compiles
STOP_DEADLINE_S = 120.0


class ExchangeFailed(RuntimeError):
    """The exchange did not start, or left shared memory behind."""


@contextlib.contextmanager
def own_folder(prefix: str, directory: Path | None = None) -> Iterator[Path]:
    """A temporary folder, locked while the block runs; removes those of killed scripts first."""
    parent = Path(directory or tempfile.gettempdir())
    for abandoned in parent.glob(f"{prefix}*/{LOCK}"):
        _remove_abandoned(abandoned.parent)
    with contextlib.ExitStack() as held:
        folder = held.enter_context(_locked_folder(prefix, parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked_folder(prefix: str, parent: Path) -> Iterator[Path]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # somebody who looks for abandoned folders may have been faster than the lock
            if (folder / LOCK).exists():
                yield folder
                return


def _remove_abandoned(folder: Path) -> None:
    """Remove ``folder`` and its exchange's shared memory, unless the script that made it lives."""
    with contextlib.suppress(OSError), (folder / LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # the daemon died with its script; a region whose owner lives stays
        with contextlib.suppress(RegionError):
            Region.reclaim(region_name((folder / DATA).resolve()))
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def started(folder: Path, settings: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``exchange run`` with ``settings`` on the folder's data directory; its log: ``LOG``.

    Stopped at the end of the block. Raises ExchangeFailed when it leaves shared memory behind.
    """
    with (folder / LOG).open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "exchange.cli", "run"),
                *("--config", str(settings), "--data-dir", str(folder / DATA)),
            ],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            preexec_fn=functools.partial(die_with_parent, os.getpid()),
        )
    try:
        yield process
    finally:
        _stop(process)
    left = SHARED_MEMORY_DIRECTORY / region_name((folder / DATA).resolve())
    if left.exists():
        raise ExchangeFailed(f"the exchange left {left} behind")


@contextlib.contextmanager
def running(folder: Path, settings: Path) -> Iterator[tuple[subprocess.Popen[bytes], RunState]]:
    """As ``started``; the block begins when all stages are ready.

    Raises ExchangeFailed when that does not come.
    """
    with started(folder, settings) as process:
        yield process, _wait_until_running(process, folder / DATA, folder / LOG)


def _wait_until_running(process: subprocess.Popen[bytes], data: Path, log: Path) -> RunState:
    deadline_s = time.monotonic() + START_DEADLINE_S
    while True:
        if process.poll() is not None or time.monotonic() > deadline_s:
            tail = log.read_text(errors="replace")[-4_000:]
            raise ExchangeFailed(
                f"the exchange did not start (exit status {process.poll()}):\n{tail}"
            )
        state = read_run_file(data)
        if (
            state is not None
            and state.phase == "running"
            and not state.compiling
            and all(stage.ready for stage in state.stages.values())
        ):
            return state
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def port_of(address: str) -> int:
    """The port of ``host:port``."""
    return int(address.rpartition(":")[2])
