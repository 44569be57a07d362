"""Builds the parts of an ``ApiService`` from the configuration and the shared memory.

Who uses it: the stages api and feed. The parts themselves do not read the configuration: this file
maps its keys to their parameters.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from exchange.access.keys import KeyStore
from exchange.api.access.auth import Authenticator
from exchange.api.access.nonces import FILE as NONCE_FILE
from exchange.api.access.nonces import NonceFile
from exchange.api.access.rate_limit import RateLimits, TokenBuckets
from exchange.api.base.event_pump import EventPump
from exchange.api.base.service import ApiService, Counters
from exchange.api.orders.client_ids import FILE as CLIENT_ORDER_IDS_FILE
from exchange.api.orders.client_ids import ClientOrderIds
from exchange.api.orders.gateway import OrderGateway
from exchange.api.orders.marks import CommandMarks, Entrance
from exchange.api.server.connections import ConnectionLimits
from exchange.api.websocket.hub import Hub
from exchange.api.websocket.private_actions import PrivateActions
from exchange.api.websocket.private_channel import PrivateChannel
from exchange.api.websocket.settings import websocket_parameters
from exchange.core.capacity import EngineCapacity
from exchange.core.counters import WEB_COUNTERS, Counter, Histogram
from exchange.core.pipeline import IngressRing
from exchange.metrics.collector import DepthBounds, ExchangeCollector
from exchange.metrics.event_counts import EventCounts
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.market.model import MarketModel
from exchange.runtime.capacity_use import sizes_of
from exchange.runtime.data_directory import load_capacity
from exchange.runtime.health import HealthWatch
from exchange.runtime.service import ServiceStage
from exchange.settings import Settings
from exchange.settings.sections import RiskSection
from ringbuffer.counters import HISTOGRAM_WORDS

MILLISECONDS_PER_SECOND = 1000
BUCKETS = 65_536  # accounts whose commands are counted at one time


def capacity_in_use(data_directory: Path) -> EngineCapacity:
    """The engine's capacities, which the matcher has fixed before any stage begins."""
    capacity = load_capacity(data_directory)
    assert capacity is not None, "the matcher has fixed the capacities"
    return capacity


def make_market(
    settings: Settings, capacity: EngineCapacity, *, track_changes: bool = True
) -> MarketModel:
    """An empty market model of the configured sizes."""
    return MarketModel(
        capacity.instruments,
        trades_kept=settings.read_model.trades,
        klines_kept=settings.read_model.klines,
        track_changes=track_changes,
    )


def make_watch(stage: ServiceStage) -> HealthWatch:
    """The watch behind ``GET /health``."""
    section = stage.settings.health
    return HealthWatch(
        stage.cursors,
        stage.counters,
        stage.data_directory,
        stale_ms=section.stale_ms,
        lag_ms=section.lag_ms,
        sizes=sizes_of(stage.settings, capacity_in_use(stage.data_directory)),
    )


def make_entrance(stage: ServiceStage, ring: IngressRing, commands: Counter) -> Entrance:
    """The way into the core; with marks where api and connect_grpc use the same sessions."""
    settings = stage.settings
    if not (settings.api.enabled and settings.grpc.enabled):
        return Entrance(ring, commands)
    cycle = len(IngressRing) * settings.matcher.batch
    return Entrance(
        ring, commands, CommandMarks(stage.arrays["command_ring"], stage.cursors, cycle)
    )


def command_buckets(risk: RiskSection) -> TokenBuckets:
    """How many commands an account may send, as over order entry (``messages_per_order``)."""
    rate = risk.session_orders_per_second * risk.messages_per_order
    burst = max(risk.session_burst * risk.messages_per_order, 1)
    return TokenBuckets(rate, burst, BUCKETS)


def _make_gateway(stage: ServiceStage, market: MarketModel, accounts: AccountModel) -> OrderGateway:
    """The gateway of the API's orders, which writes into the API's ingress ring."""
    first = int(Histogram.API_OUTCOME_NS) * HISTOGRAM_WORDS
    return OrderGateway(
        stage.arrays[IngressRing.API.section],
        stage.cursors,
        stage.counters,
        stage.matcher_eventfd,
        market,
        accounts,
        outcome_timeout_s=stage.settings.api.outcome_timeout_ms / MILLISECONDS_PER_SECOND,
        outcome_ns=stage.arrays["histograms"][first : first + HISTOGRAM_WORDS],
        commands=command_buckets(stage.settings.risk),
        client_order_ids=ClientOrderIds(stage.data_directory / CLIENT_ORDER_IDS_FILE),
        entrance=make_entrance(stage, IngressRing.API, Counter.API_COMMANDS),
    )


