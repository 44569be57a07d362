"""The snapshots of a data directory, one after another, with what is wrong with each.

Who uses it: ``rebuild`` (newest first: where to begin), ``exchange-replay verify`` and
``snapshot``.
A snapshot is good when all of its bytes are valid and it holds the commands that its name says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exchange.engine.state.layout import NEXT_COMMAND, EngineState
from exchange.engine.state.snapshot import list_snapshots, read_snapshot
from exchange.errors import SnapshotInvalid


class Snapshot(NamedTuple):
    """A snapshot's file. ``sequence``: the first command that it does not hold, by its name."""

    sequence: int
    path: Path
    state: EngineState | None  # None: it cannot be used
    problem: str  # why not


def read_snapshots(directory: Path, *, newest_first: bool = False) -> Iterator[Snapshot]:
    """Every snapshot in ``directory``, each read when it is asked for."""
    found = list_snapshots(directory)
    for sequence, path in reversed(found) if newest_first else found:
        try:
            state = read_snapshot(path)
        except (SnapshotInvalid, OSError) as error:
            yield Snapshot(sequence, path, None, str(error))
            continue
        if int(state.scalars[NEXT_COMMAND]) != sequence:
            problem = f"{path.name}: holds another command sequence than its name says"
            yield Snapshot(sequence, path, None, problem)
            continue
        yield Snapshot(sequence, path, state, "")
