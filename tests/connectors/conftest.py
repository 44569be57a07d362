"""Fixtures of the tests against real servers: they are witnesses, see ``tests/conftest.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


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
