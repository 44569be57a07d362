"""Fixtures: an in-process core and gateways on it, ended after each test whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def make_gateway(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """``make_gateway(core=None or keywords of Core, **parameters)`` -> a started GatewayProcess.

    Sockets are driven by system calls from jitted code: a test that uses it needs the JIT.
    """
    assert request.node.get_closest_marker("needs_jit"), "sockets need the JIT: mark the test"
    from tests.harness.order_entry_core import Core, GatewayProcess

    cores: list[Core] = []
    gateways: list[GatewayProcess] = []

    def make(core: Core | dict[str, Any] | None = None, **parameters: Any) -> GatewayProcess:
        if not isinstance(core, Core):
            core = Core(**(core or {}))
            cores.append(core)
            core.start()
        gateway = GatewayProcess(core, **parameters)
        gateways.append(gateway)
        return gateway.start()

    yield make
    try:
        for gateway in gateways:
            if gateway.status is None:
                gateway.stop()
    finally:
        for core in cores:
            core.close()
    for gateway in gateways:
        assert gateway.status == 0, "the gateway died of a bug"
