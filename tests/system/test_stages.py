"""The stages around the core: each dies and hangs alone, and a stop tells everybody.

One exchange serves most tests; each leaves it running as it found it. The last one stops it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from exchange_process import PASSWORD, RunningExchange, wait_until
from patient_client import PatientClient

from exchange.errors import ExitStatus
from exchange.runtime.run_file import RunState

pytestmark = pytest.mark.needs_jit

NOBODY = "postgresql://127.0.0.1:9/none"  # the discard port: no Postgres is there
LIMIT_S = 180.0
HANG_MS = 6_000


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    made = RunningExchange(
        tmp_path_factory.mktemp("exchange"),
        web=True,
        settings={
            "feed": {"workers": 1},
            "store": {"dsn": NOBODY, "drain_timeout_ms": 1_000},
            "health": {"stale_ms": 1_500},
            "read_model": {"checkpoint_events": 1_024, "orders": 8_192, "fills": 8_192},
            "supervision": {"hang_timeout_ms": HANG_MS, "idle_timeout_ms": 500},
        },
    )
    try:
        yield made.start()
    finally:
        made.close()


def get(address: str, path: str) -> tuple[int, dict[str, Any]]:
    """Status and body of a GET; waits as long as the connection waits to be accepted."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=LIMIT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def healthy(exchange: RunningExchange) -> bool:
    """Whether the health port says so; a connection that dies with its process says nothing."""
    with contextlib.suppress(OSError):
        return get(exchange.address("health"), "/health")[0] == 200
    return False


def replaced(exchange: RunningExchange, role: str, pid: int) -> RunState:
    """Wait until ``role`` runs again, with another pid, and all are ready."""

    def another() -> bool:
        state = exchange.state()
        stage = None if state is None else state.stages.get(role)
        return stage is not None and stage.pid != pid

    wait_until(another, LIMIT_S, f"a new {role}")
    return exchange.wait_ready(LIMIT_S)


@pytest.mark.parametrize("role", ["api", "feed_1", "store"])
def test_kill_restarts_it_alone(exchange: RunningExchange, role: str) -> None:
    before = exchange.wait_ready()
    with PatientClient("127.0.0.1", exchange.port) as client:
        client.login("S1", PASSWORD, sequence=1)
        os.kill(before.stages[role].pid, signal.SIGKILL)
        client.enter(f"during{role}", "B", 100, "AAPL", 1_000_000)
        answer = next(
            m
            for m in client.messages(LIMIT_S)
            if m.letter == "A"
            and (
                m.fields["token"].strip() == f"during{role}"  # type: ignore[union-attr]
            )
        )
        assert answer.letter == "A", "order entry does not notice"
    after = replaced(exchange, role, before.stages[role].pid)
    for other, stage in before.stages.items():
        if other != role:
            same = after.stages[other].pid == stage.pid
            assert same, f"{other} was restarted too:\n{exchange.log_tail()}"
    assert after.restarts[role] == before.restarts[role] + 1
    assert after.restarts["core"] == before.restarts["core"]
    wait_until(lambda: healthy(exchange), LIMIT_S, "the exchange to be healthy")


