"""What lies where in a data directory, and which capacities its engine has had.

Who uses it: whatever opens journal, archive or snapshots. It imports no engine: the stages that
only follow events start faster.

``engine.json`` is one object with the capacities, as long as they are those of the first start.
Once a later start has enlarged them it is::

    {"version": 2, "periods": [{"from_command": 0, "orders": ..., ...}, ...]}

Decision ENG-15.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from exchange.core.capacity import CapacityHistory, CapacityPeriod, EngineCapacity
from exchange.errors import DataDirectoryUnavailable, WrittenByNewer
from exchange.runtime.release import RELEASE
from journal.segment import sync_directory

CAPACITY_FILE = "engine.json"
HISTORY_VERSION = 2  # of the file with periods; that without has none
JOURNAL_DIRECTORY = "journal"
ARCHIVE_DIRECTORY = "archive"
SNAPSHOT_DIRECTORY = "snapshots"
READ_MODEL_DIRECTORY = "read_model"


def journal_directory(data_dir: Path) -> Path:
    """The directory of the journal."""
    return Path(data_dir) / JOURNAL_DIRECTORY


def archive_directory(data_dir: Path) -> Path:
    """The directory of the archive."""
    return Path(data_dir) / ARCHIVE_DIRECTORY


def snapshot_directory(data_dir: Path) -> Path:
    """The directory of the snapshots."""
    return Path(data_dir) / SNAPSHOT_DIRECTORY


def read_model_directory(data_dir: Path) -> Path:
    """The directory of the read models' checkpoints."""
    return Path(data_dir) / READ_MODEL_DIRECTORY


def save_capacity(data_dir: Path, capacity: EngineCapacity) -> None:
    """Write ``engine.json`` durably; for the first start. Raises OSError."""
    save_capacities(data_dir, CapacityHistory.of(capacity))


def save_capacities(data_dir: Path, history: CapacityHistory) -> None:
    """Write ``engine.json`` durably. An existing one is replaced as a whole. Raises OSError."""
    path = Path(data_dir) / CAPACITY_FILE
    temporary = path.with_name(path.name + ".new")
    content: dict[str, Any] = history.latest._asdict()
    if len(history) > 1:
        periods = [
            {"from_command": each.from_command} | each.capacity._asdict() for each in history
        ]
        content = {"version": HISTORY_VERSION, "periods": periods}
    data = orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def load_capacity(data_dir: Path) -> EngineCapacity | None:
    """The capacities that hold now; None when there is no ``engine.json``.

    Raises ``DataDirectoryUnavailable`` when the file is not what ``save_capacities`` writes.
    """
    history = load_capacities(data_dir)
    return None if history is None else history.latest


def load_capacities(data_dir: Path) -> CapacityHistory | None:
    """The capacities in ``engine.json``; None when there is no such file.

    Raises ``DataDirectoryUnavailable`` when the file is not what ``save_capacities`` writes, and
    ``WrittenByNewer`` when it is what that of a newer release has written.
    """
    path = Path(data_dir) / CAPACITY_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataDirectoryUnavailable(f"{path}: {error.strerror}") from error
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DataDirectoryUnavailable(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict) or "version" not in content:
        return CapacityHistory.of(_capacity_in(path, content))
    if content["version"] != HISTORY_VERSION:
        raise WrittenByNewer(
            f"{path}: is of version {content['version']}, and exchange {RELEASE} reads "
            f"{HISTORY_VERSION}: start the newer release, or restore a backup from before it"
        )
    periods = content.get("periods")
    if not isinstance(periods, list) or not all(isinstance(each, dict) for each in periods):
        raise DataDirectoryUnavailable(f"{path}: must have a list of periods")
    found = []
    for fields in periods:
        first = fields.pop("from_command", None)
        if type(first) is not int:
            raise DataDirectoryUnavailable(f"{path}: from_command must be a whole number")
        found.append(CapacityPeriod(first, _capacity_in(path, fields)))
    try:
        return CapacityHistory(tuple(found))
    except ValueError as error:
        raise DataDirectoryUnavailable(f"{path}: {error}") from None


def _capacity_in(path: Path, fields: Any) -> EngineCapacity:
    expected = set(EngineCapacity._fields)
    if not isinstance(fields, dict) or set(fields) != expected:
        raise DataDirectoryUnavailable(f"{path}: must hold exactly {', '.join(sorted(expected))}")
    if not all(type(value) is int and value > 0 for value in fields.values()):
        raise DataDirectoryUnavailable(f"{path}: every capacity must be a positive whole number")
    return EngineCapacity(**fields)
