"""A real exchange under what systemd would set: readiness, status, and a watchdog that fails."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exchange.runtime.journal_lock import WAITS, lock_journal
from tests.harness.exchange_process import PASSWORD
from tests.harness.notify_socket import NotifySocket
from tests.harness.patient_client import PatientClient

pytestmark = pytest.mark.needs_jit
WATCHDOG_S = 4.0


@pytest.fixture
def manager() -> Iterator[NotifySocket]:
    with NotifySocket() as made:
        yield made


def rest_an_order(port: int, token: str) -> None:
    with PatientClient("127.0.0.1", port) as client:
        client.login("S1", PASSWORD)
        client.enter(token, "B", 10, "AAPL", 1_000_000)
        while client.receive().name != "accepted":
            pass


@contextlib.contextmanager
def no_answer_from_the_disk(strace: str, pid: int) -> Iterator[None]:
    """Every fdatasync of process ``pid`` takes an hour from now on."""
    inject = "inject=fdatasync:delay_enter=3600000000"
    tracer = subprocess.Popen(
        [strace, "-f", "-e", "trace=fdatasync", "-e", inject, "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        yield
    finally:
        tracer.kill()
        tracer.wait()
        assert tracer.stderr is not None
        tracer.stderr.close()


def test_a_core_that_stands_still_fails_the_watchdog(
    make_exchange: Callable[..., Any], manager: NotifySocket, strace: str
) -> None:
    exchange = make_exchange(environment=manager.environment(WATCHDOG_S))
    exchange.start()
    ready = manager.wait_for("READY=1")
    recovering = manager.wait_for("STATUS=recovering")
    assert recovering < ready and manager.wait_for("EXTEND_TIMEOUT_USEC=") < ready
    manager.wait_for("WATCHDOG=1")
    rest_an_order(exchange.port, "before")

    # a matcher that is stopped; the daemon itself waits much longer in tests
    matcher = exchange.pid("matcher")
    mark = len(manager.lines)
    os.kill(matcher, signal.SIGSTOP)
    manager.wait_for("STATUS=stalled: matcher", mark)
    manager.wait_until_expired(WATCHDOG_S)
    mark = len(manager.lines)
    os.kill(matcher, signal.SIGCONT)
    moved = manager.wait_for("STATUS=running, day", mark)
    manager.wait_for("WATCHDOG=1", moved)

    # a core that dies restarts without another READY, and says so
    exchange.remember_pids()
    mark = len(manager.lines)
    os.kill(matcher, signal.SIGKILL)
    assert manager.wait_for("STATUS=recovering", mark) < manager.wait_for(
        "STATUS=running, day", mark
    )
    assert manager.count("READY=1") == 1
    exchange.wait_ready()

    # a journaler that waits for a disk for ever: systemd ends the daemon, the kernel its stages
    mark = len(manager.lines)
    with (
        PatientClient("127.0.0.1", exchange.port) as client,
        no_answer_from_the_disk(strace, exchange.pid("journaler")),
    ):
        client.login("S1", PASSWORD)
        client.enter("lost", "B", 10, "AAPL", 1_000_000)
        manager.wait_for("STATUS=stalled:", mark)
        manager.wait_until_expired(WATCHDOG_S)
        exchange.process.send_signal(signal.SIGABRT)
        assert exchange.wait() == -signal.SIGABRT
    assert "exchange/daemon/daemon.py" in exchange.log_tail(), "where the daemon was"
    # had the journaler not died with it, the next start would wait for its end
    mark = len(manager.lines)
    left = lock_journal(exchange.data_directory, print)
    exchange.launch()
    manager.wait_for(f"STATUS=matcher: {WAITS}", mark)
    os.close(left)
    exchange.wait_ready()
    assert exchange.stop() == 0
    assert manager.wait_for("STOPPING=1") > ready
