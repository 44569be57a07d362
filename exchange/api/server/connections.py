"""Limits of a web server's TCP connections: in total, for each address, and silent ones.

Who uses it: the processes api and feed (lifecycle.py). A connection beyond a limit is answered with
503 and closed before its request is read. Where there is no room, the oldest connection without a
request gives way, then the newest of the address that has most (access/shares.py). A connection
that sends no request for FIRST_REQUEST_S is closed, so that silent connections cannot use up the
limit. WebSockets and connections between two requests have limits of their own
(websocket/parameters.py, idle_timeout_ms).

The limits are enforced in the two methods of aiohttp's server that each connection's protocol calls
when the connection is made and when it is lost.

Decisions API-2 and API-11.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from exchange.api.access.rate_limit import bucket_name
from exchange.api.access.shares import Shares
from exchange.api.errors import ErrorCode, error_body

FIRST_REQUEST_S = 10.0
Protocol = web.RequestHandler


def _refusal() -> bytes:
    """The whole HTTP answer for a connection beyond a limit."""
    body = error_body(ErrorCode.TOO_MANY_CONNECTIONS, "too many connections: try again in a moment")
    return (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    )


class ConnectionLimits:
    """``total``: connections at one time; ``per_address``: of one address (IPv6: one /64)."""

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._addresses: Shares[Protocol] = Shares()
        self._open: dict[Protocol, tuple[str, asyncio.Transport]] = {}
        # connections without a request so far, oldest first
        self._silent: dict[Protocol, tuple[float, asyncio.Transport]] = {}
        self._refusal = _refusal()

    def __len__(self) -> int:
        """Connections that are open and within the limits."""
        return len(self._open)

    def change(self, per_address: int) -> None:
        """Another limit of one address from now on; nobody who is connected is closed."""
        self._per_address = per_address

    def attach(self, server: web.Server) -> None:
        """Enforce the limits on the connections of ``server``."""
        made, lost = server.connection_made, server.connection_lost

        def connection_made(handler: Protocol, transport: asyncio.Transport) -> None:
            made(handler, transport)
            self._made(handler, transport)

        def connection_lost(handler: Protocol, exc: BaseException | None = None) -> None:
            self._lost(handler)
            lost(handler, exc)

        server.connection_made = connection_made  # type: ignore[method-assign]
        server.connection_lost = connection_lost  # type: ignore[method-assign]

    def asked(self, request: web.BaseRequest) -> None:
        """``request`` has come: its connection is not silent any more."""
        self._silent.pop(request.protocol, None)

    def close_silent(self, now_s: float) -> None:
        """Close connections without a request for FIRST_REQUEST_S; to be called regularly."""
        for handler, (since_s, transport) in list(self._silent.items()):
            if now_s - since_s < FIRST_REQUEST_S:
                return
            del self._silent[handler]
            transport.abort()

    def _made(self, handler: Protocol, transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("peername")
        address = bucket_name(peer[0]) if peer else ""
        if len(self._open) >= self._total:
            self._close_oldest_silent()
        has_too_many = self._addresses.count(address) >= self._per_address
        if len(self._open) >= self._total and not has_too_many:
            self._close_newest_of_most(address)
        if len(self._open) >= self._total or has_too_many:
            transport.write(self._refusal)
            transport.close()
            return
        self._open[handler] = address, transport
        self._addresses.join(address, handler)
        self._silent[handler] = (time.monotonic(), transport)

    def _close_oldest_silent(self) -> None:
        """Close the oldest connection without a request: such ones shut the door to nobody."""
        if self._silent:
            handler, (_, transport) = next(iter(self._silent.items()))
            self._lost(handler)
            transport.abort()

    def _close_newest_of_most(self, address: str) -> None:
        """Close a connection of the address that has most, if a newcomer of ``address`` may."""
        handler = self._addresses.gives_way(address)
        if handler is not None:
            _, transport = self._open[handler]
            self._lost(handler)
            transport.abort()

    def _lost(self, handler: Protocol) -> None:
        self._silent.pop(handler, None)
        found = self._open.pop(handler, None)
        if found is not None:
            self._addresses.leave(found[0], handler)
