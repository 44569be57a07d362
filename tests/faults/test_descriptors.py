"""Descriptors are raised, budgeted and checked at the start; health keeps some of its own.

Fault 15: with 512 open files and 600 WebSockets the health port did not answer, at 128 order entry
ended the exchange; one failed read of keys.json locked all API keys out until the file was touched.
"""

from __future__ import annotations

import builtins
import datetime
import errno
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange.access import keys
from exchange.access.keys import KeyFile, KeyStore, KeysUnreadable
from exchange.errors import ConfigurationError, ExitStatus
from exchange.runtime import descriptors
from exchange.settings import ROOT, Settings, load_settings
from tests.harness.exchange_process import PASSWORD, RunningExchange, wait_until
from tests.harness.patient_client import PatientClient

PATIENCE_S = 300.0
CLIENTS = 100
FLOOD = 300
# hard and soft: what the processes of this exchange may have open
LIMIT = 800


@pytest.fixture(scope="module")
def shipped() -> Settings:
    return load_settings(None)


def with_keys(settings: Settings, section: str, **values: object) -> Settings:
    changed = msgspec.structs.replace(getattr(settings, section), **values)
    return msgspec.structs.replace(settings, **{section: changed})


def limited(limit: str) -> tuple[str, ...]:
    return "sh", "-c", f'ulimit {limit}; exec "$@"', "sh"


# --- the check at the start -----------------------------------------------------------------------


