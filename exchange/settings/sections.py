"""The sections of exchange.toml as immutable structures.

Who uses it: ``load_settings`` and, for the types, everything that takes a part of the settings.
Invariant: this module holds no default value; the shipped ``config/exchange.toml`` holds them all.

Decision ARC-4.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1, le=1 << 40)]
Milliseconds = Annotated[int, Meta(ge=1, le=86_400_000)]
SmallCount = Annotated[int, Meta(ge=1, le=65_535)]
PowerOfTwo = Annotated[int, Meta(ge=16, le=1 << 30, description="a power of two")]
AmqpName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,127}\Z")]
Origin = Annotated[str, Meta(pattern=r"^https?://[a-z0-9.:\[\]-]+\Z")]
Niceness = Annotated[int, Meta(ge=0, le=19)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
CpuNumbers = list[Annotated[int, Meta(ge=0, le=4_095)]]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\Z")]
OPERATOR_PATTERN = r"^[A-Za-z0-9._-]{1,16}\Z"  # what a journaled command has room for
# ranges of docs/matching.md, "Operators' commands"
Limit = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
QuantityLimit = Annotated[int, Meta(ge=0, le=1 << 40)]
Rate = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Burst = Annotated[int, Meta(ge=1, le=1_000_000)]
WindowSeconds = Annotated[int, Meta(ge=1, le=86_400)]
OrderCount = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]
Days = Annotated[int, Meta(ge=0, le=36_500)]
HostAndPort = Annotated[str, Meta(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}\Z")]
OptionalTopic = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{0,200}\Z")]  # "": none
FilePath = Annotated[str, Meta(pattern=r"^(/.*)?\Z")]  # absolute; "": none
ByteLimit = Annotated[int, Meta(ge=0, le=1 << 50)]  # 0: none
PreventionMode = Literal["none", "cancel_resting", "cancel_incoming", "cancel_both", "decrement"]


AbsolutePath = Annotated[str, Meta(pattern=r"^(/.*)?\Z")]  # "": none
# no user and no password in it: they have keys of their own
REDIS_URL = r"^(rediss?://[A-Za-z0-9_.-]+|rediss?://\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/\d{0,5})?\Z|^unix:///[^?@\s]+(\?db=\d{1,5})?\Z"


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table whose keys are exactly the fields."""


class ExchangeSection(Section, frozen=True, kw_only=True):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}\Z")]
    accounts_file: Annotated[str, Meta(min_length=1)]
    instruments_file: Annotated[str, Meta(min_length=1)]
    sessions_file: Annotated[str, Meta(min_length=1)]
    operators: list[Annotated[str, Meta(pattern=OPERATOR_PATTERN)]]


class DaySection(Section, frozen=True, kw_only=True):
    roll: Literal["daily", "manual"]
    timezone: str
    roll_time: TimeOfDay
    follow_step_s: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    late_auction_s: Annotated[int, Meta(ge=0, le=86_400)]


class CapacitySection(Section, frozen=True, kw_only=True):
    instruments: Annotated[int, Meta(ge=2, le=65_535)]
    sessions: Annotated[int, Meta(ge=2, le=65_535)]
    live_orders: Annotated[int, Meta(ge=1, le=1 << 26)]
    level_blocks: Annotated[int, Meta(ge=1, le=1 << 24)]
    level_nodes: Annotated[int, Meta(ge=4, le=1 << 24)]
    tokens_per_day: Annotated[int, Meta(ge=1, le=200_000_000)]
    accounts: Annotated[int, Meta(ge=2, le=1 << 20)]
    positions: Annotated[int, Meta(ge=1, le=1 << 24)]


class RingsSection(Section, frozen=True, kw_only=True):
    ingress_control: PowerOfTwo
    ingress_order_entry: PowerOfTwo
    ingress_api: PowerOfTwo
    ingress_grpc: PowerOfTwo
    commands: PowerOfTwo
    events: PowerOfTwo


class MatcherSection(Section, frozen=True, kw_only=True):
    prefault_bytes: Annotated[int, Meta(ge=0, le=1 << 40)]
    batch: Annotated[int, Meta(ge=2, le=65_535)]  # a long command takes two slots


