"""What a connector needs of the system that it writes to, and what can be wrong with that system.

Who uses it: ``connector.py``; one package of this folder for each system has a ``Sink``.

The checkpoint lives in the other system: ``open`` asks it where its records end, and ``write`` puts
records and their position there together, so nothing on this machine can disagree with it.

Decision CON-2.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from exchange.core.event_archive import EventArchive

IDENTITY_BYTES = 16  # enough to tell any two exchanges apart


class SinkAway(Exception):
    """The other system cannot be reached, or does not answer: it is tried again for ever."""


class SinkRefused(Exception):
    """Somebody must put something right: wrong password, another exchange's records, a second
    instance. It is looked at again now and then."""


class RecordRefused(SinkRefused):
    """The other system will not have a record of ours, whatever happens to it."""


class SinkPosition(NamedTuple):
    """Where the other system's records end.

    ``next_event``: it has what all events below say; at least one more is not complete.
    ``identity``: of the exchange whose events they are (``exchange_identity``); "" = not known.
    """

    next_event: int
    identity: str = ""


class Batch(NamedTuple):
    """Events ``first`` to ``end`` (exclusive), made ready for the sink.

    ``content``: whatever the sink's ``encode`` has made of them. ``records``: how many records of
    the other system that is.
    """

    first: int
    end: int
    content: Any
    records: int


class Sink(Protocol):
    """One other system. Errors: SinkAway, SinkRefused, RecordRefused; anything else is a bug.

    All but ``encode`` are called in the connector's writer thread: ``open``, ``write`` and
    ``close`` may wait for the network, each for a bounded time, ``begin`` for the archive.
    ``encode`` is called in its main thread, never beside ``begin``, and waits for nobody.

    ``title``: for logs and people, "Kafka". ``begins_with_state``: an empty sink is given the state
    of now (``begin`` with the newest event), not every event from the oldest on; it gets a batch
    without events at once, and another one whenever it has had none for a while, so that it notices
    when its state is gone and can tell that it lives.
    """

    title: str
    begins_with_state: bool

    def open(self) -> SinkPosition | None:
        """Connect, keep other instances out, and say where the records end; None: it is empty."""

    def begin(self, next_event: int) -> None:
        """Be ready to encode from ``next_event`` on: names and models as they were before it."""

    def encode(self, events: np.ndarray) -> tuple[Any, int]:
        """Make ``events`` (EVENT[n], consecutive) ready: the content, and its number of records.

        It is called for each event once and in order, until the next ``begin``.
        """

    def write(self, batch: Batch) -> None:
        """Make ``batch`` durable there, position included. After an error it may be there or not.

        It may be called again with the same batch, after ``open`` has been called.
        """

    def close(self) -> None:
        """Let go of the connection and of the lock. Idempotent; raises nothing."""


@runtime_checkable
class KeepsModels(Protocol):
    """A sink that makes its records of read models, which it can begin with the next time."""

    def save_models(self) -> None:
        """Write a checkpoint of them. Called after the end of the connector's loop."""


def exchange_identity(archive: EventArchive) -> str:
    """What tells this exchange from others, of its first event; "" when that has left the archive.

    Lower-case hexadecimal.
    """
    if archive.oldest() > 0:
        return ""
    first = archive.view(0, 1)
    if len(first) == 0:
        return ""
    return hashlib.sha256(first.tobytes()).hexdigest()[: 2 * IDENTITY_BYTES]


def check_position(
    title: str, position: SinkPosition, archive: EventArchive, released: int
) -> None:
    """Whether what the sink holds is of this exchange. Raises SinkRefused with what is wrong."""
    at = position.next_event
    if at > released:
        raise SinkRefused(
            f"{title} has records of events up to {at - 1:,}, this exchange only up to "
            f"{released - 1:,}: the data directory is older than {title}'s records. Put the newer "
            "data directory back, or give the connector a place of its own"
        )
    if at == 0:
        return
    own = exchange_identity(archive)
    if own and position.identity and own != position.identity:
        raise SinkRefused(
            f"the records in {title} are of another exchange ({position.identity}, this one is "
            f"{own}): give each exchange a place of its own"
        )
    if archive.oldest() > at:
        raise SinkRefused(
            f"the archive begins with event {archive.oldest():,}, {title}'s records end before "
            f"event {at:,}: put back the segments of the archive that have left it"
        )
