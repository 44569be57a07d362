"""What a hostile member or stranger does at full speed, by every door; each goes on until killed.

Who uses it: ``scripts/attack``, which runs each in a process of its own. The stranger has an
address of his own (ADDRESS), as strangers do; the member has the session HOSTILE. Everything goes
to the loopback network. A process holds at most KEPT connections, or MANY of ``descriptors``.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from exchange.access.signature import signed_headers
from exchange.client.order_entry import LoginRefused, OrderEntryClient
from exchange.gateway.protocol import ouch, soupbintcp

ADDRESS = "127.0.0.2"
HOSTILE = 2  # session and account
CHUNK = 200  # messages that are sent at once
KEPT, MANY = 300, 3_000  # connections
SOCKETS = 32  # WebSockets that never read
WAIT_S = 60.0
PRICE = 1_000_000
CHANNELS = ("trade.AAPL", "depth.AAPL", "depth_diff.AAPL", "ticker.AAPL", "kline.AAPL.1m")
# closed by a reset: nothing of a connection is left, and there may be many more
RESET = struct.pack("ii", 1, 0)


class Doors(NamedTuple):
    """Where the exchange listens: ``order_entry`` and ``api``, ports. ``password``: HOSTILE's."""

    order_entry: int
    api: int
    password: str
    key: tuple[str, str]  # of HOSTILE's account


class Attack(NamedTuple):
    """``body`` never returns; ``arguments`` are its arguments."""

    body: Callable[..., None]
    arguments: tuple[Any, ...]


def attacks(doors: Doors, seed: int) -> dict[str, Attack]:
    """Every attack by its name."""
    dice = random.Random(seed)

    def flood(make: Callable[[int], bytes]) -> Attack:
        return Attack(_flood, (doors, make))

    def strangers(say: Callable[[int], bytes]) -> Attack:
        return Attack(_connections, ((doors.order_entry,), say, KEPT))

    return {
        "cancels": flood(lambda n: message("X", token=f"X{n}", shares=0)),
        "modifies": flood(lambda n: message("M", token=f"M{n}", side="B", shares=1)),
        "orders": flood(lambda n: enter(n, PRICE)),
        "replaces": flood(_replace),
        "deep book": flood(lambda n: enter(n, 100 * dice.randrange(1, 9_000_000))),
        "repeated token": flood(lambda n: enter(0, PRICE)),
        "slow reader": Attack(_slow_reader, (doors,)),
        "junk": strangers(lambda n: dice.randbytes(500)),
        "wrong passwords": strangers(_wrong_password),
        "silence": strangers(lambda n: b""),
        "log lines": Attack(_log_lines, (doors,)),
        "descriptors": Attack(
            _connections, ((doors.order_entry, doors.api), lambda n: _TIME, MANY)
        ),
        "http junk": Attack(_connections, ((doors.api,), lambda n: dice.randbytes(500), KEPT)),
        "instruments": Attack(_requests, (doors.api, b"GET", "/api/v1/instruments")),
        "trades": Attack(_requests, (doors.api, b"GET", "/api/v1/trades/AAPL?limit=1000")),
        "rest orders": Attack(_rest_orders, (doors,)),
        "slow websockets": Attack(_slow_websockets, (doors,)),
    }


def member(doors: Doors, sequence: int = 0) -> OrderEntryClient:
    """A client of the session HOSTILE, once it may log in."""
    while True:
        client = OrderEntryClient("127.0.0.1", doors.order_entry, connect_timeout_s=WAIT_S)
        try:
            client.login(f"S{HOSTILE}", doors.password, sequence=sequence, timeout_s=WAIT_S)
        except (LoginRefused, OSError, EOFError):
            client.close()  # whoever was there before may not have been noticed as gone
            time.sleep(0.05)
            continue
        return client


def message(letter: str, **fields: Any) -> bytes:
    """One OUCH message as it is sent."""
    return soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, ouch.encode(letter, fields))


def enter(number: int, price: int) -> bytes:
    """An order of token E<number>."""
    return message(
        "O", token=f"E{number}", side="B", shares=100, stock="AAPL", price=price,
        time_in_force=99_999, firm="", display="Y", capacity="A", intermarket_sweep="N",
        minimum_quantity=0, cross_type="N", customer_type=" ",
    )  # fmt: skip


def _replace(number: int) -> bytes:
    """An order, and then its replacement by the next, a step up and a step down, in a chain."""
    if number == 0:
        return enter(0, PRICE)
    return message(
        "U", token=f"E{number - 1}", replacement_token=f"E{number}", shares=100,
        price=PRICE + 100 * (number % 2), time_in_force=99_999, display="Y",
        intermarket_sweep="N", minimum_quantity=0,
    )  # fmt: skip