class JournalSection(Section, frozen=True, kw_only=True):
    segment_bytes: Annotated[int, Meta(ge=65_536, le=1 << 40, multiple_of=4_096)]
    batch: Annotated[int, Meta(ge=2, le=1 << 24)]
    archive_segment_events: PowerOfTwo
    stop_free_bytes: Annotated[int, Meta(ge=0, le=1 << 50)]


class OrderEntrySection(Section, frozen=True, kw_only=True):
    host: Annotated[str, Meta(min_length=1)]
    port: Port
    listen_backlog: SmallCount
    congestion_control: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{0,15}\Z")]
    connections: SmallCount
    unauthenticated_connections: SmallCount
    receive_bytes: Annotated[int, Meta(ge=4_096, le=1 << 30)]
    output_bytes: Annotated[int, Meta(ge=16_384, le=1 << 30)]
    backlog_messages: Count
    stall_timeout_ms: Milliseconds
    login_timeout_ms: Milliseconds
    heartbeat_interval_ms: Milliseconds
    client_timeout_ms: Milliseconds
    takeover_ms: Milliseconds
    linger_ms: Milliseconds
    timer_interval_ms: Milliseconds
    password_threads: Annotated[int, Meta(ge=1, le=64)]
    batch_events: Annotated[int, Meta(ge=16, le=1 << 20)]


class ApiSection(Section, frozen=True, kw_only=True):
    """REST, the main WebSocket port and the trading page."""

    enabled: bool
    host: Annotated[str, Meta(min_length=1)]
    port: Port
    nice: Niceness
    listen_backlog: SmallCount
    connections: SmallCount
    connections_per_ip: SmallCount
    websocket_connections: SmallCount
    subscriptions_per_connection: SmallCount
    body_bytes: Annotated[int, Meta(ge=1_024, le=1 << 24)]
    header_bytes: Annotated[int, Meta(ge=1_024, le=1 << 20)]
    requests_per_second_per_ip: Annotated[int, Meta(ge=1, le=1_000_000)]
    requests_per_second_per_key: Annotated[int, Meta(ge=1, le=1_000_000)]
    burst: Annotated[int, Meta(ge=1, le=1_000_000)]
    receive_window_ms: Milliseconds
    outcome_timeout_ms: Milliseconds
    idle_timeout_ms: Milliseconds
    allowed_origins: list[Origin]
    trusted_proxies: list[Annotated[str, Meta(min_length=1)]]
    master_key_file: str


class HealthSection(Section, frozen=True, kw_only=True):
    """The probes' own port."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port
    stale_ms: Milliseconds
    lag_ms: Milliseconds


class MetricsSection(Section, frozen=True, kw_only=True):
    """The port of ``/metrics`` and what it tells."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port
    depth_symbols: Annotated[int, Meta(ge=0, le=10_000)]
    depth_levels: Annotated[int, Meta(ge=1, le=1_000)]
    certificate_files: list[Annotated[str, Meta(pattern="^/")]]


class FeedSection(Section, frozen=True, kw_only=True):
    """WebSocket subscribers, of the API's own port and of the feed workers."""

    workers: Annotated[int, Meta(ge=0, le=4)]
    host: Annotated[str, Meta(min_length=1)]
    port: Port
    nice: Niceness
    listen_backlog: SmallCount
    connections: Annotated[int, Meta(ge=1, le=1_000_000)]
    tick_ms: Milliseconds
    heartbeat_ms: Milliseconds
    conflate_bytes: Annotated[int, Meta(ge=1_024, le=1 << 30)]
    drop_bytes: Annotated[int, Meta(ge=1_024, le=1 << 30)]
    stall_timeout_ms: Milliseconds


class ReadModelSection(Section, frozen=True, kw_only=True):
    """How much api, feed and store remember of the events."""

    orders: Annotated[int, Meta(ge=1_024, le=1 << 26)]
    fills: Annotated[int, Meta(ge=1_024, le=1 << 26)]
    trades: Annotated[int, Meta(ge=1, le=1 << 20)]
    klines: Annotated[int, Meta(ge=1, le=1 << 20)]
    batch_events: Annotated[int, Meta(ge=64, le=1 << 20)]
    checkpoint_events: Annotated[int, Meta(ge=1_024, le=1 << 40)]


