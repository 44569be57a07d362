"""Limits and rhythms of the WebSocket, with their defaults and why they are what they are.

Who makes it: the stages, from ``[feed]`` and ``[api]`` of the configuration. Who uses it: the hub
and the endpoint.
"""

from __future__ import annotations

from typing import NamedTuple


class FeedParameters(NamedTuple):
    """Times in the unit that their names end with, sizes in bytes."""

    # A tick sends what has happened since the last one, joined. At least this long after it.
    tick_ms: float = 2.0
    # Channels of states, not of events, are sent at most this often (a screen shows no more).
    depth_interval_ms: int = 50
    ticker_interval_ms: int = 100
    kline_interval_ms: int = 100
    depth_levels: int = 20
    heartbeat_ms: int = 1_000
    # A candle that nobody trades in any more is said to be closed this long after its end: trades
    # that were stamped before are released by then.
    kline_grace_ms: int = 1_000

    connections: int = 20_000
    connections_per_address: int = 1_000
    subscriptions_per_connection: int = 1_000
    message_bytes: int = 65_536
    messages_per_second: int = 200
    message_burst: int = 400
    actions_under_way: int = 256  # order actions of one connection without an answer yet

    # A subscriber with more than this unsent is sent nothing until it has read half of it; then it
    # gets the present state of its channels. More than the hard limit, or too long over the soft
    # one, and it is closed.
    soft_buffer_bytes: int = 256 * 1024
    hard_buffer_bytes: int = 8 * 1024 * 1024
    slow_seconds: float = 10.0
    # What the kernel may keep for one socket (it doubles this); without a limit it is megabytes.
    send_buffer_bytes: int = 256 * 1024

    ping_seconds: float = 20.0  # after this long without a word from the client it is pinged
    silence_seconds: float = 60.0  # and after this long it is closed
    close_seconds: float = 5.0  # for the client to take note of a close

    allowed_origins: tuple[str, ...] = ()  # besides the address that the page came from
