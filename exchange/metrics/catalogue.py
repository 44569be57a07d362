"""The name and the text of each counter of the shared memory (``exchange/core/counters.py``).

Who uses it: the collector. Names are spelled as Prometheus shows them and follow its rules: base
units, ``_total`` for what only grows. What several stages count has the stage as a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from exchange.core.counters import (
    CONNECTOR_COUNTERS,
    DESCRIPTORS,
    LOG_LINES_LOST,
    WEB_COUNTERS,
    Counter,
)
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
    Counter.REJECTS: Plain("exchange_rejects_total", "commands that were refused"),
    Counter.MATCHER_WAITS: Plain(
        "exchange_event_ring_waits_total", "times that the matcher found the event ring full"
    ),
    Counter.COMMITS: Plain("exchange_journal_commits_total", "frames that are durable"),
    Counter.COMMITTED_COMMANDS: Plain(
        "exchange_journal_records_total", "64-byte records that are durable"
    ),
    Counter.COMMITTED_BYTES: Plain(
        "exchange_journal_written_bytes_total", "bytes written to the journal"
    ),
    Counter.LAST_COMMIT_COMMANDS: Plain(
        "exchange_journal_last_commit_records", "records of the latest frame", gauge=True
    ),
    Counter.ARCHIVED_EVENTS: Plain(
        "exchange_archive_events_total", "events written to the archive"
    ),
    Counter.ARCHIVED_BYTES: Plain(
        "exchange_archive_written_bytes_total", "bytes written to the archive"
    ),
    Counter.SEGMENTS: Plain(
        "exchange_journal_segments", "segments of the journal on disk", gauge=True
    ),
    Counter.BYTES_RECEIVED: Plain(
        "exchange_order_entry_received_bytes_total", "bytes received by order entry"
    ),
    Counter.BYTES_SENT: Plain("exchange_order_entry_sent_bytes_total", "bytes sent by order entry"),
    Counter.MESSAGES_RECEIVED: Plain(
        "exchange_order_entry_received_messages_total",
        "SoupBinTCP packets received, heartbeats included",
    ),
    Counter.MESSAGES_SENT: Plain(
        "exchange_order_entry_sent_messages_total", "SoupBinTCP packets sent"
    ),
    Counter.CONNECTIONS: Plain(
        "exchange_order_entry_connections", "TCP connections of order entry now", gauge=True
    ),
    Counter.CONNECTIONS_ACCEPTED: Plain(
        "exchange_order_entry_accepted_total", "TCP connections that order entry has accepted"
    ),
    Counter.SESSIONS_LOGGED_IN: Plain(
        "exchange_order_entry_sessions",
        "sessions that are logged in now over order entry",
        gauge=True,
    ),
    Counter.LOGINS: Plain("exchange_order_entry_logins_total", "logins over order entry"),
    Counter.LOGINS_REJECTED: Plain(
        "exchange_order_entry_logins_rejected_total", "logins that were refused"
    ),
    Counter.CLIENTS_CUT_OFF: Plain(
        "exchange_order_entry_clients_cut_off_total", "clients that did not read and were cut off"
    ),
    Counter.MALFORMED_FRAMES: Plain(
        "exchange_order_entry_malformed_packets_total", "packets that closed their connection"
    ),
    Counter.CLIENT_TIMEOUTS: Plain(
        "exchange_order_entry_client_timeouts_total",
        "clients without a login in time, or silent for too long",
    ),
    Counter.ORDER_ENTRY_LAPPED: Plain(
        "exchange_order_entry_lapped_total",
        "times that order entry was lapped and read the archive",
    ),
    Counter.GRPC_COMMANDS: Plain(
        "exchange_grpc_commands_total", "commands sent to the matcher by the gRPC server"
    ),
    Counter.GRPC_CALLS: Plain("exchange_grpc_calls_total", "calls of gRPC, without streams"),
    Counter.GRPC_CALLS_FAILED: Plain(
        "exchange_grpc_calls_failed_total", "calls of gRPC answered with an error"
    ),
    Counter.GRPC_STREAMS: Plain("exchange_grpc_streams", "streams of gRPC now", gauge=True),
    Counter.GRPC_STREAMS_DROPPED: Plain(
        "exchange_grpc_streams_dropped_total", "streams whose client did not read"
    ),
    Counter.INGRESS_FULL: Plain(
        "exchange_order_entry_ingress_full_total", "times that order entry found its ring full"
    ),
    Counter.CONNECTIONS_THROTTLED: Plain(
        "exchange_order_entry_connections_throttled",
        "connections whose messages wait for their session's rate",
        gauge=True,
    ),
    Counter.RECOVERED_COMMANDS: Plain(
        "exchange_recovery_records", "records replayed by the latest start", gauge=True
    ),
    Counter.RECOVERED_EVENTS: Plain(
        "exchange_recovery_events", "events that the replay of the latest start gave", gauge=True
    ),
    Counter.RECOVERY_DURATION_NS: Plain(
        "exchange_recovery_duration_seconds",
        "duration of the latest recovery",
        gauge=True,
        scale=SECOND_NS,
    ),
    Counter.RECOVERY_SNAPSHOT_SEQUENCE: Plain(
        "exchange_recovery_snapshot_sequence",
        "command of the snapshot that the latest recovery began with; 0: none",
        gauge=True,
    ),
    Counter.RECOVERY_TORN_BYTES: Plain(
        "exchange_recovery_torn_bytes",
        "bytes that the latest recovery cut off as a torn tail",
        gauge=True,
    ),
    Counter.STAGE_RESTARTS: Plain(
        "exchange_stage_restarts_total", "stages that were restarted alone"
    ),
    Counter.CORE_RESTARTS: Plain(
        "exchange_core_restarts_total", "times that the core was restarted"
    ),
    Counter.STAGES_HUNG: Plain(
        "exchange_stages_hung_total", "stages that were killed because they hung"
    ),
    Counter.API_REQUESTS: Plain("exchange_api_requests_total", "HTTP requests answered"),
    Counter.API_REQUESTS_FAILED: Plain(
        "exchange_api_requests_failed_total", "HTTP requests answered with a status of 400 or more"
    ),
    Counter.API_COMMANDS: Plain(
        "exchange_api_commands_total", "commands sent to the matcher by the API"
    ),
    Counter.API_CONNECTIONS: Plain("exchange_api_connections", "HTTP connections now", gauge=True),
    Counter.STORE_LAPPED: Plain(
        "exchange_store_lapped_total", "times that the store read the archive"
    ),
    Counter.STORE_ROWS: Plain("exchange_store_rows_total", "rows committed in Postgres"),
    Counter.STORE_COMMITS: Plain(
        "exchange_store_commits_total", "transactions committed in Postgres"
    ),
    Counter.STORE_RETRIES: Plain(
        "exchange_store_retries_total",
        "transactions and connections that failed and are tried again",
    ),
    Counter.STORE_NEXT_EVENT: Plain(
        "exchange_store_next_event", "events below it are committed in Postgres", gauge=True
    ),
    Counter.SNAPSHOTS_MADE: Plain("exchange_snapshots_total", "snapshots made and verified"),
    Counter.SNAPSHOTS_FAILED: Plain(
        "exchange_snapshots_failed_total", "attempts at a snapshot that failed"
    ),
    Counter.SNAPSHOT_SEQUENCE: Plain(
        "exchange_snapshot_sequence", "commands below it are in the newest snapshot", gauge=True
    ),
    Counter.SNAPSHOT_DURATION_NS: Plain(
        "exchange_snapshot_duration_seconds",
        "how long the newest took",
        gauge=True,
        scale=SECOND_NS,
    ),
    Counter.SEGMENTS_SHIPPED: Plain(
        "exchange_shipped_segments_total",
        "segments that were copied elsewhere before they left the disk",
    ),
    Counter.SHIPPING_FAILURES: Plain(
        "exchange_shipping_failures_total",
        "attempts to copy a segment elsewhere that failed; it stays",
    ),
    Counter.RETENTION_FAILURES: Plain(
        "exchange_retention_failures_total", "times that what was to be removed could not be"
    ),
    Counter.DISK_BYTES: Plain(
        "exchange_disk_size_bytes",
        "size of the fullest file system of the data directory",
        gauge=True,
    ),
    Counter.DISK_FREE_BYTES: Plain(
        "exchange_disk_free_bytes", "what is free of that file system", gauge=True
    ),
    Counter.DESCRIPTORS_ALLOWED: Plain(
        "exchange_descriptors_allowed", "open files and sockets that a process may have", gauge=True
    ),
    Counter.ORDERS_STOPPED: Plain(
        "exchange_orders_stopped", "1: no new orders, because the disk is nearly full", gauge=True
    ),
    Counter.CLOCK_STEPS: Plain(
        "exchange_clock_steps_total", "steps of the wall clock that were found"
    ),
    Counter.CLOCK_STEP_NS: Plain(
        "exchange_clock_latest_step_seconds",
        "latest step of the wall clock; negative: backwards",
        True,
        SECOND_NS,
    ),
    Counter.CLOCK_AHEAD_NS: Plain(
        "exchange_clock_ahead_seconds", "time of commands minus the wall clock", True, SECOND_NS
    ),
}
# files that retention has removed: exchange_removed_files_total{kind="journal"}
REMOVED: Mapping[str, Counter] = {
    "journal": Counter.JOURNAL_REMOVED,
    "archive": Counter.ARCHIVE_REMOVED,
    "exchange_snapshots_total": Counter.SNAPSHOTS_REMOVED,
    "logs": Counter.LOGS_REMOVED,
}
BY_STAGE = (
    ByStage(
        "exchange_log_lines_lost_total", "lines of the log that nobody will see", LOG_LINES_LOST
    ),
    ByStage("exchange_descriptors_open", "open files and sockets now", DESCRIPTORS, gauge=True),
    *(
        ByStage(
            name,
            text,
            {stage: found[counter] for stage, found in WEB_COUNTERS.items()},
            gauge=gauge,
        )
        for name, counter, text, gauge in (
            (
                "exchange_web_lapped_total",
                "lapped",
                "times that a stage was lapped on the event ring and read the archive",
                False,
            ),
            ("exchange_web_websockets", "websockets", "WebSockets now", True),
            ("exchange_web_frames_sent_total", "frames_sent", "WebSocket messages sent", False),
            (
                "exchange_web_subscribers_dropped_total",
                "subscribers_dropped",
                "subscribers that did not read and were dropped",
                False,
            ),
        )
    ),
    *(
        ByStage(f"exchange_connector_{name}", text, CONNECTOR_COUNTERS[counter], gauge=gauge)
        for name, counter, text, gauge in (
            (
                "next_event",
                "next_event",
                "events below it are durable in the other system",
                True,
            ),
            ("records_total", "records", "records that are durable in the other system", False),
            ("writes_total", "writes", "batches of records that are durable there", False),
            (
                "retries_total",
                "retries",
                "writes and connections that failed and are tried again",
                False,
            ),
            (
                "lapped_total",
                "lapped",
                "times that a connector was lapped and read the archive",
                False,
            ),
        )
    ),
)
