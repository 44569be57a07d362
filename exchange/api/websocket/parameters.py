"""Limits and intervals of the WebSocket, with their defaults and the reasons for them.

Who makes them: settings.py, from ``[feed]`` and ``[api]`` of the configuration. Who uses them: the
hub and the endpoint.
"""

from __future__ import annotations

from typing import NamedTuple


class WebSocketParameters(NamedTuple):
    """Times in the unit that their names end with, sizes in bytes."""

    # A tick sends everything that has happened since the last one. Ticks are at least this far
    # apart.
    tick_ms: float = 2.0
    # Channels of states, not of events, are sent at most this often (a screen shows no more).
    depth_interval_ms: int = 50
    ticker_interval_ms: int = 100
    kline_interval_ms: int = 100
    depth_levels: int = 20
    heartbeat_ms: int = 1_000
    # A candle without a new trade is reported as closed this long after its end: by then every
    # trade that was stamped before its end has been released.
    kline_grace_ms: int = 1_000

    connections: int = 20_000
    connections_per_address: int = 1_000
    subscriptions_per_connection: int = 1_000
    message_bytes: int = 65_536
    messages_per_second: int = 200
    message_burst: int = 400
    actions_under_way: int = 256  # order actions of one connection without an answer yet

    # A subscriber with more unsent bytes than the soft limit is sent nothing until it has read half
    # of them; then it gets the present state of its channels. It is closed when it exceeds the hard
    # limit, or stays above the soft limit for slow_seconds.
    soft_buffer_bytes: int = 256 * 1024
    hard_buffer_bytes: int = 8 * 1024 * 1024
    slow_seconds: float = 10.0
    # What the kernel may keep for one socket (it doubles this); without a limit it is megabytes.
    send_buffer_bytes: int = 256 * 1024

    ping_seconds: float = 20.0  # a client that is silent for this long is pinged
    silence_seconds: float = 60.0  # a client that is silent for this long is closed
    close_seconds: float = 5.0  # how long a client may take to answer a close

    allowed_origins: tuple[str, ...] = ()  # besides the address that the page came from
