"""sessions.toml: who may log in, for which account, and with what limits."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field

from exchange.definitions.rules import USERNAME_PATTERN
from exchange.settings.accounts import AccountId
from exchange.settings.findings import Findings, doubles
from exchange.settings.sections import Burst, Rate, Section, SmallCount
from exchange.settings.toml_file import problem


class Session(Section, frozen=True, kw_only=True):
    """One ``[[session]]``. ``password`` is a hash by `exchange hash-password`.

    Limits that are None are those of ``[risk]`` (``session_orders_per_second`` ...).
    """

    id: SmallCount
    username: Annotated[str, Meta(pattern=USERNAME_PATTERN)]
    password: Annotated[str, Meta(pattern=r"^scrypt\$")]
    account: AccountId
    orders_per_second: Rate | None = None
    burst: Burst | None = None
    cancel_on_disconnect: bool | None = None

    def limits(self, risk: dict[str, Any]) -> dict[str, Any]:
        """``risk`` with this session's own limits in their place, under the keys of [risk]."""
        own = {
            "session_orders_per_second": self.orders_per_second,
            "session_burst": self.burst,
            "cancel_on_disconnect": self.cancel_on_disconnect,
        }
        return risk | {key: value for key, value in own.items() if value is not None}


class _SessionsFile(Section, frozen=True, kw_only=True):
    session: list[Session] = field(default_factory=list)


def load_sessions(
    path: Path, capacity: int, accounts: Collection[int] | None, found: Findings | None = None
) -> list[Session]:
    """The sessions of ``path``; ids below ``capacity`` (records), of one of ``accounts``.

    ``accounts``: None: any, because an operator may have opened it.
    """
    found = found or Findings()
    text, tables = found.tables(path, _SessionsFile)
    sessions: dict[int, Session] = tables["session"]

    def refuse(index: int, key: str, what: str) -> None:
        found.add(problem(path, text, "session", key, what, index))

    if not sessions and not found.errors:
        found.add(problem(path, text, "", "", "there is no [[session]]: nobody could log in"))
    for key in ("id", "username"):
        for index, what in doubles(sessions, key):
            refuse(index, key, what)
    for index, session in sessions.items():
        if session.id >= capacity:
            refuse(index, "id", f"must be below capacity.sessions ({capacity})")
        if accounts is not None and session.account not in accounts:
            what = "must be the id of an [[account]] of the accounts' file, or of one that is open"
            refuse(index, "account", what)
    return list(sessions.values())