def test_clients_wait_while_the_api_restarts(exchange: RunningExchange) -> None:
    before = exchange.wait_ready()
    os.kill(before.stages["api"].pid, signal.SIGSTOP)  # it accepts nothing any more
    with socket.create_connection(
        tuple(exchange.address("api").rsplit(":", 1)),
        timeout=LIMIT_S,  # type: ignore[arg-type]
    ) as client:
        os.kill(before.stages["api"].pid, signal.SIGKILL)
        client.sendall(b"GET /api/v1/time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := client.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == 0
    replaced(exchange, "api", before.stages["api"].pid)


@pytest.mark.parametrize("role", ["api", "journaler"])
def test_a_stage_that_hangs_is_killed(exchange: RunningExchange, role: str) -> None:
    before = exchange.wait_ready()
    hung = exchange.status()["counters"]["stages_hung"]
    os.kill(before.stages[role].pid, signal.SIGSTOP)
    after = replaced(exchange, role, before.stages[role].pid)
    core = role == "journaler"
    assert after.restarts["core"] == before.restarts["core"] + core
    assert after.restarts[role if not core else "core"] >= 1
    assert (after.stages["matcher"].pid != before.stages["matcher"].pid) == core
    wait_until(lambda: exchange.status()["counters"]["stages_hung"] > hung, LIMIT_S, "the count")
    assert f"{role} hangs" in exchange.log_file.read_text()
    wait_until(lambda: healthy(exchange), LIMIT_S, "the exchange to be healthy")


def test_health_says_what_is_wrong(exchange: RunningExchange) -> None:
    exchange.wait_ready()

    def api_says_so() -> bool:
        status, answer = get(exchange.address("api"), "/api/v1/health")
        assert (status == 200) == (answer["data"]["problems"] == [])
        return status == 200 and answer["data"]["phase"] == "running"

    wait_until(api_says_so, LIMIT_S, "the API to say that all is well")
    stopped: list[int] = []
    said: list[str] = []

    def sick() -> bool:
        # The watchdog ends a stopped matcher after HANG_MS: then it is the next one's turn.
        state = exchange.state()
        stage = None if state is None else state.stages.get("matcher")
        with contextlib.suppress(ProcessLookupError):
            if stage is not None and stage.ready and stage.pid not in stopped:
                os.kill(stage.pid, signal.SIGSTOP)
                stopped.append(stage.pid)
        with contextlib.suppress(OSError):
            status, answer = get(exchange.address("health"), "/health")
            said[:] = answer["data"]["problems"]
            return status == 503 and any("matcher is silent" in each for each in said)
        return False

    wait_until(sick, LIMIT_S, "the health port to say that the matcher is silent")
    with contextlib.suppress(ProcessLookupError):  # the watchdog may have been faster
        os.kill(stopped[-1], signal.SIGCONT)
    wait_until(lambda: healthy(exchange), LIMIT_S, "the exchange to be healthy again")


def test_the_models_go_on_from_a_checkpoint(exchange: RunningExchange) -> None:
    before = exchange.wait_ready()
    orders = 1_100
    with PatientClient("127.0.0.1", exchange.port) as client:
        client.login("S2", PASSWORD, sequence=1)
        for i in range(orders):
            client.enter(f"book{i}", "B", 100, "MSFT", 1_000_000 + 100 * (i % 15))
        accepted = sum(1 for m in itertools.islice(client.messages(LIMIT_S), orders))
        assert accepted == orders
    checkpoints = exchange.data_directory / "read_model" / "api"
    wait_until(
        lambda: checkpoints.is_dir() and any(checkpoints.glob("*.checkpoint")),
        LIMIT_S,
        "a checkpoint",
    )
    depth = get(exchange.address("api"), "/api/v1/depth/MSFT?levels=20")
    assert depth[0] == 200 and len(depth[1]["data"]["bids"]) == 15
    log_at = exchange.log_file.stat().st_size
    os.kill(before.stages["api"].pid, signal.SIGKILL)
    replaced(exchange, "api", before.stages["api"].pid)
    assert get(exchange.address("api"), "/api/v1/depth/MSFT?levels=20") == depth
    with exchange.log_file.open() as log:
        log.seek(log_at)
        lines = [json.loads(line) for line in log if line.startswith("{")]
    loaded = [line["next_event"] for line in lines if line["message"] == "models loaded"]
    assert loaded and loaded[0] > 1_024


@pytest.mark.parametrize("name", ["api", "health", "metrics", "feed"])
def test_a_taken_port_is_said_at_once(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings: dict[str, dict[str, Any]] = {"feed": {"workers": 1}}
        settings.setdefault(name, {})["port"] = port
        other = RunningExchange(tmp_path, web=True, settings=settings)
        try:
            other.launch()
            assert other.wait() == ExitStatus.PORT_IN_USE
            assert f"127.0.0.1:{port}" in other.log_tail()
            assert not other.region_path.exists()
        finally:
            other.close()


def test_two_feed_workers_share_a_port_and_nobody_else_gets_it(exchange: RunningExchange) -> None:
    host, port = exchange.address("feed").rsplit(":", 1)
    with socket.socket() as second:
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            second.bind((host, int(port)))


def test_stop_tells_everybody(exchange: RunningExchange) -> None:
    """The last test: WebSockets are told to go, HTTP connections end, the status is 0."""
    exchange.wait_ready()

    async def watch() -> list[tuple[int | None, Any]]:
        async with aiohttp.ClientSession() as session:
            api = await session.ws_connect(f"{exchange.url}/ws")
            feed = await session.ws_connect(f"http://{exchange.address('feed')}/ws")
            for each in (api, feed):
                await each.send_json({"action": "subscribe", "channels": ["trade.AAPL"]})
                while (told := await each.receive_json(timeout=LIMIT_S))["type"] == "heartbeat":
                    pass
                assert told["type"] == "subscribed"
            stopping = asyncio.get_running_loop().run_in_executor(None, exchange.stop)
            ends = []
            for each in (api, feed):
                async for message in each:
                    assert message.type == aiohttp.WSMsgType.TEXT
                ends.append((each.close_code, None))
            assert await stopping == ExitStatus.OK
            return ends

    ends = asyncio.run(watch())
    assert [code for code, _ in ends] == [1001, 1001], "going away"
    assert not exchange.region_path.exists()
    assert not (exchange.data_directory / "run.json").exists()
