"""The listening socket of order entry: bound by the daemon, kept while its stage restarts.

Who uses it: the daemon. A taken port is known before anything else starts.
"""

from __future__ import annotations

import logging
import socket

from exchange.errors import PortInUse

log = logging.getLogger(__name__)


def port_in_use(host: str, port: int, error: OSError) -> PortInUse:
    """The error that names the address."""
    return PortInUse(f"order entry cannot listen on {host}:{port}: {error.strerror or error}")


def bind(host: str, port: int) -> socket.socket:
    """The socket of order entry, bound and not listening yet. Raises PortInUse with the reason."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise port_in_use(host, port, error) from None
    listener.setblocking(False)
    return listener


def choose_congestion_control(listener: socket.socket, name: str) -> None:
    """Set TCP's congestion control on ``listener``; the connections it accepts inherit it.

    A kernel that does not have it, or not for us, keeps its own choice: a warning says so.
    """
    if not name:
        return
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    except OSError as error:
        log.warning(
            "order entry keeps the system's TCP congestion control",
            extra={"fields": {"wanted": name, "reason": error.strerror}},
        )
