"""The time filter of lists: ``from`` and ``to`` of a query string, in milliseconds since 1970.

Who uses it: the REST routes that answer with lists. ``from`` <= time < ``to``; each may be missing.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from exchange.api.orders.terms import invalid

MILLISECOND_NS = 1_000_000
LAST_NS = (1 << 63) - 1


class TimeQuery(Protocol):
    """A query string with a time filter."""

    @property
    def from_ms(self) -> int | None: ...
    @property
    def to_ms(self) -> int | None: ...


class TimeRange(NamedTuple):
    """Nanoseconds since 1970, UTC."""

    from_ns: int
    to_ns: int

    def __contains__(self, time_ns: object) -> bool:
        assert isinstance(time_ns, int)
        return self.from_ns <= time_ns < self.to_ns


def time_range(query: TimeQuery) -> TimeRange:
    """The range that ``query`` asks for. Raises ApiError (INVALID_FIELD)."""
    if query.from_ms is not None and query.to_ms is not None and query.from_ms > query.to_ms:
        raise invalid("from", f"must not be after to ({query.to_ms})")
    return TimeRange(
        0 if query.from_ms is None else query.from_ms * MILLISECOND_NS,
        LAST_NS if query.to_ms is None else query.to_ms * MILLISECOND_NS,
    )
