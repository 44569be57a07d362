"""Once in a while: what is old and not needed leaves the disk, by the rules of the configuration.

Who uses it: the stage snapshotter, between two snapshots. It may be killed at any moment: files go
one by one from the oldest on, each durably, and the next look finds what is left.

Decision SUR-8.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from exchange.core.counters import DISK_USED, Counter
from exchange.errors import ExchangeError
from exchange.recovery.archive_check import open_archive
from exchange.retention.logs import rotate
from exchange.retention.pruning import NANOSECONDS_A_DAY, DayStart, Prunable, prunable, remove
from exchange.retention.rules import Limit, Rules
from exchange.retention.shipping import CommandShipper, DirectoryShipper, ShippingFailed
from exchange.runtime.data_directory import archive_directory
from exchange.runtime.disk_use import disk_use
from exchange.settings import Settings
from journal.errors import JournalError
from journal.layout import ARCHIVE_SUFFIX

log = logging.getLogger(__name__)


def rules_of(settings: Settings) -> Rules:
    """The rules that ``settings`` ask for."""
    section = settings.retention
    archive = Limit(section.archive_days * NANOSECONDS_A_DAY, section.archive_bytes)
    # with neither, nobody else has the events
    nowhere = settings.store.dsn == "off" and not ships(settings)
    keep = section.keep_archive or nowhere
    return Rules(
        Limit(section.journal_days * NANOSECONDS_A_DAY, section.journal_bytes),
        None if keep else archive,
    )


def ships(settings: Settings) -> bool:
    """Whether segments are copied elsewhere before they leave."""
    return bool(settings.archive.directory or settings.archive.command)


def shipper_of(
    settings: Settings, data_directory: Path, beat: Callable[[], None]
) -> DirectoryShipper | CommandShipper | None:
    """What copies segments elsewhere, if the configuration asks for it."""
    section = settings.archive
    if section.directory:
        return DirectoryShipper(data_directory / section.directory, section.level, beat)
    if section.command:
        return CommandShipper(
            section.command, data_directory, section.level, section.timeout_s, beat
        )
    return None


def consumers_of(settings: Settings) -> list[str]:
    """The read models that run, by the name of their directory."""
    running = {
        "api": settings.api.enabled,
        "feed": settings.feed.workers > 0,
        "store": settings.store.dsn != "off",
        "connect_redis": settings.redis.enabled,
        "connect_grpc": settings.grpc.enabled,
    }
    return [name for name, runs in running.items() if runs]


class Housekeeper:
    """``stored``: the first event that Postgres has not got. ``count``: sets a counter.

    ``beat``: called between two files; what it raises ends the work.
    """

    def __init__(
        self,
        data_directory: Path,
        settings: Settings,
        *,
        stored: Callable[[], int],
        count: Callable[[Counter, int], None],
        beat: Callable[[], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._data_directory = data_directory
        self._settings = settings
        self._rules = rules_of(settings)
        self._consumers = consumers_of(settings)
        self._stored = stored
        self._count = count
        self._beat = beat
        self._shipper = shipper_of(settings, data_directory, beat)
        self._clock_s = clock_s
        self._day_start = DayStart(open_archive(archive_directory(data_directory)))
        self._due_s = 0.0
        self._counted: dict[Counter, int] = {}

    def turn(self, *, now: bool = False) -> None:
        """Look, if it is time, or ``now``; remove what may go."""
        if not now and self._clock_s() < self._due_s:
            return
        self._due_s = self._clock_s() + self._settings.retention.check_s
        try:
            self._rotate()
            self._prune()
        except ShippingFailed as error:
            self._add(Counter.SHIPPING_FAILURES, 1)
            log.error("a segment was not shipped and stays: %s", error)
        except (ExchangeError, JournalError, OSError) as error:
            self._add(Counter.RETENTION_FAILURES, 1)
            log.error("nothing more was removed: %s", error)
        used = disk_use(self._data_directory)
        for folder, counter in DISK_USED.items():
            self._count(counter, used.get(folder, 0))

    def _prune(self) -> None:
        store = self._settings.store.dsn != "off"
        found = prunable(
            self._data_directory,
            self._rules,
            consumers=self._consumers,
            # a new connection to Postgres compares the last event that it has
            covered=max(self._stored() - 1, 0) if store else None,
            day_start=self._day_start,
        )
        if found.paths:
            log.info("removing", extra={"fields": _told(found)})
            self._add(Counter.SNAPSHOTS_REMOVED, len(found.snapshots))
            remove(found, self._leaves)

    def _leaves(self, path: Path) -> None:
        """A segment is about to go."""
        self._beat()
        if self._shipper is not None:
            self._shipper.ship(path)
            self._add(Counter.SEGMENTS_SHIPPED, 1)
        archive = path.suffix == ARCHIVE_SUFFIX
        self._add(Counter.ARCHIVE_REMOVED if archive else Counter.JOURNAL_REMOVED, 1)

    def _rotate(self) -> None:
        section = self._settings.retention
        name = self._settings.log.file
        if name and section.log_bytes:
            gone = rotate(self._data_directory / name, section.log_bytes, section.log_files)
            self._add(Counter.LOGS_REMOVED, gone)

    def _add(self, counter: Counter, number: int) -> None:
        self._counted[counter] = self._counted.get(counter, 0) + number
        self._count(counter, self._counted[counter])


def _told(found: Prunable) -> dict[str, str]:
    """What goes, for the log: of each kind the first and the last."""
    return {
        kind: paths[0].name if len(paths) == 1 else f"{paths[0].name} .. {paths[-1].name}"
        for kind, paths in (
            ("journal", found.journal),
            ("archive", found.archive),
            ("snapshots", found.snapshots),
        )
        if paths
    }