class StoreSection(Section, frozen=True, kw_only=True):
    """Postgres."""

    dsn: Annotated[str, Meta(pattern=r"^(embedded|off|postgres(ql)?://\S+)\Z")]
    nice: Niceness
    batch_events: Annotated[int, Meta(ge=64, le=1 << 20)]
    flush_ms: Milliseconds
    retry_maximum_ms: Milliseconds
    statement_timeout_ms: Milliseconds
    lock_timeout_ms: Milliseconds
    user: Annotated[str, Meta(min_length=1)]
    drain_timeout_ms: Milliseconds
    retention_months: Annotated[int, Meta(ge=0, le=1_200)]
    drop_months: Annotated[int, Meta(ge=0, le=1_200)]
    months_ahead: Annotated[int, Meta(ge=1, le=24)]


class SnapshotSection(Section, frozen=True, kw_only=True):
    """When the process snapshotter makes a snapshot, and how gently."""

    enabled: bool
    interval_s: Annotated[int, Meta(ge=1, le=31_536_000)]
    commands: Count
    nice: Niceness
    bytes_per_second: Annotated[int, Meta(ge=1 << 20, le=1 << 40)]


class RetentionSection(Section, frozen=True, kw_only=True):
    """What leaves the disk, and when; never what is needed to recover."""

    check_s: Annotated[int, Meta(ge=1, le=86_400)]
    journal_days: Days
    journal_bytes: ByteLimit
    archive_days: Days
    archive_bytes: ByteLimit
    keep_archive: bool
    log_bytes: ByteLimit
    log_files: Annotated[int, Meta(ge=1, le=10_000)]


class ArchiveSection(Section, frozen=True, kw_only=True):
    """Where segments that leave the disk are copied first."""

    directory: str
    command: list[Annotated[str, Meta(min_length=1)]]
    timeout_s: Annotated[int, Meta(ge=1, le=86_400)]
    level: Annotated[int, Meta(ge=1, le=19)]


class ConnectorSection(Section, frozen=True, kw_only=True):
    """What every connector has: exchange/connect/."""

    enabled: bool
    nice: Niceness
    batch_events: Annotated[int, Meta(ge=64, le=1 << 20)]
    retry_maximum_ms: Milliseconds


class KafkaSection(ConnectorSection, frozen=True, kw_only=True):
    """Trades, and more by choice, into topics of Kafka."""

    servers: Annotated[list[HostAndPort], Meta(min_length=1)]
    trades_topic: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,200}\Z")]
    order_events_topic: OptionalTopic
    klines_topic: OptionalTopic
    create_topics: bool
    partitions: Annotated[int, Meta(ge=1, le=10_000)]
    replication_factor: Annotated[int, Meta(ge=1, le=100)]
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"]
    request_timeout_ms: Annotated[int, Meta(ge=1_000, le=300_000)]
    security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    username: str
    password_file: FilePath
    ca_file: FilePath
    certificate_file: FilePath
    key_file: FilePath


class OrderQueueSection(Section, frozen=True, kw_only=True):
    """A queue with the orders of one account: that of an API key."""

    queue: AmqpName
    key: Annotated[str, Meta(pattern=r"^[A-Z2-7]{20}\Z")]


class RabbitmqSection(ConnectorSection, frozen=True, kw_only=True):
    """Trades and reports into an exchange of RabbitMQ; orders out of its queues."""

    url: Annotated[str, Meta(pattern=r"^amqps?://([^:@/?#]+@)?[^:@/?#]+(:[0-9]+)?(/[^/?#]*)?\Z")]
    password_file: str
    ca_file: str
    certificate_file: str
    key_file: str
    exchange: AmqpName
    trades: bool
    reports: bool
    stream: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{0,127}\Z")]
    stream_bytes: ByteLimit
    window: Annotated[int, Meta(ge=1, le=65_536)]
    confirm_timeout_ms: Milliseconds
    orders: list[OrderQueueSection]
    orders_prefetch: Annotated[int, Meta(ge=1, le=10_000)]


