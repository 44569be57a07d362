"""From ``[api]`` and ``[feed]`` of the configuration to the limits of the WebSocket.

Who uses it: the stages api and feed. The hub itself knows no configuration.
"""

from __future__ import annotations

from exchange.api.websocket.parameters import FeedParameters
from exchange.settings import Settings

API_ROLE = "api"


def feed_parameters(settings: Settings, role: str) -> FeedParameters:
    """The limits of the WebSockets that the stage ``role`` serves ("api" or "feed_<n>")."""
    api, feed = settings.api, settings.feed
    of_api = role == API_ROLE
    return FeedParameters(
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
