"""sessions.toml: who may log in, for which account, and with what limits."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field

from exchange.definitions import USERNAME_PATTERN
from exchange.settings.accounts import AccountId
from exchange.settings.sections import Burst, Rate, Section, SmallCount
from exchange.settings.toml_file import convert, problem, read_toml, refuse_doubles


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


def load_sessions(path: Path, capacity: int, accounts: Collection[int]) -> list[Session]:
    """The sessions of ``path``; ids below ``capacity`` (records), of one of ``accounts``."""
    text, tree = read_toml(path)
    sessions = convert(path, text, tree, _SessionsFile).session
    refuse_doubles(path, text, "session", sessions, "id")
    refuse_doubles(path, text, "session", sessions, "username")
    for index, session in enumerate(sessions):
        if session.id >= capacity:
            what = f"must be below capacity.sessions ({capacity})"
            raise problem(path, text, "session", "id", what, index)
        if session.account not in accounts:
            what = "must be the id of an [[account]] of the accounts' file"
            raise problem(path, text, "session", "account", what, index)
    return sessions