class RedisSection(ConnectorSection, frozen=True, kw_only=True):
    """Books, trades, balances and candles in Redis."""

    url: Annotated[str, Meta(pattern=REDIS_URL)]
    username: str
    password_file: AbsolutePath
    ca_file: AbsolutePath
    certificate_file: AbsolutePath
    key_file: AbsolutePath
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")]
    levels: Annotated[int, Meta(ge=1, le=10_000)]
    trades: Annotated[int, Meta(ge=1, le=100_000)]
    klines: Annotated[int, Meta(ge=1, le=10_000)]
    intervals: list[Literal["1m", "5m", "15m", "1h", "1d"]]
    lock_ms: Annotated[int, Meta(ge=5_000, le=600_000)]
    timeout_ms: Milliseconds


class GrpcSection(ConnectorSection, frozen=True, kw_only=True):
    """The gRPC server."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65_535)]
    certificate_file: str
    private_key_file: str
    plaintext: bool
    calls_under_way: SmallCount
    streams: SmallCount
    streams_per_address: SmallCount
    message_bytes: Annotated[int, Meta(ge=4_096, le=64 << 20)]
    batch_instructions: Annotated[int, Meta(ge=1, le=65_536)]
    batches_under_way: Annotated[int, Meta(ge=1, le=1_024)]
    book_interval_ms: Milliseconds
    stall_timeout_ms: Milliseconds
    keepalive_ms: Milliseconds


class CallbackSection(ConnectorSection, frozen=True, kw_only=True):
    """Calls a user's gRPC service for each match."""

    target: Annotated[str, Meta(min_length=1)]
    ca_file: str
    certificate_file: str
    private_key_file: str
    plaintext: bool
    call_timeout_ms: Milliseconds


class CpuSection(Section, frozen=True, kw_only=True):
    plan: Literal["auto", "explicit"]
    matcher: CpuNumbers
    journaler: CpuNumbers
    order_entry: CpuNumbers
    idle: Literal["auto", "block", "yield", "busy_spin"]


class SupervisionSection(Section, frozen=True, kw_only=True):
    start_timeout_ms: Milliseconds
    stop_timeout_ms: Milliseconds
    kill_timeout_ms: Milliseconds
    restart_limit: Annotated[int, Meta(ge=0, le=1_000_000)]
    restart_window_ms: Milliseconds
    idle_timeout_ms: Milliseconds
    status_interval_ms: Milliseconds
    hang_timeout_ms: Annotated[int, Meta(ge=0, le=86_400_000)]
    retry_maximum_ms: Milliseconds


class LogSection(Section, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"]
    file: str


class RiskSection(Section, frozen=True, kw_only=True):
    """The limits of every instrument, account and session that has none of its own."""

    maker_fee_basis_points: Decimal
    taker_fee_basis_points: Decimal
    price_band_percent: Decimal
    collar_percent: Decimal
    review_value: Decimal
    breaker_percent: Decimal
    breaker_window_s: WindowSeconds
    breaker_halt_s: WindowSeconds
    orders_per_day: Limit
    open_orders: Limit
    position_limit: QuantityLimit
    orders_per_second: Rate
    burst: Burst
    session_orders_per_second: Rate
    session_burst: Burst
    messages_per_order: Annotated[int, Meta(ge=0, le=1_000)]
    cancel_ratio_percent: Decimal
    cancel_ratio_window_s: WindowSeconds
    cancel_ratio_minimum: OrderCount
    self_trade_prevention: PreventionMode
    may_short: bool
    cancel_on_disconnect: bool


class Settings(Section, frozen=True, kw_only=True):
    """One configuration file, complete: one attribute per section."""

    exchange: ExchangeSection
    day: DaySection
    capacity: CapacitySection
    risk: RiskSection
    rings: RingsSection
    matcher: MatcherSection
    journal: JournalSection
    order_entry: OrderEntrySection
    api: ApiSection
    health: HealthSection
    metrics: MetricsSection
    feed: FeedSection
    read_model: ReadModelSection
    store: StoreSection
    snapshot: SnapshotSection
    retention: RetentionSection
    archive: ArchiveSection
    kafka: KafkaSection
    rabbitmq: RabbitmqSection
    redis: RedisSection
    grpc: GrpcSection
    callback: CallbackSection
    cpu: CpuSection
    supervision: SupervisionSection
    log: LogSection
