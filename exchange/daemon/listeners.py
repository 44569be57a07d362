"""The listening sockets: bound by the daemon, kept while the stages behind them restart.

Who uses it: the daemon. A port in use is found before anything else starts, and while a stage
restarts its clients wait to be accepted. Feed workers share one port with SO_REUSEPORT: each has a
socket, and the kernel spreads the connections over them.

Decisions CTL-1, GTW-1 and MET-2.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping

from exchange.core.stage_names import FEED_STAGES, StageName
from exchange.errors import PortInUse
from exchange.runtime.spec import ListenerName
from exchange.settings import Settings

log = logging.getLogger(__name__)


def port_in_use(host: str, port: int, error: OSError, what: str = "order entry") -> PortInUse:
    """The error that names the address, and ``what`` was to listen there."""
    return PortInUse(f"{what} cannot listen on {host}:{port}: {error.strerror or error}")


def bind(host: str, port: int, what: str = "order entry", *, share: bool = False) -> socket.socket:
    """A socket that is bound and not listening yet. Raises PortInUse with the reason.

    ``share``: other sockets of this daemon may be bound to the same port.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if share:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise port_in_use(host, port, error, what) from None
    listener.setblocking(False)
    return listener


def choose_congestion_control(listener: socket.socket, name: str) -> None:
    """Set TCP's congestion control on ``listener``; the connections it accepts inherit it.

    A kernel that does not have it, or does not allow it, keeps its own: a warning says so.
    """
    if not name:
        return
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    except OSError as error:
        log.warning(
            "clients' connections keep the system's TCP congestion control",
            extra={"fields": {"wanted": name, "reason": error.strerror}},
        )


def _bind_shared(host: str, port: int, count: int) -> list[socket.socket]:
    """``count`` sockets on one port, which no other program shares by accident."""
    if count == 0:
        return []
    # first without SO_REUSEPORT: with it another daemon of this user could share its port
    bind(host, port, ListenerName.FEED).close()
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sockets.append(bind(host, port, ListenerName.FEED, share=True))
            port = int(sockets[0].getsockname()[1])
    except PortInUse:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def address_of(listener: socket.socket) -> str:
    """``host:port``, as for a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Listeners:
    """Every listening socket that ``settings`` ask for. Raises PortInUse; then none is left open.

    Order entry has one; api has API, HEALTH and METRICS; each feed worker has its own FEED.
    """

    def __init__(self, settings: Settings) -> None:
        self._of_stage: dict[StageName, dict[ListenerName, socket.socket]] = {}
        self._backlogs = {
            ListenerName.ORDER_ENTRY: settings.order_entry.listen_backlog,
            ListenerName.API: settings.api.listen_backlog,
            ListenerName.HEALTH: settings.api.listen_backlog,
            ListenerName.METRICS: settings.api.listen_backlog,
            ListenerName.FEED: settings.feed.listen_backlog,
        }
        try:
            self._bind(settings)
        except BaseException:
            self.close()
            raise

    def _bind(self, settings: Settings) -> None:
        section = settings.order_entry
        listener = bind(section.host, section.port)
        self._of_stage[StageName.ORDER_ENTRY] = {ListenerName.ORDER_ENTRY: listener}
        choose_congestion_control(listener, section.congestion_control)
        if settings.api.enabled:
            api = self._of_stage[StageName.API] = {}
            api[ListenerName.API] = bind(settings.api.host, settings.api.port, ListenerName.API)
            choose_congestion_control(api[ListenerName.API], section.congestion_control)
            api[ListenerName.HEALTH] = bind(
                settings.health.host, settings.health.port, "the health port"
            )
            api[ListenerName.METRICS] = bind(
                settings.metrics.host, settings.metrics.port, "the metrics port"
            )
        feed = settings.feed
        sockets = _bind_shared(feed.host, feed.port, feed.workers)
        for worker, shared in zip(FEED_STAGES, sockets, strict=False):
            self._of_stage[worker] = {ListenerName.FEED: shared}
            choose_congestion_control(shared, section.congestion_control)

    def listen(self) -> None:
        """From here on clients may connect. Raises PortInUse."""
        for sockets in self._of_stage.values():
            for name, listener in sockets.items():
                try:
                    listener.listen(self._backlogs[name])
                except OSError as error:
                    host, port = listener.getsockname()[:2]
                    raise port_in_use(host, port, error, name.replace("_", " ")) from None

    def descriptors(self, stage: StageName) -> dict[ListenerName, int]:
        """Name -> descriptor of the sockets of ``stage``."""
        return {name: each.fileno() for name, each in self._of_stage.get(stage, {}).items()}

    def all_descriptors(self) -> list[int]:
        """Those of every stage."""
        return [each.fileno() for some in self._of_stage.values() for each in some.values()]

    def addresses(self) -> Mapping[str, str]:
        """Name -> host:port of every kind of listener."""
        return {
            str(name): address_of(listener)
            for sockets in self._of_stage.values()
            for name, listener in sockets.items()
        }

    def close(self) -> None:
        """Close all. Idempotent."""
        for sockets in self._of_stage.values():
            for listener in sockets.values():
                listener.close()
        self._of_stage = {}
