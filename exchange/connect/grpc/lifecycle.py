"""The lifecycle of the process connect_grpc, as that of the api: start, read, ready, drain, stop.

Who uses it: exchange/stages/grpc.py. The server itself binds its port (gRPC takes no socket from
others); while the port is taken, it is tried again, and trading goes on. Until the models have read
what was released at the start, and when the exchange stops, calls are answered with UNAVAILABLE and
the health service says NOT_SERVING.

Decisions CON-40 and CON-44.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

# before gRPC is loaded: this process forks only to write checkpoints, and that child ends at once
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from exchange.api.server.lifecycle import FINAL_CHECKPOINT_EVENTS, load_models
from exchange.api.server.wiring import capacity_in_use, make_market
from exchange.connect.connector import FIRST_RETRY_S, State
from exchange.connect.grpc import market, orders, report_service
from exchange.connect.grpc.handlers import Frame
from exchange.connect.grpc.messages import PACKAGE
from exchange.connect.grpc.parts import Parts
from exchange.core.counters import Counter
from exchange.errors import ConfigurationError
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.checkpoint import CheckpointWriter
from exchange.runtime.account_models import api_account_capacity
from exchange.runtime.service import ServiceStage
from exchange.settings import Settings
from exchange.settings.sections import GrpcSection
from ringbuffer.counters import set_value

log = logging.getLogger(__name__)

OUTCOME_POLL_S = 0.005
HOUSEKEEPING_S = 1.0
GRACE_S = 2.0  # in which streams and calls end by themselves at a stop
SERVICES = (orders.NAME, report_service.NAME, market.NAME)


def _options(section: GrpcSection) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # a port that is taken is an error
        ("grpc.max_receive_message_length", section.message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", section.calls_under_way),
        ("grpc.max_metadata_size", 16_384),
        ("grpc.keepalive_time_ms", section.keepalive_ms),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ]


def _credentials(section: GrpcSection) -> grpc.ServerCredentials | None:
    """What the certificate files say; None: no TLS. Raises ConfigurationError."""
    if not section.certificate_file:
        return None
    try:
        key = Path(section.private_key_file).read_bytes()
        certificate = Path(section.certificate_file).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"[grpc]: {error.filename}: {error.strerror}") from None
    return grpc.ssl_server_credentials([(key, certificate)])


class _Server:
    """The server of ``parts``, and its health."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._health = health.aio.HealthServicer()
        self._server: Any = None

    async def start(self) -> bool:
        """Listen. False: the port is taken."""
        section = self._parts.section
        server = grpc.aio.server(
            options=_options(section), maximum_concurrent_rpcs=section.calls_under_way
        )
        frame = Frame(self._parts)
        for name, service in (
            (orders.NAME, orders.OrderService(self._parts)),
            (report_service.NAME, report_service.ReportService(self._parts)),
            (market.NAME, market.MarketService(self._parts)),
        ):
            handlers = service.handlers(frame)
            full = f"{PACKAGE}.{name}"
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(full, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = [f"{PACKAGE}.{name}" for name in SERVICES]
        reflection.enable_server_reflection(
            [*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server
        )
        host = f"[{section.host}]" if ":" in section.host else section.host
        address = f"{host}:{section.port}"
        credentials = _credentials(section)
        try:
            if credentials is None:
                server.add_insecure_port(address)
            else:
                server.add_secure_port(address, credentials)
            await server.start()
        except RuntimeError:
            await server.stop(None)
            return False
        self._server = server
        await self.say(serving=False)
        return True

    async def say(self, *, serving: bool) -> None:
        """Have the health service say whether calls are answered."""
        status = health_pb2.HealthCheckResponse.ServingStatus
        now = status.SERVING if serving else status.NOT_SERVING
        for name in ("", *(f"{PACKAGE}.{name}" for name in SERVICES)):
            await self._health.set(name, now)

    async def stop(self) -> None:
        """Take no more calls, and end those that are under way within GRACE_S."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(GRACE_S)


class _Life:
    def __init__(self, stage: ServiceStage, parts: Parts, checkpoints: CheckpointWriter) -> None:
        self._stage = stage
        self._parts = parts
        self._checkpoints = checkpoints
        self._server = _Server(parts)
        self._first_event = parts.pump.next_event

    def _become(self, state: State) -> None:
        set_value(self._stage.counters, int(Counter.CONNECT_GRPC_STATE), int(state))

    async def run(self) -> None:
        pump = self._parts.pump
        self._become(State.STARTING)
        pump.start()
        assert pump.failure is not None
        tasks = [asyncio.create_task(self._serve()), asyncio.create_task(self._look_after())]
        try:
            done, _ = await asyncio.wait(
                {*tasks, pump.failure}, return_when=asyncio.FIRST_COMPLETED
            )
            for each in done:
                each.result()
            if pump.next_event - self._first_event >= FINAL_CHECKPOINT_EVENTS:
                self._checkpoints.save_now()
        finally:
            for task in tasks:
                task.cancel()
            self._checkpoints.close()
            self._parts.end()
            await self._server.stop()
            pump.close()

    async def _listen(self) -> None:
        """Take the port, however long it takes."""
        section, retry_s, told = self._parts.section, FIRST_RETRY_S, False
        while not await self._server.start():
            if not told:
                told = True
                log.error(
                    "the gRPC server cannot listen on %s:%d, trading goes on: it is taken, or not "
                    "an address of this machine",
                    section.host,
                    section.port,
                )
                self._become(State.RETRYING)
            self._parts.count(Counter.CONNECT_GRPC_RETRIES)
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, section.retry_maximum_ms / 1000)
        log.info("gRPC listens", extra={"fields": {"host": section.host, "port": section.port}})

    async def _serve(self) -> None:
        stage, parts, pump = self._stage, self._parts, self._parts.pump
        listening = asyncio.create_task(self._listen())
        reached = asyncio.create_task(pump.reached(stage.released_at_start))
        ending = asyncio.create_task(pump.intake_stopped.wait())
        try:
            while not reached.done() and not ending.done():
                await asyncio.wait(
                    {reached, ending}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED
                )
                stage.progress(f"read {pump.next_event:,} of {stage.released_at_start:,} events")
            stage.ready()  # a port that is taken must not keep the exchange from starting
            await asyncio.wait({listening, ending}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
                parts.ready = True
                self._become(State.FOLLOWING)
                await self._server.say(serving=True)
            await ending
            # streams and calls that are under way get the outcomes of what they have sent
            parts.end()
            await self._server.say(serving=False)
            while parts.gateway.under_way:
                await asyncio.sleep(OUTCOME_POLL_S)
            parts.gateway.close()
        finally:
            for task in (listening, reached, ending):
                task.cancel()

    async def _look_after(self) -> None:
        """Tell how far the process is, and begin due checkpoints, once a second."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            next_event = self._parts.pump.next_event
            set_value(self._stage.counters, int(Counter.CONNECT_GRPC_NEXT_EVENT), next_event)
            try:
                self._checkpoints.step()
            except OSError as error:  # no memory for a child, no descriptor for its pipe
                log.error("no checkpoint was begun: %s", error)


async def serve(stage: ServiceStage) -> None:
    """Run the stage until the exchange stops taking orders."""
    settings = stage.settings
    capacity = capacity_in_use(stage.data_directory)
    (market_model, accounts), checkpoints = load_models(
        stage,
        "connect_grpc",
        lambda: [
            make_market(settings, capacity, track_changes=False),
            AccountModel(api_account_capacity(settings, capacity)),
        ],
    )
    parts = Parts(stage, market_model, accounts)

    def take_over(changed: Settings) -> None:
        api = changed.api
        parts.limits.change(
            per_address=api.requests_per_second_per_ip,
            per_key=api.requests_per_second_per_key,
            burst=api.burst,
            trusted_proxies=(),
        )

    stage.on_update = take_over
    await _Life(stage, parts, checkpoints).run()
