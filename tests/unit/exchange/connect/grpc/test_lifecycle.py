"""The server: its port, its certificate, its health. The rest: tests/connectors/test_grpc.py."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from grpc_client import free_port
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_world import GrpcWorld, with_world

from exchange.connect.grpc.lifecycle import _credentials, _Server
from exchange.errors import ConfigurationError
from exchange.settings import load

SECTION = load(None).settings.grpc


def section(**keys: Any) -> Any:
    return msgspec.structs.replace(SECTION, **keys)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert _credentials(SECTION) is None
    with pytest.raises(ConfigurationError, match="No such file"):
        _credentials(section(certificate_file=str(tmp_path / "c"), private_key_file="/k"))


def test_a_port_is_taken_once_and_health_is_told() -> None:
    async def test(world: GrpcWorld) -> None:
        port = free_port()
        world.section = section(port=port)
        first, second = _Server(world), _Server(world)  # type: ignore[arg-type]
        assert await first.start()
        assert not await second.start()
        await second.stop()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for serving in (False, True):
                await first.say(serving=serving)
                answer = await stub.Check(health_pb2.HealthCheckRequest())
                status = health_pb2.HealthCheckResponse.ServingStatus
                assert answer.status == (status.SERVING if serving else status.NOT_SERVING)
        await first.stop()
        assert await second.start()
        await second.stop()
        await asyncio.sleep(0)

    with_world(test)
