"""The account model at a place of the event stream: from a checkpoint, or new.

Who uses it: the stage, and ``exchange store``. A checkpoint is written where the database stands,
so the newest one is hardly ever ahead of it; where it is (a backup was restored), an older one or
the archive's beginning is taken.
"""

from __future__ import annotations

import logging
from pathlib import Path

from exchange.errors import ArchiveCorrupt, DataDirectoryUnavailable
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.checkpoint import CheckpointWriter, load_newest
from exchange.runtime.account_models import store_account_capacity
from exchange.runtime.data_directory import load_capacity, read_model_directory
from exchange.store.errors import StoreRefused
from exchange.store.rows.state_rows import AccountState
from journal.archive_reader import ArchiveReader

log = logging.getLogger(__name__)

CHECKPOINTS = "store"  # below the read models' directory


def new_state(data_directory: Path, batch_events: int) -> AccountState:
    """A model that has seen nothing. Raises DataDirectoryUnavailable when nothing ever ran
    there."""
    engine = load_capacity(data_directory)
    if engine is None:
        raise DataDirectoryUnavailable(f"{data_directory}: no exchange has run here yet")
    return AccountState(store_account_capacity(engine, batch_events))


def state_at(
    data_directory: Path, batch_events: int, archive: ArchiveReader, next_event: int
) -> AccountState:
    """A model that has seen no event from ``next_event`` on, as many before it as possible.

    Raises StoreRefused when events that it needs have left the archive.
    """
    directory = read_model_directory(data_directory) / CHECKPOINTS
    states: list[AccountState] = []

    def make() -> list[AccountModel]:
        states.append(new_state(data_directory, batch_events))
        return [states[-1].model]

    try:
        loaded = load_newest(directory, make, next_event, archive)
    except ArchiveCorrupt as error:
        raise StoreRefused(str(error)) from None
    for note in loaded.notes:
        log.warning("%s", note)
    return states[-1]


class Checkpoints:
    """Writes checkpoints of the model while the stage runs."""

    def __init__(self, data_directory: Path, archive: ArchiveReader, every_events: int) -> None:
        self._directory = read_model_directory(data_directory) / CHECKPOINTS
        self._archive = archive
        self._every_events = every_events
        self._writer: CheckpointWriter | None = None
        self._state: AccountState | None = None

    def _writer_of(self, state: AccountState) -> CheckpointWriter:
        if self._writer is None or state is not self._state:
            self.close()
            self._state = state
            self._writer = CheckpointWriter(
                self._directory,
                [state.model],
                self._archive,
                every_events=self._every_events,
                report=lambda line: log.info("%s", line),
            )
        return self._writer

    def settled(self, state: AccountState) -> None:
        """The database stands where ``state`` does; time for a checkpoint, perhaps."""
        self._writer_of(state).step()

    def ended(self, state: AccountState) -> None:
        """As ``settled``, for the last time."""
        self._directory.parent.mkdir(mode=0o700, exist_ok=True)
        self._writer_of(state).save_now()

    def close(self) -> None:
        """End what is being written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