@pytest.mark.parametrize("limit", [64, 512, 4_096])
def test_a_start_that_the_limit_does_not_allow_is_refused(tmp_path: Path, limit: int) -> None:
    done = subprocess.run(
        [
            *(*limited(f"-n {limit}"), sys.executable, "-m", "exchange.cli"),
            *("run", "--demo", "--data-dir", str(tmp_path / "data")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == ExitStatus.CONFIGURATION
    (line,) = done.stderr.splitlines()
    assert f"{limit:,} open files" in line and "api.connections = 16,384" in line
    assert ("order_entry.connections" in line) == (limit < 1_100)
    assert not (tmp_path / "data").exists()


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    program = (
        "import resource; from exchange.runtime.descriptors import raise_limit;"
        "print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    for limit, expected in (("-Sn 100", None), ("-Sn 100; ulimit -Hn 900", "900 900 900")):
        done = subprocess.run(
            [*limited(limit), sys.executable, "-c", program],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        now, soft, hard = map(int, done.stdout.split())
        assert now == soft == min(hard, descriptors.ENOUGH)
        assert expected is None or done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("section", "values", "process"),
    [
        ("order_entry", {"connections": 10_000}, "order_entry"),
        ("api", {"connections": 60_000}, "api"),
        ("feed", {"workers": 1, "connections": 60_000}, "feed"),
    ],
)
def test_each_process_is_checked(
    shipped: Settings, section: str, values: dict[str, object], process: str
) -> None:
    settings = with_keys(with_keys(shipped, "api", connections=1_000), section, **values)
    need = next(each for each in descriptors.needs(settings) if each.process == process)
    descriptors.check(settings, need.descriptors)
    with pytest.raises(ConfigurationError) as caught:
        descriptors.check(settings, need.descriptors - 1)
    # what it says would fit fits
    assert f"{need.key} = {need.value:,}" in str(caught.value)
    fits = with_keys(settings, section, connections=need.value - 1)
    assert f"at most {need.value - 1:,} would fit" in str(caught.value)
    descriptors.check(fits, need.descriptors - 1)


def test_what_does_not_run_needs_nothing(shipped: Settings) -> None:
    off = with_keys(with_keys(shipped, "api", enabled=False), "store", dsn="off")
    off = with_keys(off, "snapshot", enabled=False)
    assert [need.process for need in descriptors.needs(off)] == ["daemon", "order_entry"]


# --- a read that failed ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO])
@pytest.mark.parametrize("file", [keys.FILE, keys.MASTER_KEY_FILE])
def test_a_failed_read_of_the_keys_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, file: str
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    key, _ = KeyFile(tmp_path).make(1, ["trade"], "", now)
    real = builtins.open
    failures = 2

    def failing(path: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal failures
        if Path(str(path)).name == file and failures:
            failures -= 1
            raise OSError(number, os.strerror(number))
        return real(path, *arguments, **options)

    store = KeyStore(tmp_path)
    monkeypatch.setattr("io.open", failing)  # what pathlib calls
    for _ in range(2):
        with pytest.raises(KeysUnreadable):
            store.find(key.id)
    assert store.find(key.id) is not None


# --- an exchange with few descriptors -------------------------------------------------------------


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    few = {"connections": CLIENTS}
    made = RunningExchange(
        tmp_path_factory.mktemp("descriptors"),
        web=True,
        settings={
            "order_entry": {**few, "unauthenticated_connections": CLIENTS},
            "api": {**few, "connections_per_ip": CLIENTS},
        },
    )
    made.start(*limited(f"-Sn 100; ulimit -Hn {LIMIT}"))
    yield made
    made.close()


def connect(stack: ExitStack, address: str, count: int) -> None:
    host, _, port = address.rpartition(":")
    for _ in range(count):
        stack.enter_context(socket.create_connection((host, int(port)), PATIENCE_S))


@pytest.mark.needs_jit
def test_what_a_process_has_open_by_itself_is_within_its_budget(exchange: RunningExchange) -> None:
    for process in ("daemon", "order_entry", "api"):
        opened = len(os.listdir(f"/proc/{exchange.pid(process)}/fd"))
        assert opened < descriptors.BASE[process] * 3 // 4, process


@pytest.mark.needs_jit
def test_health_answers_and_members_log_in_after_a_flood(exchange: RunningExchange) -> None:
    before = exchange.state()
    assert before is not None
    with ExitStack() as stack:
        connect(stack, exchange.address("api"), FLOOD)
        connect(stack, exchange.address("order_entry"), FLOOD)
        for _ in range(20):
            url = f"http://{exchange.address('health')}/health"
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                assert json.load(answer)["data"]["healthy"]

    def logs_in() -> bool:
        try:
            with PatientClient("127.0.0.1", exchange.port) as client:
                client.login("S1", PASSWORD)
        except (OSError, EOFError):
            return False
        return True

    wait_until(logs_in, PATIENCE_S, "a member to log in after the flood")
    after = exchange.state()
    assert after is not None and after.restarts == before.restarts


@pytest.mark.needs_jit
def test_an_address_with_all_connections_keeps_nobody_out(exchange: RunningExchange) -> None:
    host, _, port = exchange.address("api").rpartition(":")
    request = b"GET /api/v1/time HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stranger = stack.enter_context(
                socket.create_connection((host, int(port)), PATIENCE_S, ("127.0.0.2", 0))
            )
            stranger.sendall(request)
            assert stranger.recv(1_000).startswith(b"HTTP/1.1 200 ")
        for _ in range(3):
            with urllib.request.urlopen(f"{exchange.url}/api/v1/time", timeout=PATIENCE_S) as one:
                assert one.status == 200

        def capacity() -> dict[str, dict[str, int]]:
            found: dict[str, dict[str, int]] = exchange.status()["capacity"]
            return found

        # counted once a second
        wait_until(lambda: capacity()["api_descriptors"]["used"] > CLIENTS, PATIENCE_S, "the gauge")
        assert capacity()["api_descriptors"]["size"] == LIMIT


@pytest.mark.needs_jit
def test_many_who_hold_the_control_socket_do_not_hold_up_the_daemon(
    exchange: RunningExchange,
) -> None:
    path = exchange.data_directory / "control.sock"
    with ExitStack() as stack:
        for _ in range(2 * LIMIT // 3):
            idle = stack.enter_context(socket.socket(socket.AF_UNIX))
            idle.connect(str(path))
    assert exchange.admin("kill", "--exchange", "on")
    assert exchange.stop() == 0
