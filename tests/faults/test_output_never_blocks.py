"""Nobody who reads, or does not read, what a process prints can hold it up or end it.

Faults 12 and 13: standard error was a pipe that nobody read, and trading stood still; standard
output lost its reader, and after a restart of the core the daemon ended with status 0.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import ExitStatus
from exchange.runtime import logs, output
from exchange.runtime.logs import JsonLinesFormatter, MessageRates, QueueHandler
from exchange.runtime.output import DescriptorSink, FileSink, LineWriter
from exchange.settings import ROOT
from tests.harness.exchange_process import PASSWORD, RunningExchange, wait_until
from tests.harness.patient_client import PatientClient

STRANGERS = 300
PATIENCE_S = 300.0


def full_pipe() -> tuple[int, int]:
    """A pipe (read end, write end) that takes not one byte more."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    return reader, writer


def broken_pipe() -> int:
    """The write end of a pipe that nobody can read any more."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def healthy(exchange: Any) -> bool:
    url = f"http://{exchange.address('health')}/health"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return bool(json.load(answer)["data"]["healthy"])


def strangers(port: int, count: int) -> None:
    """Connections that leave a line in the log each."""
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as stranger:
            stranger.sendall(b"\x00\x05junk!")


@pytest.mark.needs_jit
def test_output_that_nobody_reads_stops_nothing(make_exchange: Callable[..., Any]) -> None:
    (out, out_end), (err, err_end) = full_pipe(), full_pipe()
    exchange = make_exchange(web=True, settings={"log": {"level": "debug"}})
    try:
        exchange.launch(stdout=out_end, stderr=err_end)
        exchange.wait_ready()
        strangers(exchange.port, STRANGERS)
        with PatientClient("127.0.0.1", exchange.port) as client:
            client.login("S1", PASSWORD)
            client.enter("A", "B", 1, "AAPL", 1_000_000)
            assert "A" in (message.letter for message in client.messages(PATIENCE_S))
            assert exchange.admin("kill", "--exchange", "on")
            assert healthy(exchange)
            os.kill(exchange.pid("matcher"), signal.SIGKILL)
        wait_until(lambda: exchange.state().restarts["core"] == 1, PATIENCE_S, "the core's restart")
        exchange.wait_ready()
        assert healthy(exchange)
        assert exchange.stop() == 0
    finally:
        for descriptor in (out, out_end, err, err_end):
            os.close(descriptor)


@pytest.mark.needs_jit
def test_a_reader_that_went_away_is_no_reason_to_end(make_exchange: Callable[..., Any]) -> None:
    writer = broken_pipe()
    exchange = make_exchange(settings={"supervision": {"restart_limit": 1}})
    exchange.launch(stdout=writer, stderr=writer)
    os.close(writer)
    exchange.wait_ready()
    os.kill(exchange.pid("matcher"), signal.SIGKILL)
    wait_until(lambda: exchange.state().restarts["core"] == 1, PATIENCE_S, "the core's restart")
    exchange.wait_ready()
    # an end that nobody asked for has a status of its own
    os.kill(exchange.pid("matcher"), signal.SIGKILL)
    assert exchange.wait() == ExitStatus.RESTART_LIMIT_REACHED


CLOSED = 'exec 0<&- 1>&- 2>&-; exec "$@"'


@pytest.mark.needs_jit
def test_descriptors_that_are_closed_at_the_start_are_never_given_to_sockets(
    make_exchange: Callable[..., Any],
) -> None:
    exchange = make_exchange()
    exchange.start("sh", "-c", CLOSED, "sh")
    for role in ("daemon", "matcher", "order_entry"):
        names = {os.readlink(f"/proc/{exchange.pid(role)}/fd/{n}") for n in (1, 2)}
        assert names == {"/dev/null"}, role
    with PatientClient("127.0.0.1", exchange.port) as client:
        client.login("S1", PASSWORD)
    assert exchange.stop() == 0


# --- client commands ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("exchange.cli", "check-config"),
        ("exchange.cli", "hash-password", "secret"),
    ],
)
def test_a_command_whose_reader_went_away_does_not_say_that_all_is_well(
    command: tuple[str, ...],
) -> None:
    writer = broken_pipe()
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (ExitStatus.OUTPUT_CLOSED, b"")


ERRORS = (
    (("exchange.cli", "status"), ExitStatus.NOT_RUNNING),
    (("exchange.cli", "admin", "account", "list"), ExitStatus.DATA_DIRECTORY_UNAVAILABLE),
    (("exchange.cli", "prune"), ExitStatus.DATA_DIRECTORY_UNAVAILABLE),
    (("replay.cli", "stats"), ExitStatus.DATA_DIRECTORY_UNAVAILABLE),
)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(("command", "status"), ERRORS)
def test_an_error_that_nobody_can_read_keeps_its_status(
    tmp_path: Path, command: tuple[str, ...], status: ExitStatus, closed: bool
) -> None:
    writer = broken_pipe()
    done = subprocess.run(
        [
            *(("sh", "-c", CLOSED, "sh") if closed else ()),
            *(sys.executable, "-m", *command, "--data-dir", str(tmp_path / "none")),
        ],
        cwd=ROOT,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    assert done.returncode == status


def test_a_command_without_any_output_does_its_work() -> None:
    command = ["sh", "-c", CLOSED, "sh", sys.executable, "-m", "exchange.cli", "check-config"]
    assert subprocess.run(command, cwd=ROOT).returncode == 0


# --- the queue ------------------------------------------------------------------------------------


def test_a_full_queue_drops_and_counts_and_says_so_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "QUEUE_LINES", 10)
    reader, end = full_pipe()
    writer = LineWriter(DescriptorSink(end))
    sent = [writer.put(b"line %d\n" % i) for i in range(100)]
    assert 10 <= sum(sent) <= 11  # one may be with the thread, which waits for the reader
    assert writer.lost == 100 - sum(sent)
    assert not writer.flush(0)
    os.set_blocking(reader, False)
    received = bytearray()

    def everything() -> bool:
        with contextlib.suppress(BlockingIOError):
            received.extend(os.read(reader, 65_536))
        return writer.flush(0)

    wait_until(everything, PATIENCE_S, "the queue to be written")
    everything()  # what came between the last look into the pipe and the end of the queue
    assert b"were dropped" in received and b"line 0\n" in received
    assert writer.close()
    os.close(reader)
    os.close(end)


def test_a_sink_that_refuses_costs_lines_and_nothing_else() -> None:
    end = broken_pipe()
    writer = LineWriter(DescriptorSink(end))
    assert writer.put(b"nobody reads this\n")
    assert writer.flush(PATIENCE_S)
    assert writer.lost == 1
    assert writer.close()
    os.close(end)


def test_a_pipe_that_somebody_made_non_blocking_loses_nothing() -> None:
    reader, end = full_pipe()
    os.set_blocking(end, False)
    writer = LineWriter(DescriptorSink(end))
    writer.put(b"late\n")
    read = b""
    while b"late\n" not in read:
        read = (read + os.read(reader, 65_536))[-16:]
    assert writer.flush(PATIENCE_S) and writer.lost == 0
    assert writer.close()
    os.close(reader)
    os.close(end)


@pytest.mark.parametrize("moved", ["renamed", "removed"])
def test_a_log_file_that_was_moved_is_opened_again(tmp_path: Path, moved: str) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    sink = FileSink(path)
    writer = LineWriter(sink)
    writer.put(b"first\n")
    assert writer.flush(PATIENCE_S)
    if moved == "renamed":
        path.rename(old)
    else:
        path.unlink()
    writer.put(b"second\n")
    assert writer.flush(PATIENCE_S)
    assert path.read_bytes() == b"second\n"
    assert moved == "removed" or old.read_bytes() == b"first\n"
    assert writer.close()
    sink.close()


# --- a log file that cannot be opened -------------------------------------------------------------


def test_a_start_whose_log_file_cannot_be_opened_says_so(tmp_path: Path) -> None:
    exchange = RunningExchange(tmp_path, settings={"log": {"file": "no/such/folder/log"}})
    exchange.launch()
    assert exchange.wait() == ExitStatus.DATA_DIRECTORY_UNAVAILABLE
    (line,) = exchange.log_tail().splitlines()
    assert "log file" in line and "No such file or directory" in line


def test_a_process_whose_log_file_is_gone_goes_on_at_standard_error(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from exchange.runtime.logs import configure; import logging;"
        f"configure('api', 'info', Path({str(tmp_path / 'gone' / 'log')!r}));"
        "logging.getLogger('x').info('still here')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    messages = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert done.returncode == 0 and len(messages) == 2
    assert "cannot be opened" in messages[0] and messages[1] == "still here"


# --- rates ----------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_message_has_a_burst_and_a_rate_of_its_own() -> None:
    clock = Clock()
    rates = MessageRates(clock)
    admitted = [rates.admit("a", logging.INFO, "again") for _ in range(1_000)]
    assert admitted[: logs.MESSAGE_BURST] == [0] * logs.MESSAGE_BURST
    assert set(admitted[logs.MESSAGE_BURST :]) == {None}
    assert rates.admit("a", logging.INFO, "another") == 0
    clock.now_s = 1 / logs.MESSAGE_RATE
    assert rates.admit("a", logging.INFO, "again") == 1_000 - logs.MESSAGE_BURST
    assert rates.admit("a", logging.INFO, "again") is None


def test_messages_with_a_text_of_their_own_each_have_a_rate_together() -> None:
    rates = MessageRates(Clock())
    admitted = [rates.admit("a", logging.INFO, f"text {i}") for i in range(10_000)]
    assert sum(each is not None for each in admitted) == logs.ALL_BURST
    assert rates.admit("a", logging.CRITICAL, "the end") is not None


def test_what_was_left_out_is_told_in_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sink = FileSink(path)
    handler = QueueHandler(LineWriter(sink), own=sink)
    handler.setFormatter(JsonLinesFormatter("test"))
    for number in range(logs.MESSAGE_BURST + 7):
        record = logging.LogRecord("a", logging.INFO, "", 0, "number %d", (number,), None)
        handler.handle(record)
    assert handler.lost() == 7
    handler._rates._messages["a", logging.INFO, "number %d"].tokens = 1.0  # time has passed
    handler.handle(logging.LogRecord("a", logging.INFO, "", 0, "number %d", (-1,), None))
    handler.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == logs.MESSAGE_BURST + 1
    assert (lines[-1]["message"], lines[-1]["suppressed"]) == ("number -1", 7)


def test_a_thread_in_a_blocked_write_does_not_keep_the_process() -> None:
    """The end of a process waits for a slow reader for a bounded time only."""
    reader, end = full_pipe()
    program = (
        "import sys; from exchange.runtime.output import shield; shield();"
        "print('out'); print('err', file=sys.stderr); raise RuntimeError('a bug')"
    )
    child = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=end, stderr=end)
    os.close(end)
    try:
        assert child.wait(PATIENCE_S) == ExitStatus.BUG
    finally:
        os.close(reader)
