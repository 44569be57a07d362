"""Who asks through the control socket, and why.

Who uses it: the daemon's one thread, before it carries out a request. The kernel says which Unix
user is at the other end. Several people may share it (the service's own user, root), so a request
may name one of ``[exchange] operators``; nobody else's name is believed.

Decision CTL-13.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from exchange.control.socket import Client, Request
from exchange.errors import Refused

REASON_CHARACTERS = 120


class Person(NamedTuple):
    """``uid``: the Unix user of the process that asked. ``reason``: "" if none was given."""

    name: str
    uid: int
    reason: str


def person_of(request: Request, client: Client, operators: Collection[str]) -> Person:
    """Who asks. Raises Refused about a name that is not in ``operators``, or a bad reason."""
    name, reason = request.operator or client.name, request.reason or ""
    if request.operator is not None and request.operator not in operators:
        known = ", ".join(operators) or "none is listed"
        raise Refused(f"{request.operator!r} is not one of [exchange] operators ({known})")
    if len(reason) > REASON_CHARACTERS or not reason.isascii() or not reason.isprintable():
        raise Refused(f"a reason has at most {REASON_CHARACTERS} printable ASCII characters")
    return Person(name, client.uid, reason)
