"""The registry of counters and histograms in the core's shared memory. Append only.

Who writes: the process named in the comment, and only that one (a counter has a single writer). Who
reads: ``exchange status`` and everything that exports metrics. How a counter is stored is in
``ringbuffer/counters.py``; a number, once released, keeps its meaning for ever.

Decision ARC-9.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from exchange.core.stage_names import CONNECTORS, StageName
from ringbuffer.counters import HISTOGRAM_WORDS, counter_words


class Counter(IntEnum):
    """Number of each counter. *gauge*: the latest value; all others only grow."""

    # Heartbeats: gauge, CLOCK_MONOTONIC ns of the agent's latest duty cycle that it reported.
    MATCHER_HEARTBEAT_NS = 0  # matcher
    JOURNALER_HEARTBEAT_NS = 1  # journaler
    ORDER_ENTRY_HEARTBEAT_NS = 2  # order entry
    DAEMON_HEARTBEAT_NS = 3  # daemon

    # Commands applied, by kind (matcher).
    COMMANDS_ENTER = 4
    COMMANDS_CANCEL = 5
    COMMANDS_REPLACE = 6
    COMMANDS_MODIFY = 7
    COMMANDS_TIMER = 8
    COMMANDS_START_OF_DAY = 9
    COMMANDS_END_OF_DAY = 10
    COMMANDS_INSTRUMENT = 11
    COMMANDS_SESSION = 12
    COMMANDS_CANCEL_BY_ORDER_ID = 13
    COMMANDS_OTHER = 14  # of a kind that the matcher does not know

    # What came of them (matcher).
    REJECTS = 15  # REJECTED and CONTROL_REJECTED events
    TRADES = 16  # TRADE events
    MATCHER_WAITS = 17  # times the event ring was full and the matcher waited for the journaler

    # Journal (journaler).
    COMMITS = 18  # frames whose fdatasync has returned
    COMMITTED_COMMANDS = 19  # 64-byte slots in them
    COMMITTED_BYTES = 20  # bytes written to the WAL, headers included
    LAST_COMMIT_COMMANDS = 21  # gauge: slots in the latest frame
    ARCHIVED_EVENTS = 22  # events appended to the archive by this process
    ARCHIVED_BYTES = 23
    SEGMENTS = 24  # gauge: WAL segments in the journal's directory

    # Order entry gateway (order entry).
    BYTES_RECEIVED = 25
    BYTES_SENT = 26
    MESSAGES_RECEIVED = 27  # SoupBinTCP frames, heartbeats included
    MESSAGES_SENT = 28
    CONNECTIONS = 29  # gauge: connections open now
    CONNECTIONS_ACCEPTED = 30
    SESSIONS_LOGGED_IN = 31  # gauge: connections that have logged in
    LOGINS = 32
    LOGINS_REJECTED = 33
    CLIENTS_CUT_OFF = 34  # they did not read, and their backlog went over the bound
    MALFORMED_FRAMES = 35  # each one closed its session
    CLIENT_TIMEOUTS = 36  # no login in time, or silent for too long
    ORDER_ENTRY_LAPPED = 37  # times the gateway was lapped and went to the archive
    INGRESS_FULL = 38  # times the ingress ring was full and the gateway stopped reading

    # Recovery: gauges of the latest start (daemon).
    RECOVERED_COMMANDS = 39  # slots replayed
    RECOVERED_EVENTS = 40  # events that the replay gave
    RECOVERY_DURATION_NS = 41
    RECOVERY_SNAPSHOT_SEQUENCE = 42  # command sequence of the snapshot it began with, 0 = none
    RECOVERY_TORN_BYTES = 43  # bytes cut off as a torn tail

    # Supervision (daemon).
    STAGE_RESTARTS = 44
    CORE_RESTARTS = 45

    # Commands applied, by kind: those from 11 on (matcher).
    COMMANDS_CURRENCY = 46
    COMMANDS_ACCOUNT = 47
    COMMANDS_DEPOSIT = 48
    COMMANDS_WITHDRAW = 49
    COMMANDS_PARAMETER = 50
    COMMANDS_INSTRUMENT_STATE = 51
    COMMANDS_KILL = 52
    COMMANDS_REVIEW = 53
    COMMANDS_MASS_CANCEL = 54
    COMMANDS_DISCONNECT = 55
    COMMANDS_CANCEL_AFTER = 56
    COMMANDS_REPLACE_BY_ORDER_ID = 57
    COMMANDS_MODIFY_BY_ORDER_ID = 58

    # REST and WebSocket (api).
    API_HEARTBEAT_NS = 59  # gauge, as the heartbeats above
    API_LAPPED = 60  # times it was lapped on the event ring and went to the archive
    API_REQUESTS = 61  # HTTP requests answered
    API_REQUESTS_FAILED = 62  # ... with a status of 400 or more
    API_COMMANDS = 63  # commands put into its ingress ring
    API_CONNECTIONS = 64  # gauge: TCP connections open now
    API_WEBSOCKETS = 65  # gauge: ... of them WebSockets
    API_FRAMES_SENT = 66  # WebSocket messages
    API_SUBSCRIBERS_DROPPED = 67  # they did not read

    # Feed workers (feed_1 .. feed_4), the same five of each.
    FEED_1_HEARTBEAT_NS = 68
    FEED_1_LAPPED = 69
    FEED_1_WEBSOCKETS = 70
    FEED_1_FRAMES_SENT = 71
    FEED_1_SUBSCRIBERS_DROPPED = 72
    FEED_2_HEARTBEAT_NS = 73
    FEED_2_LAPPED = 74
    FEED_2_WEBSOCKETS = 75
    FEED_2_FRAMES_SENT = 76
    FEED_2_SUBSCRIBERS_DROPPED = 77
    FEED_3_HEARTBEAT_NS = 78
    FEED_3_LAPPED = 79
    FEED_3_WEBSOCKETS = 80
    FEED_3_FRAMES_SENT = 81
    FEED_3_SUBSCRIBERS_DROPPED = 82
    FEED_4_HEARTBEAT_NS = 83
    FEED_4_LAPPED = 84
    FEED_4_WEBSOCKETS = 85
    FEED_4_FRAMES_SENT = 86
    FEED_4_SUBSCRIBERS_DROPPED = 87

    # Postgres (store).
    STORE_HEARTBEAT_NS = 88
    STORE_LAPPED = 89
    STORE_ROWS = 90  # rows written and committed
    STORE_COMMITS = 91
    STORE_RETRIES = 92  # transactions and connections that failed and are tried again
    STORE_NEXT_EVENT = 93  # gauge: events below it are committed in Postgres
    STORE_STATE = 94  # gauge: index of STORE_STATES

    # Supervision (daemon): stages killed because they hung.
    STAGES_HUNG = 95

    # Lines of each process's log that nobody will see: dropped, because they were not read or could
    # not be written, or left out, because the same message came too often.
    DAEMON_LOG_LINES_LOST = 96
    MATCHER_LOG_LINES_LOST = 97
    JOURNALER_LOG_LINES_LOST = 98
    ORDER_ENTRY_LOG_LINES_LOST = 99
    API_LOG_LINES_LOST = 100
    FEED_1_LOG_LINES_LOST = 101
    FEED_2_LOG_LINES_LOST = 102
    FEED_3_LOG_LINES_LOST = 103
    FEED_4_LOG_LINES_LOST = 104
    STORE_LOG_LINES_LOST = 105

    # Order entry gateway (order entry).
    CONNECTIONS_THROTTLED = 106  # gauge: their bytes wait for their session's rate

    # The exchange's clock, exchange/control/clock.py (daemon).
    CLOCK_STEPS = 107  # steps of the wall clock that were found
    CLOCK_STEP_NS = 108  # gauge: the latest; negative: backwards
    CLOCK_AHEAD_NS = 109  # gauge: the time of commands minus the wall clock
    CLOCK_CALENDAR = 110  # gauge, CalendarState: days and phases follow the wall clock or not

    # What is in use of the tables that all share: gauges (matcher).
    TOKENS_USED = 111  # today
    LIVE_ORDERS = 112
    LEVEL_BLOCKS_USED = 113
    LEVEL_NODES_USED = 114
    POSITIONS_USED = 115

    # What is defined, and the disk: gauges (daemon).
    SESSIONS_DEFINED = 116
    INSTRUMENTS_DEFINED = 117
    ACCOUNTS_DEFINED = 118
    DISK_BYTES = 119  # size of the fullest file system of the data directory
    DISK_FREE_BYTES = 120  # ... of it
    ORDERS_STOPPED = 121  # 1: no new orders (Parameter.ORDERS_STOPPED)

    # Sequenced commands, by kind, the third part (matcher).
    COMMANDS_NOTE = 122

    # Open files of each process, sockets included, and how many one may have: gauges (daemon).
    DAEMON_DESCRIPTORS = 123
    MATCHER_DESCRIPTORS = 124
    JOURNALER_DESCRIPTORS = 125
    ORDER_ENTRY_DESCRIPTORS = 126
    API_DESCRIPTORS = 127
    FEED_1_DESCRIPTORS = 128
    FEED_2_DESCRIPTORS = 129
    FEED_3_DESCRIPTORS = 130
    FEED_4_DESCRIPTORS = 131
    STORE_DESCRIPTORS = 132
    DESCRIPTORS_ALLOWED = 133

    # Time without work, ns, of each stage's process: ringbuffer/counters.py, wait_began (itself).
    MATCHER_IDLE_NS = 134
    JOURNALER_IDLE_NS = 135
    ORDER_ENTRY_IDLE_NS = 136
    API_IDLE_NS = 137
    FEED_1_IDLE_NS = 138
    FEED_2_IDLE_NS = 139
    FEED_3_IDLE_NS = 140
    FEED_4_IDLE_NS = 141
    STORE_IDLE_NS = 142

    # Snapshots (snapshotter).
    SNAPSHOTTER_HEARTBEAT_NS = 143
    SNAPSHOTTER_LOG_LINES_LOST = 144
    SNAPSHOTTER_DESCRIPTORS = 145  # gauge (daemon)
    SNAPSHOTTER_IDLE_NS = 146
    SNAPSHOTS_MADE = 147  # verified, by this process
    SNAPSHOTS_FAILED = 148
    SNAPSHOT_SEQUENCE = 149  # gauge: the first command that the newest one does not hold
    SNAPSHOT_TIME_NS = 150  # gauge: when it was made, CLOCK_REALTIME; 0 = there is none
    SNAPSHOT_DURATION_NS = 151  # gauge: how long the latest took, replay included

    # What takes the disk: gauges, bytes of a folder of the data directory (snapshotter).
    JOURNAL_DISK_BYTES = 152
    ARCHIVE_DISK_BYTES = 153
    SNAPSHOTS_DISK_BYTES = 154
    READ_MODEL_DISK_BYTES = 155
    POSTGRES_DISK_BYTES = 156
    OTHER_DISK_BYTES = 157  # files beside the folders, such as the log

    # What left it (snapshotter).
    JOURNAL_REMOVED = 158  # segments
    ARCHIVE_REMOVED = 159  # segments
    SNAPSHOTS_REMOVED = 160
    LOGS_REMOVED = 161  # files
    RETENTION_FAILURES = 162  # looks that could not remove what was to go
    SEGMENTS_SHIPPED = 163  # copied elsewhere before they left
    SHIPPING_FAILURES = 164

    # Connectors (connect_kafka .. connect_callback), the same ten of each (itself).
    CONNECT_KAFKA_HEARTBEAT_NS = 165
    CONNECT_KAFKA_LOG_LINES_LOST = 166
    CONNECT_KAFKA_DESCRIPTORS = 167  # gauge (daemon)
    CONNECT_KAFKA_IDLE_NS = 168
    CONNECT_KAFKA_STATE = 169  # gauge: index of CONNECTOR_STATES
    CONNECT_KAFKA_NEXT_EVENT = 170  # gauge: events below it are durable in the other system
    CONNECT_KAFKA_RECORDS = 171  # records that are durable there
    CONNECT_KAFKA_WRITES = 172  # batches of them
    CONNECT_KAFKA_RETRIES = 173  # writes and connections that failed and are tried again
    CONNECT_KAFKA_LAPPED = 174  # times it read the archive, because the ring was too fast
    CONNECT_RABBITMQ_HEARTBEAT_NS = 175
    CONNECT_RABBITMQ_LOG_LINES_LOST = 176
    CONNECT_RABBITMQ_DESCRIPTORS = 177
    CONNECT_RABBITMQ_IDLE_NS = 178
    CONNECT_RABBITMQ_STATE = 179
    CONNECT_RABBITMQ_NEXT_EVENT = 180
    CONNECT_RABBITMQ_RECORDS = 181
    CONNECT_RABBITMQ_WRITES = 182
    CONNECT_RABBITMQ_RETRIES = 183
    CONNECT_RABBITMQ_LAPPED = 184
    CONNECT_REDIS_HEARTBEAT_NS = 185
    CONNECT_REDIS_LOG_LINES_LOST = 186
    CONNECT_REDIS_DESCRIPTORS = 187
    CONNECT_REDIS_IDLE_NS = 188
    CONNECT_REDIS_STATE = 189
    CONNECT_REDIS_NEXT_EVENT = 190
    CONNECT_REDIS_RECORDS = 191
    CONNECT_REDIS_WRITES = 192
    CONNECT_REDIS_RETRIES = 193
    CONNECT_REDIS_LAPPED = 194
    CONNECT_GRPC_HEARTBEAT_NS = 195
    CONNECT_GRPC_LOG_LINES_LOST = 196
    CONNECT_GRPC_DESCRIPTORS = 197
    CONNECT_GRPC_IDLE_NS = 198
    CONNECT_GRPC_STATE = 199
    CONNECT_GRPC_NEXT_EVENT = 200
    CONNECT_GRPC_RECORDS = 201
    CONNECT_GRPC_WRITES = 202
    CONNECT_GRPC_RETRIES = 203
    CONNECT_GRPC_LAPPED = 204
    CONNECT_CALLBACK_HEARTBEAT_NS = 205
    CONNECT_CALLBACK_LOG_LINES_LOST = 206
    CONNECT_CALLBACK_DESCRIPTORS = 207
    CONNECT_CALLBACK_IDLE_NS = 208
    CONNECT_CALLBACK_STATE = 209
    CONNECT_CALLBACK_NEXT_EVENT = 210
    CONNECT_CALLBACK_RECORDS = 211
    CONNECT_CALLBACK_WRITES = 212
    CONNECT_CALLBACK_RETRIES = 213
    CONNECT_CALLBACK_LAPPED = 214

    # The gRPC server (connect_grpc).
    GRPC_COMMANDS = 215  # commands written into its ring
    GRPC_CALLS = 216  # answered calls without a stream
    GRPC_CALLS_FAILED = 217  # ... of them with an error
    GRPC_STREAMS = 218  # gauge: streams that are open
    GRPC_STREAMS_DROPPED = 219  # whose client did not read


# refused: what is in the database is not this exchange's; data error: it refuses a row of ours
STORE_STATES = (
    *("off", "starting", "catching up", "following", "retrying", "refused"),
    "data error",
)
# refused: what is in the other system is not this exchange's, or another instance writes there;
# record refused: it will not have a record of ours
CONNECTOR_STATES = (
    *("off", "starting", "catching up", "following", "retrying", "refused"),
    "record refused",
)


class Histogram(IntEnum):
    """Number of each latency histogram; values in ns unless the comment says otherwise."""

    MATCHING_NS = 0  # matcher: received bytes (command's ingress timestamp) to event published
    COMMIT_NS = 1  # journaler: write and fdatasync of one frame
    COMMIT_COMMANDS = 2  # journaler: slots in one frame (a count, not ns)
    API_OUTCOME_NS = 3  # api: a command put into its ring to its outcome known


def _of_connectors(field: str) -> dict[StageName, Counter]:
    """The counter ``field`` of each connector: CONNECT_KAFKA has CONNECT_KAFKA_<field>."""
    return {name: Counter[f"{name.name}_{field}"] for name in CONNECTORS}


HEARTBEATS: Mapping[StageName, Counter] = {
    StageName.DAEMON: Counter.DAEMON_HEARTBEAT_NS,
    StageName.MATCHER: Counter.MATCHER_HEARTBEAT_NS,
    StageName.JOURNALER: Counter.JOURNALER_HEARTBEAT_NS,
    StageName.ORDER_ENTRY: Counter.ORDER_ENTRY_HEARTBEAT_NS,
    StageName.API: Counter.API_HEARTBEAT_NS,
    StageName.FEED_1: Counter.FEED_1_HEARTBEAT_NS,
    StageName.FEED_2: Counter.FEED_2_HEARTBEAT_NS,
    StageName.FEED_3: Counter.FEED_3_HEARTBEAT_NS,
    StageName.FEED_4: Counter.FEED_4_HEARTBEAT_NS,
    StageName.STORE: Counter.STORE_HEARTBEAT_NS,
    StageName.SNAPSHOTTER: Counter.SNAPSHOTTER_HEARTBEAT_NS,
    **_of_connectors("HEARTBEAT_NS"),
}
LOG_LINES_LOST: Mapping[StageName, Counter] = {
    StageName.DAEMON: Counter.DAEMON_LOG_LINES_LOST,
    StageName.MATCHER: Counter.MATCHER_LOG_LINES_LOST,
    StageName.JOURNALER: Counter.JOURNALER_LOG_LINES_LOST,
    StageName.ORDER_ENTRY: Counter.ORDER_ENTRY_LOG_LINES_LOST,
    StageName.API: Counter.API_LOG_LINES_LOST,
    StageName.FEED_1: Counter.FEED_1_LOG_LINES_LOST,
    StageName.FEED_2: Counter.FEED_2_LOG_LINES_LOST,
    StageName.FEED_3: Counter.FEED_3_LOG_LINES_LOST,
    StageName.FEED_4: Counter.FEED_4_LOG_LINES_LOST,
    StageName.STORE: Counter.STORE_LOG_LINES_LOST,
    StageName.SNAPSHOTTER: Counter.SNAPSHOTTER_LOG_LINES_LOST,
    **_of_connectors("LOG_LINES_LOST"),
}
# What takes the disk, by the name of the folder of the data directory.
DISK_USED: Mapping[str, Counter] = {
    "journal": Counter.JOURNAL_DISK_BYTES,
    "archive": Counter.ARCHIVE_DISK_BYTES,
    "snapshots": Counter.SNAPSHOTS_DISK_BYTES,
    "read_model": Counter.READ_MODEL_DISK_BYTES,
    "postgres": Counter.POSTGRES_DISK_BYTES,
    "other": Counter.OTHER_DISK_BYTES,
}
DESCRIPTORS: Mapping[StageName, Counter] = {
    StageName.DAEMON: Counter.DAEMON_DESCRIPTORS,
    StageName.MATCHER: Counter.MATCHER_DESCRIPTORS,
    StageName.JOURNALER: Counter.JOURNALER_DESCRIPTORS,
    StageName.ORDER_ENTRY: Counter.ORDER_ENTRY_DESCRIPTORS,
    StageName.API: Counter.API_DESCRIPTORS,
    StageName.FEED_1: Counter.FEED_1_DESCRIPTORS,
    StageName.FEED_2: Counter.FEED_2_DESCRIPTORS,
    StageName.FEED_3: Counter.FEED_3_DESCRIPTORS,
    StageName.FEED_4: Counter.FEED_4_DESCRIPTORS,
    StageName.STORE: Counter.STORE_DESCRIPTORS,
    StageName.SNAPSHOTTER: Counter.SNAPSHOTTER_DESCRIPTORS,
    **_of_connectors("DESCRIPTORS"),
}
IDLE_TIMES: Mapping[StageName, Counter] = {
    StageName.MATCHER: Counter.MATCHER_IDLE_NS,
    StageName.JOURNALER: Counter.JOURNALER_IDLE_NS,
    StageName.ORDER_ENTRY: Counter.ORDER_ENTRY_IDLE_NS,
    StageName.API: Counter.API_IDLE_NS,
    StageName.FEED_1: Counter.FEED_1_IDLE_NS,
    StageName.FEED_2: Counter.FEED_2_IDLE_NS,
    StageName.FEED_3: Counter.FEED_3_IDLE_NS,
    StageName.FEED_4: Counter.FEED_4_IDLE_NS,
    StageName.STORE: Counter.STORE_IDLE_NS,
    StageName.SNAPSHOTTER: Counter.SNAPSHOTTER_IDLE_NS,
    **_of_connectors("IDLE_NS"),
}
# What a stage with a web server counts, by the name that this has in all of them.
WEB_COUNTERS: Mapping[StageName, Mapping[str, Counter]] = {
    StageName.API: {
        "lapped": Counter.API_LAPPED,
        "requests": Counter.API_REQUESTS,
        "requests_failed": Counter.API_REQUESTS_FAILED,
        "connections": Counter.API_CONNECTIONS,
        "websockets": Counter.API_WEBSOCKETS,
        "frames_sent": Counter.API_FRAMES_SENT,
        "subscribers_dropped": Counter.API_SUBSCRIBERS_DROPPED,
    },
    StageName.FEED_1: {
        "lapped": Counter.FEED_1_LAPPED,
        "websockets": Counter.FEED_1_WEBSOCKETS,
        "frames_sent": Counter.FEED_1_FRAMES_SENT,
        "subscribers_dropped": Counter.FEED_1_SUBSCRIBERS_DROPPED,
    },
    StageName.FEED_2: {
        "lapped": Counter.FEED_2_LAPPED,
        "websockets": Counter.FEED_2_WEBSOCKETS,
        "frames_sent": Counter.FEED_2_FRAMES_SENT,
        "subscribers_dropped": Counter.FEED_2_SUBSCRIBERS_DROPPED,
    },
    StageName.FEED_3: {
        "lapped": Counter.FEED_3_LAPPED,
        "websockets": Counter.FEED_3_WEBSOCKETS,
        "frames_sent": Counter.FEED_3_FRAMES_SENT,
        "subscribers_dropped": Counter.FEED_3_SUBSCRIBERS_DROPPED,
    },
    StageName.FEED_4: {
        "lapped": Counter.FEED_4_LAPPED,
        "websockets": Counter.FEED_4_WEBSOCKETS,
        "frames_sent": Counter.FEED_4_FRAMES_SENT,
        "subscribers_dropped": Counter.FEED_4_SUBSCRIBERS_DROPPED,
    },
}
# What a connector counts, by the name that this has in all of them.
CONNECTOR_COUNTERS: Mapping[str, Mapping[StageName, Counter]] = {
    field.lower(): _of_connectors(field)
    for field in ("STATE", "NEXT_EVENT", "RECORDS", "WRITES", "RETRIES", "LAPPED")
}

COUNTER_WORDS = counter_words(Counter)
HISTOGRAM_SECTION_WORDS = len(Histogram) * HISTOGRAM_WORDS

assert [int(member) for member in Counter] == list(range(len(Counter)))
assert [int(member) for member in Histogram] == list(range(len(Histogram)))
