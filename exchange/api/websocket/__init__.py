"""WebSocket /ws: channels, subscriptions, fan-out and the AsyncAPI document."""
