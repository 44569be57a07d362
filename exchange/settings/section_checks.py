"""Checks of exchange.toml that the type of one key cannot express.

Who uses it: ``load_settings``; ``check-config`` for the names of hosts.

Decision ARC-4.
"""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Iterator
from typing import Any

import msgspec

from exchange.settings.encryption import Wrong, wrong_encryption
from exchange.settings.sections import KafkaSection, PowerOfTwo, Settings

EVERY_ADDRESS = {"0.0.0.0", "::"}
_HOST_NAME = re.compile(
    r"^(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)


def _power_of_two(settings: Settings) -> Iterator[Wrong]:
    for section_name in Settings.__struct_fields__:
        section = getattr(settings, section_name)
        for field in msgspec.structs.fields(section):
            value = getattr(section, field.name)
            if field.type == PowerOfTwo and value & (value - 1):
                below = 1 << (value.bit_length() - 1)
                what = f"must be a power of two, for example {below} or {2 * below}, not {value}"
                yield section_name, field.name, what


def listeners(settings: Settings) -> dict[str, Any]:
    """Section -> what has its host and port, of everything that listens."""
    found: dict[str, Any] = {"order_entry": settings.order_entry}
    if settings.api.enabled:
        found |= {"api": settings.api, "health": settings.health, "metrics": settings.metrics}
    if settings.feed.workers:
        found["feed"] = settings.feed
    if settings.grpc.enabled:
        found["grpc"] = settings.grpc
    return found


def is_host(text: str) -> bool:
    """Whether ``text`` can be a host: an address, or a name that is not made of digits only."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(_HOST_NAME.match(text)) and not text.replace(".", "").isdigit()
    return True


def _wrong_addresses(settings: Settings) -> Iterator[Wrong]:
    """Hosts that cannot be, and ports that two would listen on."""
    taken: dict[int, list[tuple[str, str]]] = {}
    for name, section in listeners(settings).items():
        if not is_host(section.host):
            yield name, "host", f"{section.host!r} is neither an address nor the name of a host"
        for other, host in taken.get(section.port, []) if section.port else []:
            if host == section.host or {host, section.host} & EVERY_ADDRESS:
                yield name, "port", f"{section.port} is also the port of [{other}]"
        taken.setdefault(section.port, []).append((name, section.host))


def _wrong_kafka(kafka: KafkaSection) -> Iterator[Wrong]:
    keys = ("trades_topic", "order_events_topic", "klines_topic")
    topics = [(key, topic) for key in keys if (topic := getattr(kafka, key))]
    for at, (key, topic) in enumerate(topics):
        taken = [other for other, name in topics[:at] if name == topic]
        if taken:
            yield "kafka", key, f"{topic!r} is the topic of {taken[0]} already"
    if kafka.security_protocol.startswith("sasl"):
        for key in ("username", "password_file"):
            if not getattr(kafka, key):
                yield "kafka", key, f"security_protocol = {kafka.security_protocol!r} needs it"


def wrong_settings(settings: Settings) -> Iterator[Wrong]:
    """What is wrong in ``settings`` that the type of one key cannot express."""
    yield from _power_of_two(settings)
    yield from _wrong_addresses(settings)
    yield from wrong_encryption(settings.grpc, settings.callback)
    try:
        zoneinfo.ZoneInfo(settings.day.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        what = f"not a time zone of this machine's database: {settings.day.timezone!r}"
        yield "day", "timezone", what
    order_entry = settings.order_entry
    if order_entry.client_timeout_ms <= order_entry.heartbeat_interval_ms:
        yield "order_entry", "client_timeout_ms", "must be greater than heartbeat_interval_ms"
    commands = settings.rings.commands
    if settings.journal.batch > commands:
        yield "journal", "batch", f"must not exceed rings.commands ({commands})"
    if settings.matcher.batch * 2 > commands:
        yield "matcher", "batch", f"must not exceed half of rings.commands ({commands})"
    for network in settings.api.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            what = f"not an address or network such as 10.0.0.0/8: {error}"
            yield "api", "trusted_proxies", what
    store = settings.store
    if store.drop_months and not 0 < store.retention_months <= store.drop_months:
        what = f"must not be below retention_months ({store.retention_months}), which must be set"
        yield "store", "drop_months", what
    if bool(settings.redis.certificate_file) != bool(settings.redis.key_file):
        yield "redis", "key_file", "must be set with certificate_file, and only with it"
    archive = settings.archive
    if archive.command and archive.directory:
        yield "archive", "command", "only one of directory and command can be set"
    if archive.command and not any("{file}" in word for word in archive.command[1:]):
        yield "archive", "command", "must be a program and arguments, one of them with {file} in it"
    yield from _wrong_kafka(settings.kafka)
    rabbitmq = settings.rabbitmq
    if rabbitmq.enabled and rabbitmq.orders and not settings.api.enabled:
        what = "the process api enters these orders, and [api] enabled = false"
        yield "rabbitmq", "orders", what
    feed = settings.feed
    if feed.drop_bytes < feed.conflate_bytes:
        yield "feed", "drop_bytes", f"must not be below conflate_bytes ({feed.conflate_bytes})"
