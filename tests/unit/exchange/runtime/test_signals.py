"""Which signals a process ignores."""

from __future__ import annotations

import signal
import subprocess
import sys

from exchange.runtime.signals import HARMLESS, STOPPING
from exchange.settings import ROOT

# these tell of a bug in this process, cannot be changed, or do nothing by default
LEFT_ALONE = {
    *(signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGCHLD, signal.SIGURG),
    *(signal.SIGWINCH, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
    *(signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS),
}


def test_every_signal_has_a_meaning() -> None:
    known = {*HARMLESS, *STOPPING, signal.SIGHUP, *LEFT_ALONE}
    assert {int(each) for each in known} == {int(each) for each in signal.valid_signals()}


def test_no_harmless_signal_ends_a_process() -> None:
    program = (
        "import os; from exchange.runtime.signals import HARMLESS, ignore; ignore(HARMLESS);"
        "[os.kill(os.getpid(), number) for number in HARMLESS]; print('here')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"here\n")
