"""The listening sockets: bound at once or not at all, a port shared by feed workers only."""

from __future__ import annotations

import socket
from typing import Any

import msgspec
import pytest

from exchange.daemon.listeners import Listeners
from exchange.errors import PortInUse
from exchange.settings import Settings, load_settings


def settings(**sections: dict[str, Any]) -> Settings:
    """The shipped settings on free ports, with other values."""
    shipped = load_settings(None)
    merged = {name: {"port": 0} for name in ("order_entry", "api", "health", "metrics", "feed")}
    for name, keys in sections.items():
        merged[name] |= keys
    return msgspec.structs.replace(
        shipped,
        **{
            name: msgspec.structs.replace(getattr(shipped, name), **keys)
            for name, keys in merged.items()
        },
    )


def test_what_each_stage_is_given() -> None:
    listeners = Listeners(settings(feed={"workers": 2}))
    try:
        assert set(listeners.descriptors("order_entry")) == {"order_entry"}
        assert set(listeners.descriptors("api")) == {"api", "health", "metrics"}
        assert (
            set(listeners.descriptors("feed_1")) == {"feed"} == set(listeners.descriptors("feed_2"))
        )
        assert listeners.descriptors("feed_1") != listeners.descriptors("feed_2")
        assert listeners.descriptors("store") == {}
        assert set(listeners.addresses()) == {"order_entry", "api", "health", "metrics", "feed"}
        listeners.listen()
        for address in listeners.addresses().values():
            host, port = address.rsplit(":", 1)
            socket.create_connection((host, int(port)), timeout=120).close()
    finally:
        listeners.close()


def test_without_api_nothing_of_it_is_bound() -> None:
    listeners = Listeners(settings(api={"enabled": False}))
    try:
        assert set(listeners.addresses()) == {"order_entry"}
    finally:
        listeners.close()


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ("order_entry", "order entry"),
        ("api", "api"),
        ("health", "the health port"),
        ("metrics", "the metrics port"),
        ("feed", "feed"),
    ],
)
@pytest.mark.parametrize("sharing", [False, True])
def test_a_taken_port(section: str, what: str, sharing: bool) -> None:
    with socket.socket() as taken:
        if sharing:  # somebody else's socket that would share it
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wanted = settings(**{"feed": {"workers": 2}} | {section: {"port": port}})
        if section == "feed":
            wanted = settings(feed={"workers": 2, "port": port})
        with pytest.raises(PortInUse, match=rf"^{what} cannot listen on 127.0.0.1:{port}: "):
            Listeners(wanted)


def test_an_ipv6_address_is_written_as_in_a_url() -> None:
    listeners = Listeners(settings(order_entry={"host": "::1"}))
    try:
        assert listeners.addresses()["order_entry"].startswith("[::1]:")
    finally:
        listeners.close()