def take_over(service: ApiService, settings: Settings, limits: ConnectionLimits) -> None:
    """What a reload changes in a process with a web server, see daemon/reload.py."""
    api, health = settings.api, settings.health
    if service.limits is not None:
        service.limits.change(
            per_address=api.requests_per_second_per_ip,
            per_key=api.requests_per_second_per_key,
            burst=api.burst,
            trusted_proxies=api.trusted_proxies,
        )
    limits.change(api.connections_per_ip)
    service.allowed_origins = tuple(api.allowed_origins)
    service.change_health(stale_ms=health.stale_ms, lag_ms=health.lag_ms)
    service.hub.parameters = websocket_parameters(settings, service.role)


def make_metrics(stage: ServiceStage, service: ApiService) -> CollectorRegistry:
    """What ``/metrics`` tells: the collector hears of each event before the models do."""
    counts = EventCounts()
    service.pump.add_listener(counts.learn)
    section = stage.settings.metrics
    configuration = msgspec.json.encode(stage.configuration)
    collector = ExchangeCollector(
        stage.arrays,
        stage.data_directory,
        archive=stage.archive(),
        market=service.market,
        counts=counts,
        depth=DepthBounds(section.depth_symbols, section.depth_levels),
        sizes=sizes_of(stage.settings, capacity_in_use(stage.data_directory)),
        health=service.health,
        configuration=hashlib.sha256(configuration).hexdigest()[:16],
        certificate_files=section.certificate_files,
    )
    service.hub.add_every_second(collector.throughput.tick)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def make_api_service(
    stage: ServiceStage, market: MarketModel, accounts: AccountModel
) -> ApiService:
    """The service of the stage api over models that stand at the same event."""
    settings = stage.settings
    api = settings.api
    assert market.next_event == accounts.next_event
    counters = Counters(stage.counters, WEB_COUNTERS[stage.role])
    pump = EventPump(
        stage,
        stage.follower(market.next_event),
        batch_events=settings.read_model.batch_events,
        lapped=lambda: counters.add("lapped"),
    )
    gateway = _make_gateway(stage, market, accounts)
    master_key_file = Path(api.master_key_file) if api.master_key_file else None
    keys = KeyStore(stage.data_directory, master_key_file)
    limits = RateLimits(
        per_address=api.requests_per_second_per_ip,
        per_key=api.requests_per_second_per_key,
        burst=api.burst,
        trusted_proxies=api.trusted_proxies,
    )
    authenticator = Authenticator(
        keys,
        limits,
        receive_window_ms=api.receive_window_ms,
        nonce_file=NonceFile(stage.data_directory / NONCE_FILE),
    )
    service = ApiService(
        role=stage.role,
        pump=pump,
        counters=counters,
        watch=make_watch(stage),
        released=stage.released,
        market=market,
        accounts=accounts,
        gateway=gateway,
        keys=keys,
        limits=limits,
        authenticator=authenticator,
        allowed_origins=api.allowed_origins,
        body_bytes=api.body_bytes,
    )
    service.hub = Hub(
        market,
        websocket_parameters(settings, stage.role),
        clock_ms=lambda: service.clock() // 1_000_000,
        count=counters.add,
    )
    channel = PrivateChannel(
        market, accounts, keys, describe=gateway.describe, history=stage.archive().view
    )
    service.hub.add_every_second(channel.look_after)
    service.private = PrivateActions(
        authenticator,
        channel,
        gateway,
        limits,
        actions_under_way=service.hub.parameters.actions_under_way,
        sockets_left=lambda: service.hub.parameters.connections - len(service.hub.subscribers),
    )
    # this order is part of the contract: no answer names anything that the models do not know yet
    pump.add_listener(market.apply)
    pump.add_listener(accounts.apply)
    pump.add_listener(gateway.learn)
    pump.add_listener(channel.learn)
    pump.add_after(service.hub.publish)
    return service
