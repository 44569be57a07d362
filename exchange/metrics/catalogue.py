"""The name and the text of each counter of the shared memory (``exchange/core/counters.py``).

Who uses it: the collector. Names follow Prometheus' rules: base units, ``_total`` for what only
grows; the exposition's library adds ``_total`` itself. What several stages count has the stage as
a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from exchange.core.counters import DESCRIPTORS, LOG_LINES_LOST, WEB_COUNTERS, Counter
from exchange.core.stage_names import StageName

SECOND_NS = 1_000_000_000


class Plain(NamedTuple):
    """One metric of one counter. ``gauge``: the latest value. ``scale``: divides what is stored."""

    name: str
    text: str
    gauge: bool = False
    scale: int = 1


class ByStage(NamedTuple):
    """One metric with a counter for each stage."""

    name: str
    text: str
    counters: Mapping[StageName, Counter]
    gauge: bool = False


# what is in use of the tables that all members share, by field of EngineCapacity
CAPACITIES: Mapping[str, Counter] = {
    "tokens": Counter.TOKENS_USED,
    "orders": Counter.LIVE_ORDERS,
    "leaves": Counter.LEVEL_BLOCKS_USED,
    "nodes": Counter.LEVEL_NODES_USED,
    "positions": Counter.POSITIONS_USED,
    "sessions": Counter.SESSIONS_DEFINED,
    "instruments": Counter.INSTRUMENTS_DEFINED,
    "accounts": Counter.ACCOUNTS_DEFINED,
}
# commands applied, by kind: exchange_commands_total{kind="enter"}
COMMANDS: Mapping[str, Counter] = {
    counter.name.removeprefix("COMMANDS_").lower(): counter
    for counter in Counter
    if counter.name.startswith("COMMANDS_")
}
# what clients ask for about orders
ORDER_COMMANDS = (
    Counter.COMMANDS_ENTER,
    Counter.COMMANDS_CANCEL,
    Counter.COMMANDS_REPLACE,
    Counter.COMMANDS_MODIFY,
    Counter.COMMANDS_CANCEL_BY_ORDER_ID,
    Counter.COMMANDS_REPLACE_BY_ORDER_ID,
    Counter.COMMANDS_MODIFY_BY_ORDER_ID,
)
PLAIN: Mapping[Counter, Plain] = {
    Counter.REJECTS: Plain("rejects", "commands that were refused"),
    Counter.MATCHER_WAITS: Plain("event_ring_waits", "times that the event ring was full"),
    Counter.COMMITS: Plain("journal_commits", "frames that are durable"),
    Counter.COMMITTED_COMMANDS: Plain("journal_records", "64-byte records that are durable"),
    Counter.COMMITTED_BYTES: Plain("journal_written_bytes", "bytes written to the journal"),
    Counter.LAST_COMMIT_COMMANDS: Plain(
        "journal_last_commit_records", "records of the latest frame", gauge=True
    ),
    Counter.ARCHIVED_EVENTS: Plain("archive_events", "events written to the archive"),
    Counter.ARCHIVED_BYTES: Plain("archive_written_bytes", "bytes written to the archive"),
    Counter.SEGMENTS: Plain("journal_segments", "segments of the journal on disk", gauge=True),
    Counter.BYTES_RECEIVED: Plain("order_entry_received_bytes", "bytes received by order entry"),
    Counter.BYTES_SENT: Plain("order_entry_sent_bytes", "bytes sent by order entry"),
    Counter.MESSAGES_RECEIVED: Plain(
        "order_entry_received_messages", "SoupBinTCP packets received, heartbeats included"
    ),
    Counter.MESSAGES_SENT: Plain("order_entry_sent_messages", "SoupBinTCP packets sent"),
    Counter.CONNECTIONS: Plain("order_entry_connections", "connections now", gauge=True),
    Counter.CONNECTIONS_ACCEPTED: Plain("order_entry_accepted", "connections accepted"),
    Counter.SESSIONS_LOGGED_IN: Plain(
        "order_entry_sessions", "sessions that are logged in now", gauge=True
    ),
    Counter.LOGINS: Plain("order_entry_logins", "logins"),
    Counter.LOGINS_REJECTED: Plain("order_entry_logins_rejected", "logins that were refused"),
    Counter.CLIENTS_CUT_OFF: Plain(
        "order_entry_clients_cut_off", "clients that did not read and were cut off"
    ),
    Counter.MALFORMED_FRAMES: Plain(
        "order_entry_malformed_packets", "packets that closed their connection"
    ),
    Counter.CLIENT_TIMEOUTS: Plain(
        "order_entry_client_timeouts", "clients without a login in time, or silent for too long"
    ),
    Counter.ORDER_ENTRY_LAPPED: Plain(
        "order_entry_lapped", "times that order entry was lapped and read the archive"
    ),
    Counter.INGRESS_FULL: Plain("order_entry_ingress_full", "times that its ring was full"),
    Counter.CONNECTIONS_THROTTLED: Plain(
        "order_entry_connections_throttled", "connections that wait for their rate", gauge=True
    ),
    Counter.RECOVERED_COMMANDS: Plain(
        "recovery_records", "records replayed by the latest start", gauge=True
    ),
    Counter.RECOVERED_EVENTS: Plain("recovery_events", "events that this replay gave", gauge=True),
    Counter.RECOVERY_DURATION_NS: Plain(
        "recovery_duration_seconds", "how long it took", gauge=True, scale=SECOND_NS
    ),
    Counter.RECOVERY_SNAPSHOT_SEQUENCE: Plain(
        "recovery_snapshot_sequence", "command of the snapshot that it began with", gauge=True
    ),
    Counter.RECOVERY_TORN_BYTES: Plain(
        "recovery_torn_bytes", "bytes that it cut off as a torn tail", gauge=True
    ),
    Counter.STAGE_RESTARTS: Plain("stage_restarts", "stages that were restarted alone"),
    Counter.CORE_RESTARTS: Plain("core_restarts", "times that the core was restarted"),
    Counter.STAGES_HUNG: Plain("stages_hung", "stages that were killed because they hung"),
    Counter.API_REQUESTS: Plain("api_requests", "HTTP requests answered"),
    Counter.API_REQUESTS_FAILED: Plain("api_requests_failed", "... with a status of 400 or more"),
    Counter.API_COMMANDS: Plain("api_commands", "commands sent to the matcher by the API"),
    Counter.API_CONNECTIONS: Plain("api_connections", "HTTP connections now", gauge=True),
    Counter.STORE_LAPPED: Plain("store_lapped", "times that the store read the archive"),
    Counter.STORE_ROWS: Plain("store_rows", "rows committed in Postgres"),
    Counter.STORE_COMMITS: Plain("store_commits", "transactions committed in Postgres"),
    Counter.STORE_RETRIES: Plain(
        "store_retries", "transactions and connections that failed and are tried again"
    ),
    Counter.STORE_NEXT_EVENT: Plain(
        "store_next_event", "events below it are committed in Postgres", gauge=True
    ),
    Counter.DISK_BYTES: Plain(
        "disk_size_bytes", "size of the fullest file system of the data directory", gauge=True
    ),
    Counter.DISK_FREE_BYTES: Plain("disk_free_bytes", "what is free of it", gauge=True),
    Counter.DESCRIPTORS_ALLOWED: Plain(
        "descriptors_allowed", "open files and sockets that a process may have", gauge=True
    ),
    Counter.ORDERS_STOPPED: Plain(
        "orders_stopped", "1: no new orders, because the disk is nearly full", gauge=True
    ),
    Counter.CLOCK_STEPS: Plain("clock_steps", "steps of the wall clock that were found"),
    Counter.CLOCK_STEP_NS: Plain(
        "clock_latest_step_seconds", "the latest step; negative: backwards", True, SECOND_NS
    ),
    Counter.CLOCK_AHEAD_NS: Plain(
        "clock_ahead_seconds", "time of commands minus the wall clock", True, SECOND_NS
    ),
}
BY_STAGE = (
    ByStage("log_lines_lost", "lines of the log that nobody will see", LOG_LINES_LOST),
    ByStage("descriptors_open", "open files and sockets now", DESCRIPTORS, gauge=True),
    *(
        ByStage(
            f"web_{name}",
            text,
            {stage: found[name] for stage, found in WEB_COUNTERS.items()},
            gauge=gauge,
        )
        for name, text, gauge in (
            ("lapped", "times that a stage was lapped and read the archive", False),
            ("websockets", "WebSockets now", True),
            ("frames_sent", "WebSocket messages sent", False),
            ("subscribers_dropped", "subscribers that did not read and were dropped", False),
        )
    ),
)
