"""Everything that is configurable about order entry, as explicit parameters."""

from __future__ import annotations

from typing import NamedTuple


class OrderEntryParameters(NamedTuple):
    """Everything configurable. Times in milliseconds, sizes as named."""

    host: str = "127.0.0.1"
    port: int = 0
    listen_backlog: int = 256
    connection_capacity: int = 512
    unauthenticated_capacity: int = 256  # connections that have not logged in, at one time
    session_capacity: int = 1024
    instrument_capacity: int = 1024
    receive_bytes: int = 65_536  # read from one connection in one duty cycle, at most
    output_bytes: int = 262_144  # output buffer of one connection
    backlog_messages: int = 1_000_000  # a live client this far behind is cut off
    stall_timeout_ms: int = 5_000  # ... or one that takes no byte for this long
    login_timeout_ms: int = 5_000
    heartbeat_interval_ms: int = 1_000
    client_timeout_ms: int = 15_000
    takeover_ms: int = 3_000  # silence after which a new login replaces a connection
    linger_ms: int = 1_000  # how long a closing connection may take to take its last bytes
    timer_interval_ms: int = 100
    password_threads: int = 1
    messages_per_order: int = 0  # what a session's rate of orders allows of all messages; 0 = all
    batch_events: int = 4_096  # encoded in one duty cycle, and scanned for one resuming client
