"""Fixtures of the tests against real servers: they are witnesses, see ``tests/conftest.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.connect.grpc.generate import generate, is_current

if not is_current():
    generate()


@pytest.fixture
def make_kafka(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A factory of brokers, started: ``make_kafka(protocol=..., properties=...)``."""
    from tests.harness.kafka_server import KafkaMissing, KafkaServer

    made: list[KafkaServer] = []

    def make(**arguments: Any) -> KafkaServer:
        try:
            made.append(KafkaServer(tmp_path / f"kafka-{len(made)}", **arguments))
        except KafkaMissing as error:
            pytest.skip(str(error))
        return made[-1].start()

    yield make
    for server in made:
        server.kill()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Any]:
    """One RabbitMQ for all tests: each uses queues and exchanges with names of its own."""
    from rabbitmq_server import RabbitmqServer

    with RabbitmqServer() as running:
        yield running


@pytest.fixture
def make_with_rabbitmq(rabbitmq: Any, make_exchange: Callable[..., Any]) -> Callable[..., Any]:
    """Exchanges, not started, whose connector writes to ``rabbitmq``; ``keys``: of [rabbitmq]."""
    from rabbitmq_server import PASSWORD

    def make(*, password: str = PASSWORD, web: bool = False, **keys: Any) -> Any:
        section = {
            "enabled": True,
            "url": rabbitmq.url,
            "password_file": "rabbitmq.password",
            "retry_maximum_ms": 500,
            "confirm_timeout_ms": 3_000,
        }
        settings = {
            "rabbitmq": section | keys,
            "supervision": {"retry_maximum_ms": 250},  # a process that is killed again and again
            "api": {"requests_per_second_per_ip": 10_000, "requests_per_second_per_key": 10_000},
        }
        exchange = make_exchange(settings=settings, web=web)
        exchange.data_directory.mkdir(mode=0o700)
        (exchange.data_directory / "rabbitmq.password").write_text(f"{password}\n")
        return exchange

    return make
