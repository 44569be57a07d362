"""Makes the WebSocket's parameters from ``[api]`` and ``[feed]`` of the configuration.

Who uses it: the stages api and feed. The hub itself reads no configuration.
"""

from __future__ import annotations

from exchange.api.websocket.parameters import WebSocketParameters
from exchange.core.stage_names import StageName
from exchange.settings import Settings


def websocket_parameters(settings: Settings, role: StageName) -> WebSocketParameters:
    """The parameters of the WebSockets that stage ``role`` serves: api, or a feed worker."""
    api, feed = settings.api, settings.feed
    of_api = role == StageName.API
    return WebSocketParameters(
        tick_ms=feed.tick_ms,
        heartbeat_ms=feed.heartbeat_ms,
        connections=api.websocket_connections if of_api else feed.connections,
        connections_per_address=api.connections_per_ip,
        subscriptions_per_connection=api.subscriptions_per_connection,
        message_bytes=api.body_bytes,
        soft_buffer_bytes=feed.conflate_bytes,
        hard_buffer_bytes=max(feed.drop_bytes, feed.conflate_bytes),
        slow_seconds=feed.stall_timeout_ms / 1_000,
        allowed_origins=tuple(api.allowed_origins),
    )
