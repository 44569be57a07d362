"""What a newer release wrote, and this one cannot read: found, and said with what to do.

Who uses it: ``rebuild`` for each chunk of the journal, the start and the recovery plan for errors.
A newer release may write commands of kinds that this one does not know. Applied, they would do
nothing, and the same journal would give another state; so the first of them is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from exchange.codes import FLAG_LONG, CommandKind
from exchange.errors import ExitStatus, WrittenByNewer, exit_status
from exchange.runtime.release import RELEASE
from exchange.runtime.releases import newer_release

LAST_KIND = max(CommandKind)


def unknown_command(kinds: np.ndarray, flags: np.ndarray) -> int:
    """The index of the first slot that begins a command of an unknown kind; -1 if there is none.

    ``kinds``, ``flags``: uint8[slots], from the first slot of a command on. The second slot of a
    long command holds whatever it likes there. Slots with FLAG_LONG that follow each other begin
    with a first slot, and then first and second ones take turns: so does what follows such a run.
    """
    strange = kinds > LAST_KIND
    if not strange.any():
        return -1
    places = np.arange(len(kinds))
    last_short = np.maximum.accumulate(np.where(flags & FLAG_LONG, -1, places))
    run_before = places - 1 - np.concatenate(([-1], last_short[:-1]))
    found = np.flatnonzero(strange & (run_before % 2 == 0))
    return int(found[0]) if len(found) else -1


def refuse_unknown(first_sequence: int, kinds: np.ndarray, flags: np.ndarray) -> None:
    """Raises WrittenByNewer for a command that this release does not know; see above."""
    index = unknown_command(kinds, flags)
    if index >= 0:
        raise WrittenByNewer(
            f"command {first_sequence + index} of the journal is of kind {int(kinds[index])}, "
            f"which exchange {RELEASE} does not know: a newer release wrote it. Start that "
            "release, or restore a backup from before the upgrade"
        )


def explained(data_dir: Path, error: Exception) -> Exception:
    """``error``, or the same with what to do where a newer release has run on ``data_dir``."""
    newer = newer_release(data_dir)
    if (
        not newer
        or isinstance(error, WrittenByNewer)
        or exit_status(error) != ExitStatus.JOURNAL_CORRUPT
    ):
        return error
    return WrittenByNewer(
        f"{error}. Exchange {newer} has run here, and this is {RELEASE}: start that release (what "
        "it wrote may be sound), or restore a backup from before the upgrade"
    )
