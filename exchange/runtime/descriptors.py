"""Descriptors: the limit of open files, and what of it each process needs.

Who uses it: the daemon, once at its start. It raises its own soft limit, which its stages inherit,
and refuses a start that the limit does not allow: a process that has no descriptor left when its
clients have come can open neither its files nor the sockets of probes.

Decision SUR-4.
"""

from __future__ import annotations

import resource
from typing import NamedTuple

from exchange.core.stage_names import StageName
from exchange.errors import ConfigurationError
from exchange.settings import Settings
from exchange.settings.connectors import connectors_of

ENOUGH = 1 << 20  # more is of no use; some systems have no limit at all
# what a process has open besides its clients: files, eventfds, sockets of its own, imports
BASE = {
    "daemon": 192,
    "order_entry": 96,
    "api": 128,
    "feed": 128,
    "store": 128,
    "snapshotter": 128,
    "connector": 160,  # a client library has a descriptor or two for each server
}
PROBES = 64  # connections to the health port
SCRAPERS = 16  # ... and to the metrics port
# connections of a web server that are accepted in one pass of its event loop ...
ACCEPTED_AT_ONCE = 32
# ... and how many of those beyond its limit are open until they are told so and closed
REFUSED = 4 * ACCEPTED_AT_ONCE


class Need(NamedTuple):
    """What one process needs. ``key``: of the configuration, "" where nothing can be lowered."""

    process: str
    descriptors: int
    key: str = ""
    value: int = 0


def needs(settings: Settings) -> list[Need]:
    """The descriptors that each process may have open at one time."""
    found = [Need("daemon", BASE["daemon"])]
    count = settings.order_entry.connections
    found.append(Need("order_entry", BASE["order_entry"] + count, "order_entry.connections", count))
    if settings.api.enabled:
        count = settings.api.connections
        total = BASE["api"] + PROBES + SCRAPERS + 3 * REFUSED + count
        found.append(Need("api", total, "api.connections", count))
    if settings.feed.workers:
        count = settings.feed.connections
        found.append(Need("feed", BASE["feed"] + REFUSED + count, "feed.connections", count))
    if settings.store.dsn != "off":
        found.append(Need("store", BASE["store"]))
    if settings.snapshot.enabled:
        found.append(Need("snapshotter", BASE["snapshotter"]))
    for name in connectors_of(settings):
        # a client may have a connection for each of its calls
        of_clients = settings.grpc.calls_under_way if name == StageName.CONNECT_GRPC else 0
        key = "grpc.calls_under_way" if of_clients else ""
        found.append(Need(name, BASE["connector"] + of_clients, key, of_clients))
    return found


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one. Returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return ENOUGH
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def check(settings: Settings, limit: int) -> None:
    """Raises ConfigurationError, with every process that ``limit`` descriptors do not suffice."""
    lacking = [need for need in needs(settings) if need.descriptors > limit]
    if not lacking:
        return
    texts = []
    for need in lacking:
        room = need.value - (need.descriptors - limit)
        text = f"{need.process} needs {need.descriptors:,}"
        if need.key:
            text += f" ({need.key} = {need.value:,}"
            text += f", at most {room:,} would fit)" if room > 0 else ")"
        texts.append(text)
    raise ConfigurationError(
        f"a process may have {limit:,} open files: {'; '.join(texts)}. Raise the hard limit "
        "(`ulimit -n`, LimitNOFILE= of a systemd unit, --ulimit nofile= of a container), or lower "
        "these keys"
    )
