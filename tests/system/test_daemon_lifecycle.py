"""The daemon from start to end: ready, status, stop, restart, and what it refuses."""

from __future__ import annotations

import datetime
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_process import PASSWORD, START_TIMEOUT_S, RunningExchange, wait_until
from patient_client import PatientClient

from exchange.client.order_entry import ConnectionEnded
from exchange.errors import ExitStatus
from exchange.settings import ROOT

pytestmark = pytest.mark.needs_jit


@pytest.fixture(scope="module")
def one_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    made = RunningExchange(tmp_path_factory.mktemp("exchange"))
    yield made
    made.close()


@pytest.fixture
def running_exchange(one_exchange: RunningExchange) -> RunningExchange:
    """One for all tests here, running. Each trades with sessions of its own."""
    return one_exchange if one_exchange.is_alive() else one_exchange.start()


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `exchange ARGUMENTS`."""
    return subprocess.run(
        [sys.executable, "-m", "exchange.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )


def log_in(exchange: RunningExchange, user: str, sequence: int = 1) -> PatientClient:
    client = PatientClient("127.0.0.1", exchange.port)
    client.login(user, PASSWORD, sequence=sequence)
    return client


def received(client: PatientClient, count: int) -> list[bytes]:
    """The next ``count`` messages, as bytes."""
    return [client.receive().data for _ in range(count)]


def left_behind(exchange: RunningExchange) -> list[str]:
    """What a stopped exchange should not leave: region, run file, control socket."""
    paths = [
        exchange.region_path,
        exchange.data_directory / "run.json",
        exchange.data_directory / "control.sock",
    ]
    return [str(path) for path in paths if path.exists()]


def test_start_status_stop(running_exchange: RunningExchange) -> None:
    answer = run_command("status", "--json", "--data-dir", str(running_exchange.data_directory))
    assert answer.returncode == 0, answer.stderr
    status = json.loads(answer.stdout)
    assert status["phase"] == "running"
    assert set(status["stages"]) == {"daemon", "matcher", "journaler", "order_entry"}
    assert all(stage["pid"] > 0 and stage["cpus"] for stage in status["stages"].values())
    assert set(status["lag"].values()) == {0}
    assert "command_published_per_s" in status["rates"]
    pids = [stage["pid"] for stage in status["stages"].values()]
    stopped = run_command("stop", "--data-dir", str(running_exchange.data_directory))
    assert stopped.returncode == 0, stopped.stderr
    assert running_exchange.wait() == ExitStatus.OK
    assert not left_behind(running_exchange)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    again = run_command("status", "--data-dir", str(running_exchange.data_directory))
    assert again.returncode == ExitStatus.NOT_RUNNING


def test_second_start_on_one_data_directory_is_refused(running_exchange: RunningExchange) -> None:
    second = run_command(
        "run",
        "--config",
        str(running_exchange.config_file),
        "--data-dir",
        str(running_exchange.data_directory),
    )
    assert second.returncode == ExitStatus.ALREADY_RUNNING
    assert f"process {running_exchange.pid('daemon')}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    running_exchange.wait_ready()


def test_port_in_use(make_exchange: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        exchange = make_exchange(settings={"order_entry": {"port": port}})
        exchange.launch()
        assert exchange.wait() == ExitStatus.PORT_IN_USE
    assert f"127.0.0.1:{port}" in exchange.log_tail()
    assert not left_behind(exchange)


def test_restart_keeps_orders_and_resumes_sessions(running_exchange: RunningExchange) -> None:
    with log_in(running_exchange, "S30") as maker, log_in(running_exchange, "S31") as taker:
        maker.enter("rest-1", "B", 100, "AAPL", 1_500_000)
        maker.enter("rest-2", "S", 70, "AAPL", 1_600_000)
        made = received(maker, 3)
        taker.enter("take-1", "S", 40, "AAPL", 1_490_000)
        taken = received(taker, 3)
        made += received(maker, 1)
    assert running_exchange.stop() == ExitStatus.OK
    assert not left_behind(running_exchange)
    running_exchange.start()
    with log_in(running_exchange, "S30") as maker, log_in(running_exchange, "S31") as taker:
        assert received(maker, 4) == made
        assert received(taker, 3) == taken
        # a used token stays used, and the orders still rest
        taker.enter("take-1", "S", 40, "AAPL", 1_490_000)
        taker.enter("take-2", "S", 100, "AAPL", 1_490_000)
        answers = [taker.receive() for _ in range(2)]
        assert [answer.letter for answer in answers] == ["A", "E"]
        assert answers[0].fields["token"].strip() == "take-2"  # type: ignore[union-attr]
        assert answers[1].fields["shares"] == 60
    assert running_exchange.stop() == ExitStatus.OK


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_graceful_stop_answers_everything(
    running_exchange: RunningExchange, number: signal.Signals
) -> None:
    """Everything sent before the stop is answered, then the session ends."""
    orders, user = 2000, {signal.SIGTERM: "S40", signal.SIGINT: "S41"}[number]
    with log_in(running_exchange, user) as client:
        for i in range(orders):
            client.enter(f"o{i}", "B", 100, "AAPL", 1_000_000 + 100 * (i % 50))
        answers = [client.receive()]
        running_exchange.process.send_signal(number)
        with pytest.raises(ConnectionEnded):
            while True:
                answers.append(client.receive())
        assert client.ended
    assert running_exchange.wait() == ExitStatus.OK
    assert [answer.sequence for answer in answers] == list(range(1, len(answers) + 1))
    accepted = sum(answer.letter == "A" for answer in answers)
    # what was still in the socket was not read; what was read was answered
    running_exchange.start()
    with log_in(running_exchange, user) as client:
        messages = [client.receive() for _ in range(len(answers))]
        assert [m.data for m in messages] == [a.data for a in answers]
        assert next(client.messages(0.2), None) is None
    # no order: only the disconnect of all sessions at the start, and that of this client
    assert running_exchange.status()["cursors"]["ingress_order_entry_published"] <= 2
    assert accepted > 0


def test_day_ends_and_starts_on_command(running_exchange: RunningExchange) -> None:
    data_directory = str(running_exchange.data_directory)
    with log_in(running_exchange, "S20") as client:
        client.enter("day", "B", 100, "MSFT", 1_500_000)
        received(client, 2)
        assert run_command("day", "end", "--data-dir", data_directory).returncode == 0
        letters = [client.receive().letter for _ in range(2)]
        assert letters == ["C", "S"]
        with pytest.raises(ConnectionEnded):
            client.receive()
        assert client.ended
    again = run_command("day", "end", "--data-dir", data_directory)
    assert again.returncode == ExitStatus.REFUSED
    same = run_command("day", "start", "--data-dir", data_directory)
    assert same.returncode == ExitStatus.REFUSED, "a traded day must not start again"
    state = running_exchange.state()
    assert state is not None
    day = datetime.date.fromisoformat(str(state.day))
    following = int(f"{day + datetime.timedelta(days=1):%Y%m%d}")
    started = run_command("day", "start", "--number", str(following), "--data-dir", data_directory)
    assert started.returncode == 0, started.stderr
    with log_in(running_exchange, "S20") as client:
        assert client.session.startswith(f"{following % 100_000:05d}")
        assert [client.receive().letter] == ["S"]


def test_good_till_time_order_expires(running_exchange: RunningExchange) -> None:
    with log_in(running_exchange, "S21") as client:
        client.enter("short-lived", "B", 100, "MSFT", 1_500_000, time_in_force=1)
        received(client, 2)
        expired = client.receive()
        assert (expired.letter, expired.fields["reason"]) == ("C", "T")


def test_changed_configuration_is_reported_and_the_journal_wins(
    running_exchange: RunningExchange,
) -> None:
    assert running_exchange.stop() == ExitStatus.OK
    sessions = running_exchange.directory / "sessions.toml"
    before = sessions.read_text()
    sessions.write_text(before.replace("account = 1\n", "account = 2\n"))
    running_exchange.start()
    sessions.write_text(before)
    log = running_exchange.log_file.read_text()
    assert "session S1 differs from the configuration" in log


def test_stop_while_starting(make_exchange: Any) -> None:
    exchange = make_exchange()
    process = exchange.launch()
    wait_until(lambda: exchange.state() is not None, START_TIMEOUT_S, "the daemon to begin")
    process.send_signal(signal.SIGTERM)
    assert exchange.wait() == ExitStatus.OK
    assert not left_behind(exchange)


def test_stages_die_with_the_daemon_and_the_region_is_reclaimed(
    running_exchange: RunningExchange,
) -> None:
    running_exchange.kill()
    assert running_exchange.region_path.exists()
    running_exchange.start()
    assert running_exchange.stop() == ExitStatus.OK
    assert not left_behind(running_exchange)


def test_order_entry_restarts_alone(running_exchange: RunningExchange) -> None:
    before = running_exchange.state()
    assert before is not None
    with log_in(running_exchange, "S22") as client:
        client.enter("kept", "B", 100, "MSFT", 1_500_000)
        told = received(client, 2)
        os.kill(running_exchange.pid("order_entry"), signal.SIGKILL)
        with pytest.raises(ConnectionEnded):
            client.receive()
    # a client that connects meanwhile waits, it is not refused
    with log_in(running_exchange, "S22") as client:
        assert received(client, 2) == told
    after = running_exchange.wait_ready()
    for role in ("matcher", "journaler"):
        assert after.stages[role].pid == before.stages[role].pid
    assert after.stages["order_entry"].pid != before.stages["order_entry"].pid
    assert after.restarts == {"core": 0, "order_entry": 1}


@pytest.mark.parametrize("role", ["matcher", "order_entry"])
def test_restart_limit(make_exchange: Any, role: str) -> None:
    exchange = make_exchange(settings={"supervision": {"restart_limit": 0}}).start()
    os.kill(exchange.pid(role), signal.SIGKILL)
    assert exchange.wait() == ExitStatus.RESTART_LIMIT_REACHED
    assert not left_behind(exchange)


def test_no_room_for_the_rings(make_exchange: Any) -> None:
    # 2^30 events of 128 bytes: more than any /dev/shm here
    exchange = make_exchange(settings={"rings": {"events": 1 << 30}})
    exchange.launch()
    assert exchange.wait(START_TIMEOUT_S) == ExitStatus.SHARED_MEMORY_UNAVAILABLE
    assert not left_behind(exchange)


def test_damaged_journal_is_refused_with_its_place(make_exchange: Any) -> None:
    running_exchange = make_exchange().start()
    with log_in(running_exchange, "S1") as client:
        for i in range(20):
            client.enter(f"o{i}", "B", 100, "AAPL", 1_500_000)
            client.receive()
    assert running_exchange.stop() == ExitStatus.OK
    segment = min((running_exchange.data_directory / "journal").glob("*.wal"))
    with segment.open("r+b") as stream:
        stream.seek(4096 + 200)
        byte = stream.read(1)[0]
        stream.seek(4096 + 200)
        stream.write(bytes([byte ^ 1]))
    running_exchange.launch()
    assert running_exchange.wait() == ExitStatus.JOURNAL_CORRUPT
    assert segment.name in running_exchange.log_tail()
    assert not left_behind(running_exchange)


def test_it_still_stops_in_order(running_exchange: RunningExchange) -> None:
    assert running_exchange.stop() == ExitStatus.OK
    assert not left_behind(running_exchange)
