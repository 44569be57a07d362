"""What lies where in a data directory, and the capacities that its first start has fixed.

Who uses it: whatever opens journal, archive or snapshots. It imports no engine: the stages that
only follow events start faster.
"""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from exchange.core.capacity import EngineCapacity
from exchange.errors import DataDirectoryUnavailable
from journal.segment import sync_directory

CAPACITY_FILE = "engine.json"
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
    """Write ``engine.json`` durably; for the first start. An existing one is replaced as a whole.

    Raises OSError.
    """
    path = Path(data_dir) / CAPACITY_FILE
    temporary = path.with_name(path.name + ".new")
    data = orjson.dumps(capacity._asdict(), option=orjson.OPT_INDENT_2) + b"\n"
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
    """The capacities in ``engine.json``; None when there is no such file.

    Raises ``DataDirectoryUnavailable`` when the file is not what ``save_capacity`` writes.
    """
    path = Path(data_dir) / CAPACITY_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataDirectoryUnavailable(f"{path}: {error.strerror}") from error
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DataDirectoryUnavailable(f"{path}: not JSON: {error}") from error
    expected = set(EngineCapacity._fields)
    if not isinstance(fields, dict) or set(fields) != expected:
        raise DataDirectoryUnavailable(f"{path}: must hold exactly {', '.join(sorted(expected))}")
    if not all(type(value) is int and value > 0 for value in fields.values()):
        raise DataDirectoryUnavailable(f"{path}: every capacity must be a positive whole number")
    return EngineCapacity(**fields)
