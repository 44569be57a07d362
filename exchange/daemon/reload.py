"""What a reload (SIGHUP, ``exchange reload``) changes while the exchange runs, and what it cannot.

Who uses it: the daemon. It reads its configuration files again; a mistake in them changes nothing.
Passwords of sessions and the keys in ``RELOADED`` count at once. What is in the journal (limits,
accounts, instruments) is changed by ``exchange admin config apply``; all other keys count from the
next start, and the answer names them.

Decision SUR-3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from exchange.errors import ExchangeError
from exchange.runtime.logs import set_level
from exchange.settings import Configuration, Settings

log = logging.getLogger(__name__)

# section -> keys that a running process takes over; docs/operations.md lists them for people
RELOADED = {
    "exchange": ("operators",),
    "log": ("level",),
    "api": (
        "requests_per_second_per_ip",
        "requests_per_second_per_key",
        "burst",
        "connections_per_ip",
        "subscriptions_per_connection",
        "allowed_origins",
        "trusted_proxies",
    ),
    "health": ("stale_ms", "lag_ms"),
}
# the engine knows these from the journal
JOURNALED = ("risk",)
JOURNALED_FILES = ("accounts", "currencies", "groups", "instruments")


class Reload(NamedTuple):
    """``configuration``: what is in force from now on. Names for people: ``changed`` is in force,

    ``restart`` waits for the next start, ``apply`` for ``exchange admin config apply``.
    """

    configuration: Configuration
    changed: list[str]
    restart: list[str]
    apply: list[str]


def _settings(running: Settings, new: Settings, found: Reload) -> Settings:
    sections = {}
    for name in Settings.__struct_fields__:
        before, after = getattr(running, name), getattr(new, name)
        taken = {}
        for key in before.__struct_fields__:
            value = getattr(after, key)
            if value == getattr(before, key):
                continue
            if key in RELOADED.get(name, ()):
                taken[key] = value
                found.changed.append(f"{name}.{key}")
            else:
                (found.apply if name in JOURNALED else found.restart).append(f"{name}.{key}")
        sections[name] = msgspec.structs.replace(before, **taken)
    return Settings(**sections)


def reload(running: Configuration, new: Configuration) -> Reload:
    """Take over from ``new`` what ``running`` can change while the exchange runs."""
    found = Reload(running, [], [], [])
    settings = _settings(running.settings, new.settings, found)
    before = {session.username: session.password for session in running.sessions}
    after = {session.username: session.password for session in new.sessions}
    if before != after:
        found.changed.append("passwords")
    for name in JOURNALED_FILES:
        if getattr(running, name) != getattr(new, name):
            found.apply.append(name)
    configuration = msgspec.structs.replace(running, settings=settings, sessions=new.sessions)
    return found._replace(configuration=configuration)


def reload_files(
    running: Configuration, load: Callable[[], Configuration]
) -> tuple[Configuration, dict[str, Any]]:
    """What is in force after a reload, and the answer for whoever asked for it.

    ``load`` reads the files. A mistake in them changes nothing, and the answer says what it is.
    """
    try:
        found = reload(running, load())
    except ExchangeError as error:
        log.error("nothing was reloaded: %s", error)
        return running, {"ok": False, "error": f"nothing was reloaded: {error}"}
    set_level(found.configuration.settings.log.level)
    log.warning("reloaded; %s", describe(found))
    lists = {name: getattr(found, name) for name in ("changed", "restart", "apply")}
    return found.configuration, {"ok": True, "text": describe(found), **lists}


def describe(found: Reload) -> str:
    """The outcome in one line."""
    parts = [f"now in force: {', '.join(found.changed) or 'nothing new'}"]
    if found.apply:
        names = ", ".join(found.apply)
        parts.append(f"in the journal, see `exchange admin config diff`: {names}")
    if found.restart:
        parts.append(f"from the next start on: {', '.join(found.restart)}")
    return "; ".join(parts)
