"""What a process of the exchange needs of the operating system: platform, lock, parent, systemd.

Who uses it: the daemon and its stages at start. Linux only; every failure is an ``ExchangeError``.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import sys
from pathlib import Path

from exchange.errors import (
    AlreadyRunning,
    DataDirectoryUnavailable,
    UnsupportedPlatform,
)

_PR_SET_PDEATHSIG = 1
LOCK_FILE = "daemon.lock"


def check_platform() -> None:
    """Raises UnsupportedPlatform unless eventfds, pidfds and /dev/shm are here."""
    if sys.platform != "linux":
        raise UnsupportedPlatform(f"the exchange runs on Linux only, this is {sys.platform}")
    if not Path("/dev/shm").is_dir():
        raise UnsupportedPlatform("the exchange needs /dev/shm, which is not mounted here")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        raise UnsupportedPlatform(f"the kernel has no pidfd_open: {error.strerror}") from None


def prepare_data_directory(path: Path) -> Path:
    """The absolute path of ``path``, made with mode 0700 when it does not exist."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path.resolve()
    except OSError as error:
        raise DataDirectoryUnavailable(
            f"data directory {path} cannot be made: {error.strerror}"
        ) from None


def _lock_owner(path: Path) -> int | None:
    try:
        return int(path.read_text().strip() or "0") or None
    except (OSError, ValueError):
        return None


class DataDirectoryLock:
    """The exclusive lock of a data directory; held until ``release`` or the end of the process.

    The kernel drops it with the process, so a crash leaves no stale lock. Children inherit
    neither the descriptor nor the lock.
    """

    def __init__(self, data_directory: Path) -> None:
        path = data_directory / LOCK_FILE
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirectoryUnavailable(
                f"data directory {data_directory} cannot be locked: {error.strerror}"
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            owner = _lock_owner(path)
            by = f" by process {owner}" if owner else ""
            raise AlreadyRunning(f"data directory {data_directory} is already in use{by}") from None
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.release()
            raise DataDirectoryUnavailable(
                f"data directory {data_directory} cannot be written: {error.strerror}"
            ) from None

    def release(self) -> None:
        """Release the lock. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def running_pid(data_directory: Path) -> int | None:
    """The pid of the daemon that holds ``data_directory``, or None when nobody does."""
    path = data_directory / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _lock_owner(path)
    finally:
        os.close(descriptor)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent, process ``parent``, dies.

    The parent may have died before the call: then this process ends here.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise UnsupportedPlatform("prctl(PR_SET_PDEATHSIG) is refused here")
    if os.getppid() != parent:
        os._exit(1)


def notify_systemd(state: str) -> None:
    """Send ``state`` (for example "READY=1") to systemd; does nothing without $NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier:
        notifier.setblocking(False)
        try:
            notifier.sendto(state.encode(), address)
        except OSError:
            return  # systemd has ended, or does not read: nobody to notify, nobody to wait for


def watchdog_interval_s() -> float | None:
    """Half of systemd's watchdog timeout in seconds, or None when it has no watchdog for us."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdigit() or pid != str(os.getpid()):
        return None
    return int(microseconds) / 2_000_000