def _flood(doors: Doors, make: Callable[[int], bytes]) -> None:
    """Messages of one kind, without reading any answer."""
    number = 0
    while True:
        client = member(doors)
        with contextlib.suppress(OSError):
            while True:
                client.send(b"".join(make(number + i) for i in range(CHUNK)))
                number += CHUNK
        client.close()


def _slow_reader(doors: Doors) -> None:
    """Everything that the session was ever told, asked for again and again and never read."""
    client = member(doors)
    for first in range(0, 20_000, CHUNK):
        client.send(b"".join(message("X", token=f"X{first + i}", shares=0) for i in range(CHUNK)))
    while True:
        client.close()
        client = member(doors, sequence=1)
        with contextlib.suppress(OSError):
            for number in range(50):
                client.send(message("X", token=f"Y{number}", shares=0))
                time.sleep(0.02)


def _open(port: int) -> socket.socket:
    connected = socket.create_connection(("127.0.0.1", port), WAIT_S, (ADDRESS, 0))
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return connected


def _connections(ports: tuple[int, ...], say: Callable[[int], bytes], kept: int) -> None:
    """New connections to each port in turn, of which the last ``kept`` stay open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened: list[socket.socket] = []
    number = 0
    while True:
        with contextlib.suppress(OSError):
            opened.append(_open(ports[number % len(ports)]))
            opened[-1].sendall(say(number))
        number += 1
        if len(opened) > kept:
            opened.pop(0).close()


def _login(username: str, password: str) -> bytes:
    text = username.ljust(6) + password.ljust(10) + " " * 10 + "1".rjust(20)
    return (1 + len(text)).to_bytes(2, "big") + b"L" + text.encode()


def _wrong_password(number: int) -> bytes:
    return _login(f"S{HOSTILE}", f"wrong{number % 10_000}")


def _log_lines(doors: Doors) -> None:
    """What is logged each time: a login, a packet that is none, and HTTP that is none."""
    while True:
        with contextlib.suppress(OSError), _open(doors.order_entry) as connected:
            connected.sendall(_login(f"S{HOSTILE}", doors.password) + b"\x00\x01" + os.urandom(1))
            connected.recv(1_000)
        with contextlib.suppress(OSError), _open(doors.api) as connected:
            connected.sendall(os.urandom(8).hex().encode() + b" / HTTP/1.1\r\n\r\n")
            connected.recv(1_000)


def _head(method: bytes, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Host: 127.0.0.1", f"Content-Length: {len(body)}", "", ""]
    return b"%s %s HTTP/1.1\r\n%s%s" % (method, path.encode(), "\r\n".join(lines).encode(), body)


_TIME = _head(b"GET", "/api/v1/time", {})


def _requests(port: int, method: bytes, path: str) -> None:
    """One request after the other, whatever the answer."""
    while True:
        with contextlib.suppress(OSError), _open(port) as connected:
            while True:
                connected.sendall(_head(method, path, {}))
                if not connected.recv(1 << 20):
                    break


def _rest_orders(doors: Doors) -> None:
    """Signed orders of a member, one after the other."""
    key_id, secret = doors.key
    path = "/api/v1/orders"
    body = b'{"symbol":"AAPL","side":"buy","type":"limit","quantity":100,"price":1000000}'
    while True:
        with contextlib.suppress(OSError), _open(doors.api) as connected:
            while True:
                headers = signed_headers(key_id, secret, "POST", path, body)
                headers["Content-Type"] = "application/json"
                connected.sendall(_head(b"POST", path, headers, body))
                if not connected.recv(1 << 16):
                    break


def _masked(text: bytes) -> bytes:
    """A text frame of a client, with a mask of zeros."""
    size = len(text)
    head = struct.pack("!BBH", 0x81, 0xFE, size) if size > 125 else bytes((0x81, 0x80 | size))
    return head + bytes(4) + text


def _slow_websockets(doors: Doors) -> None:
    """Subscribe to everything without end on many sockets, and read nothing."""
    names = ",".join(f'"{channel}"' for channel in CHANNELS)
    again = b"".join(
        _masked(b'{"action":"%s","channels":[%s]}' % (action, names.encode()))
        for action in (b"subscribe", b"unsubscribe", b"subscribe")
    )
    handshake = _head(
        b"GET",
        "/ws",
        {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    )
    opened: list[socket.socket] = []
    while True:
        while len(opened) < SOCKETS:
            with contextlib.suppress(OSError):
                opened.append(_open(doors.api))
                opened[-1].sendall(handshake)
                opened[-1].recv(500)
                opened[-1].setblocking(False)
        for connected in list(opened):
            try:
                connected.send(again)
            except BlockingIOError:
                time.sleep(0.001)
            except OSError:
                connected.close()
                opened.remove(connected)
