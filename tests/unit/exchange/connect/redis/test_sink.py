"""RedisSink behind the connector's loop: whatever happens, Redis says what the models say."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from memory_redis_server import MemoryServer, SinkWorld
from memory_sink import RunningConnector
from store_world import MemoryArchive, random_events, write_archive

from exchange.connect.redis import commands
from exchange.connect.redis import sink as module
from exchange.connect.redis.content import Item, content
from exchange.connect.redis.server import Position
from exchange.connect.redis.sink import RedisSink, shape_of, sizes_of
from exchange.connect.sink import exchange_identity
from exchange.settings import Settings, load_settings
from tests.harness.exchange_process import wait_until

BATCH_EVENTS = 64
LIMIT_S = 60.0


@pytest.fixture
def events() -> np.ndarray:
    return random_events(1, 1_000)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MemoryServer:
    made = MemoryServer()
    monkeypatch.setattr(commands, "CHUNK_COMMANDS", 7)  # everything anew in many transactions
    monkeypatch.setattr(module, "Server", made)
    return made


@pytest.fixture
def settings() -> Settings:
    shipped = load_settings(None)
    section = msgspec.structs.replace(
        shipped.redis, levels=3, trades=5, klines=4, batch_events=BATCH_EVENTS, prefix="x"
    )
    return msgspec.structs.replace(shipped, redis=section)


@pytest.fixture
def directory(tmp_path: Path, events: np.ndarray) -> Path:
    write_archive(tmp_path, events)
    return tmp_path


def running(
    archive: MemoryArchive, directory: Path, settings: Settings, batch_events: int = BATCH_EVENTS
) -> RunningConnector:
    sink = RedisSink(SinkWorld(archive, directory, settings))
    return RunningConnector(archive, sink, batch_events=batch_events)


def wait_for(server: MemoryServer, next_event: int) -> None:
    def there() -> bool:
        position = server.position
        return position is not None and position.next_event == next_event

    wait_until(there, LIMIT_S, f"event {next_event} in Redis")


def expected(
    events: np.ndarray, next_event: int, directory: Path, settings: Settings
) -> dict[str, Item]:
    models = sizes_of(directory, settings).empty()
    models.read_on(MemoryArchive(events), next_event, lambda: None)
    return {item.key: item for item in content(models, shape_of(settings))}


def test_an_empty_redis_gets_the_state_of_now_and_what_comes_then(
    events: np.ndarray, server: MemoryServer, directory: Path, settings: Settings
) -> None:
    archive = MemoryArchive(events, 500)
    with running(archive, directory, settings):
        wait_for(server, 500)  # without a further event
        assert server.redis.items == expected(events, 500, directory, settings)
        archive.release(len(events))
        wait_for(server, len(events))
    assert server.redis.items == expected(events, len(events), directory, settings)
    assert server.position is not None and server.position.identity == exchange_identity(archive)


def test_an_idle_redis_that_is_emptied_is_made_anew(
    events: np.ndarray, server: MemoryServer, directory: Path, settings: Settings
) -> None:
    archive = MemoryArchive(events, 500)
    with running(archive, directory, settings):
        wait_for(server, 500)
        server.flush()
        wait_for(server, 500)
    assert server.redis.items == expected(events, 500, directory, settings)


@pytest.mark.parametrize("there", [False, True])
def test_lost_answers_and_lost_transactions(
    events: np.ndarray, server: MemoryServer, directory: Path, settings: Settings, there: bool
) -> None:
    archive = MemoryArchive(events, 100)
    server.fail_at = {number: there for number in (1, 2, 3, 6, 7, 11)}
    with running(archive, directory, settings):
        wait_for(server, 100)
        for released in range(100, len(events), 50):
            archive.release(released)
            wait_for(server, released)
            assert server.redis.items == expected(events, released, directory, settings)
    assert archive.progress[-1].retries >= 6


def test_a_command_that_fails_has_everything_made_anew(
    events: np.ndarray, server: MemoryServer, directory: Path, settings: Settings
) -> None:
    archive = MemoryArchive(events, 500)
    with running(archive, directory, settings):
        wait_for(server, 500)
        server.errors_at = {server.transactions + 2}
        opened = server.opened
        archive.release(600)
        wait_until(lambda: server.opened > opened, LIMIT_S, "a new connection")
        wait_for(server, 600)
    assert server.redis.items == expected(events, 600, directory, settings)


def test_a_restart_goes_on_from_redis_and_its_checkpoint(
    events: np.ndarray, server: MemoryServer, directory: Path, settings: Settings
) -> None:
    archive = MemoryArchive(events, 500)
    sink = RedisSink(SinkWorld(archive, directory, settings))
    with RunningConnector(archive, sink, batch_events=BATCH_EVENTS):
        wait_for(server, 500)
    sink.save_models()
    archive.release(len(events))
    before = server.transactions
    with running(archive, directory, settings):
        wait_for(server, len(events))
    assert server.redis.items == expected(events, len(events), directory, settings)
    assert server.transactions - before <= (len(events) - 500) // BATCH_EVENTS + 200
    # and one that is older than the checkpoint is made anew
    server.position = server.position._replace(next_event=300) if server.position else None
    with running(archive, directory, settings):
        wait_for(server, len(events))
    assert server.redis.items == expected(events, len(events), directory, settings)


def test_what_is_far_behind_is_made_anew(
    events: np.ndarray,
    server: MemoryServer,
    directory: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = MemoryArchive(events, 100)
    with running(archive, directory, settings):
        wait_for(server, 100)
    monkeypatch.setattr(module, "FAR_EVENTS", 300)
    server.redis.items.pop("x:symbols")  # so it is seen that nothing was carried on
    archive.release(500)
    with running(archive, directory, settings):
        wait_for(server, 500)
    assert server.redis.items == expected(events, 500, directory, settings)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"identity": "of another"}, "of another exchange"),
        ({"next_event": 10_000}, "the data directory is older"),
    ],
)
def test_what_is_not_ours_is_left_alone(
    events: np.ndarray,
    server: MemoryServer,
    directory: Path,
    settings: Settings,
    change: dict[str, Any],
    told: str,
) -> None:
    archive = MemoryArchive(events, 500)
    found = Position(100, exchange_identity(archive), shape_of(settings).text, 0)
    server.position = found = found._replace(**change)
    with running(archive, directory, settings):
        wait_until(
            lambda: bool(archive.progress) and told in archive.progress[-1].text, LIMIT_S, told
        )
    assert server.position == found and not server.transactions


def test_content_of_another_shape_is_made_anew(
    events: np.ndarray, server: MemoryServer, directory: Path, settings: Settings
) -> None:
    archive = MemoryArchive(events, 500)
    server.position = Position(500, exchange_identity(archive), "0 levels=1", 0)
    with running(archive, directory, settings):
        wait_until(
            lambda: server.redis.items == expected(events, 500, directory, settings),
            LIMIT_S,
            "the content",
        )


def test_another_instance_is_waited_for_and_then_refused(
    events: np.ndarray,
    server: MemoryServer,
    directory: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s = 1_000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s)
    sink = RedisSink(SinkWorld(MemoryArchive(events, 500), directory, settings))
    server.held = b"abc elsewhere 1"
    for seconds, kind in ((0.0, "SinkAway"), (9.0, "SinkAway"), (10.5, "SinkRefused")):
        now_s = 1_000.0 + seconds
        with caplog.at_level(logging.INFO), pytest.raises(Exception, match="elsewhere") as caught:
            sink.open()
        assert type(caught.value).__name__ == kind
    server.held = b""
    assert sink.open() is None


def test_a_server_that_throws_keys_away_is_refused(
    events: np.ndarray, server: MemoryServer, directory: Path, settings: Settings
) -> None:
    sink = RedisSink(SinkWorld(MemoryArchive(events, 500), directory, settings))
    server.memory = b"maxmemory:1000000\r\nmaxmemory_policy:allkeys-lru\r\n"
    with pytest.raises(module.SinkRefused, match="maxmemory-policy allkeys-lru"):
        sink.open()
    server.memory = b"maxmemory:1000000\r\nmaxmemory_policy:volatile-lru\r\n"
    assert sink.open() is None
