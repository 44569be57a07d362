"""A reload takes over passwords; tests/faults/test_signals_and_reload.py has every key."""

from __future__ import annotations

import msgspec

from exchange.daemon.reload import reload
from exchange.settings import load


def test_passwords_and_new_sessions_are_taken_over_and_definitions_are_not() -> None:
    shipped = load(None)
    first, *others = shipped.sessions
    sessions = [msgspec.structs.replace(first, password="scrypt$other"), *others]
    new = msgspec.structs.replace(shipped, sessions=sessions, instruments=shipped.instruments[:1])
    found = reload(shipped, new)
    assert (found.changed, found.apply) == (["passwords"], ["instruments"])
    assert found.configuration.sessions == sessions
    assert found.configuration.instruments == shipped.instruments
