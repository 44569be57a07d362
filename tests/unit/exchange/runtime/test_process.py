"""The lock of a data directory, and what systemd is sent."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.errors import AlreadyRunning, DataDirectoryUnavailable
from exchange.runtime.process import (
    DataDirectoryLock,
    check_platform,
    notify_systemd,
    prepare_data_directory,
    running_pid,
    watchdog_interval_s,
)


def test_this_platform_is_supported() -> None:
    check_platform()


def test_one_lock_a_directory_and_the_message_names_the_holder(tmp_path: Path) -> None:
    lock = DataDirectoryLock(tmp_path)
    assert running_pid(tmp_path) == os.getpid()
    with pytest.raises(AlreadyRunning, match=f"already in use by process {os.getpid()}"):
        DataDirectoryLock(tmp_path)
    lock.release()
    lock.release()
    assert running_pid(tmp_path) is None
    DataDirectoryLock(tmp_path).release()


def test_a_process_that_dies_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import sys, os; from pathlib import Path\n"
        "from exchange.runtime.process import DataDirectoryLock\n"
        "lock = DataDirectoryLock(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert died.returncode == -9
    assert running_pid(tmp_path) is None
    DataDirectoryLock(tmp_path).release()


def test_a_directory_that_is_not_there_has_no_lock(tmp_path: Path) -> None:
    assert running_pid(tmp_path / "gone") is None
    with pytest.raises(DataDirectoryUnavailable, match="cannot be locked"):
        DataDirectoryLock(tmp_path / "gone")


def test_a_data_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    made = prepare_data_directory(tmp_path / "new")
    assert made.is_absolute() and stat.S_IMODE(made.stat().st_mode) == 0o700
    assert prepare_data_directory(made) == made
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryUnavailable, match="cannot be made"):
        prepare_data_directory(tmp_path / "file" / "below")


def test_systemd_is_notified_where_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_systemd("READY=1")  # nobody listens
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify_systemd("READY=1")
        assert listener.recv(100) == b"READY=1"
    notify_systemd("STOPPING=1")  # systemd has ended: not an error


@pytest.mark.parametrize(
    ("microseconds", "pid", "interval_s"),
    [
        (None, None, None),
        ("30000000", None, 15.0),
        ("30000000", str(os.getpid()), 15.0),
        ("30000000", "1", None),
        ("soon", None, None),
    ],
)
def test_watchdog_interval(
    monkeypatch: pytest.MonkeyPatch,
    microseconds: str | None,
    pid: str | None,
    interval_s: float | None,
) -> None:
    for name, value in (("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert watchdog_interval_s() == interval_s
