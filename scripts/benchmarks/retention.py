"""``retention``: a million orders in ten minutes stay within the configured size of the disk.

One client sends the flow of ``pipeline`` at a constant rate to a daemon of its own, in which
snapshots, retention and shipping work, and looks twice a second at what the data directory takes.
The time has ``--days`` trading days: what the archive has of the current one stays. The journal and
the archive may each have ``--megabytes``.

It checks itself: every answer comes, the largest size seen is at most what docs/operations.md (Disk
use) says, nothing failed to be removed or shipped, and ``exchange-replay verify --shipped`` replays
everything from the first command on.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from exchange.core.counters import Counter
from exchange.core.region import region_name
from exchange.runtime.disk_use import allocated_bytes
from exchange.runtime.run_file import read_run_file
from ringbuffer.counters import read_counters
from ringbuffer.region import Region
from scripts.benchmarks import load, oracle, venue
from scripts.benchmarks.result import BenchmarkFailed, check, progress

MEBIBYTE = 1 << 20
SEGMENT_BYTES = 4 * MEBIBYTE
ARCHIVE_EVENTS = 1 << 15
ARCHIVE_SEGMENT_BYTES = ARCHIVE_EVENTS * 128 + 4096
SNAPSHOT_COMMANDS = 50_000
SNAPSHOTS = 3  # two, and the one that is being written
WINDOW = 20_000
CHUNK_BYTES = 1 << 18
PART_S = 0.5
STOP_S = 60.0
DEADLINE_NS = 120 * 10**9
EVENTS_PER_COMMAND = 2  # of this flow fewer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=1_000_000, help="messages to send")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long that takes")
    parser.add_argument("--days", type=int, default=10, help="trading days in it")
    parser.add_argument(
        "--megabytes", type=int, default=16, help="size of the journal, and of the archive"
    )


def _settings(megabytes: int) -> str:
    size = megabytes * MEBIBYTE
    return (
        f"[journal]\nsegment_bytes = {SEGMENT_BYTES}\nbatch = 16_384\n"
        f"archive_segment_events = {ARCHIVE_EVENTS}\nstop_free_bytes = 0\n"
        f"[capacity]\nlive_orders = 65_536\ntokens_per_day = 400_000\n"
        f"[snapshot]\ninterval_s = 3_600\ncommands = {SNAPSHOT_COMMANDS}\n"
        f"[retention]\ncheck_s = 1\njournal_bytes = {size}\narchive_bytes = {size}\n"
        f'[archive]\ndirectory = "../shipped"\n'
    )


def _bound(arguments: argparse.Namespace, snapshot_bytes: int) -> int:
    """What docs/operations.md says that the data directory takes at most, in bytes."""
    waiting = 2 * SNAPSHOT_COMMANDS  # commands of two intervals: only two snapshots let them go
    today = arguments.orders // arguments.days
    size = arguments.megabytes * MEBIBYTE
    journal = max(size, waiting * 64) + 2 * SEGMENT_BYTES
    events = (today + waiting) * EVENTS_PER_COMMAND * 128
    archive = max(size, events) + 2 * ARCHIVE_SEGMENT_BYTES
    return journal + archive + SNAPSHOTS * snapshot_bytes + MEBIBYTE


class _Largest:
    """The most bytes that a directory was seen to take."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.bytes = 0

    def look(self) -> None:
        self.bytes = max(self.bytes, allocated_bytes(self._directory))


def _send_a_day(place: venue.Venue, day: int, orders: int, seconds: float, seen: _Largest) -> None:
    """Send a day's flow at a constant rate and take every answer."""
    flow = load.generate(orders, seed=day)
    raw, ends = load.to_wire(flow, b"AAPL", 100)
    after = oracle.expect(flow).after
    client = venue.connect(place.port)
    venue.log_in(client)
    tally = load.new_client(client.fileno())
    parts = max(round(seconds / PART_S), 1)
    began_s, sent = time.monotonic(), 0
    for part in range(1, parts + 1):
        end = orders * part // parts
        if end > sent:
            first = int(ends[sent - 1]) if sent else 0
            answered = int(after[sent - 1]) if sent else 0
            elapsed = load.run_windowed(
                tally,
                load.Messages(
                    raw[first : int(ends[end - 1])],
                    ends[sent:end] - first,
                    after[sent:end] - answered,
                ),
                WINDOW,
                CHUNK_BYTES,
                time.monotonic_ns() + DEADLINE_NS,
            )
            if elapsed < 0:
                raise BenchmarkFailed(f"lost answers or the connection ({elapsed})")
            sent = end
        seen.look()
        time.sleep(max(began_s + part * PART_S - time.monotonic(), 0))
    client.close()


def _next_day(data: Path) -> None:
    state = read_run_file(data)
    assert state is not None
    today = datetime.datetime.strptime(str(state.day), "%Y%m%d")
    number = (today + datetime.timedelta(days=1)).strftime("%Y%m%d")
    for action in (("end",), ("start", "--number", number)):
        subprocess.run(
            [sys.executable, "-m", "exchange.cli", "day", *action, "--data-dir", str(data)],
            cwd=venue.ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _counters(place: venue.Venue) -> dict[str, int]:
    with Region.attach_read_only(region_name(place.data.resolve())) as region:
        return read_counters(region.arrays["counters"], Counter)


def _verify(data: Path) -> None:
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "replay.cli", "verify", "--json", "--data-dir", str(data)),
            *("--shipped", str(data.parent / "shipped")),
        ],
        cwd=venue.ROOT,
        capture_output=True,
        text=True,
    )
    check(answer.returncode == 0, f"verify: {answer.stdout}{answer.stderr}")
    check(json.loads(answer.stdout)["first_command"] == 0, "something was not shipped")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The most bytes that the data directory took; see the module."""
    with venue.running(_settings(arguments.megabytes)) as place:
        seen = _Largest(place.data)
        for day in range(arguments.days):
            if day:
                _next_day(place.data)
            orders = arguments.orders // arguments.days
            _send_a_day(place, day, orders, arguments.minutes * 60 / arguments.days, seen)
            progress(f"day {day + 1}: at most {seen.bytes / MEBIBYTE:.0f} MiB so far")
        most = seen.bytes
        found = _counters(place)
        sizes = [path.stat().st_size for path in (place.data / "snapshots").glob("*.snap")]
        place.process.terminate()
        check(place.process.wait(STOP_S) == 0, "the daemon did not stop well")
        for name in ("snapshots_failed", "retention_failures", "shipping_failures"):
            check(found[name] == 0, f"{name}: {found[name]}")
        check(found["journal_removed"] > 0, "no segment has left: send more orders")
        bound = _bound(arguments, max(sizes, default=0))
        check(most <= bound, f"{most:,} bytes, and {bound:,} are allowed")
        progress("verifying from the first command on")
        _verify(place.data)
        shipped = allocated_bytes(place.data.parent / "shipped")
    return {
        "orders": arguments.orders,
        "minutes": arguments.minutes,
        "largest_mib": most / MEBIBYTE,
        "allowed_mib": bound / MEBIBYTE,
        "snapshots": found["snapshots_made"],
        "snapshot_mib": max(sizes) / MEBIBYTE,
        "journal_segments_removed": found["journal_removed"],
        "archive_segments_removed": found["archive_removed"],
        "removed_mib": (
            found["journal_removed"] * SEGMENT_BYTES
            + found["archive_removed"] * ARCHIVE_SEGMENT_BYTES
        )
        / MEBIBYTE,
        "shipped_mib": shipped / MEBIBYTE,
    }
