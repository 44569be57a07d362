"""Who holds how many of a bounded number of places: connections of addresses.

Who uses it: the limits of TCP connections (server/connections.py) and of WebSockets
(websocket/endpoint.py). While there is room, a name may hold any number of places. When there is
none, a newcomer takes the newest place of the name that holds most, if that one still has no fewer
than the newcomer then. So nobody shuts the door to others, and who shares an address with many
loses the latest of them, not those who were there before.

Decision API-11.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Holder = TypeVar("Holder")


class Shares(Generic[Holder]):
    """The holders of places, by the name that they count for. Every call takes constant time."""

    def __init__(self) -> None:
        self._holders: dict[str, dict[Holder, None]] = {}  # of a name, the newest last
        self._names: dict[int, dict[str, None]] = {}  # by how many places they hold
        self._most = 0
        self.held = 0  # places that are held in all

    def count(self, name: str) -> int:
        """How many places ``name`` holds."""
        return len(self._holders.get(name, ()))

    def join(self, name: str, holder: Holder) -> None:
        """``holder``, who has no place, has one now and counts for ``name``."""
        held = self._holders.setdefault(name, {})
        assert holder not in held
        self._move(name, len(held), len(held) + 1)
        held[holder] = None
        self.held += 1

    def leave(self, name: str, holder: Holder) -> None:
        """``holder`` has no place any more. Idempotent."""
        held = self._holders.get(name)
        if held is None or holder not in held:
            return
        self._move(name, len(held), len(held) - 1)
        del held[holder]
        self.held -= 1
        if not held:
            del self._holders[name]

    def gives_way(self, name: str) -> Holder | None:
        """Whose place a newcomer of ``name`` may take; None: nobody's."""
        if self._most < self.count(name) + 2:
            return None
        greedy = next(iter(self._names[self._most]))
        return next(reversed(self._holders[greedy]))

    def _move(self, name: str, before: int, after: int) -> None:
        if before:
            names = self._names[before]
            del names[name]
            if not names:
                del self._names[before]
        if after:
            self._names.setdefault(after, {})[name] = None
        if after > self._most or self._most not in self._names:
            self._most = after
