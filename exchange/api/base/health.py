"""The answer to ``GET /health``: what exchange/runtime/health.py judges, as a response."""

from __future__ import annotations

import msgspec
from aiohttp import web

from exchange.runtime.health import Health


def health_response(health: Health) -> web.Response:
    """200 or 503, in the usual envelope."""
    code, message = (0, "success") if health.healthy else (5002, "; ".join(health.problems))
    return web.Response(
        status=200 if health.healthy else 503,
        body=msgspec.json.encode({"code": code, "message": message, "data": health}),
        content_type="application/json",
        headers={} if health.healthy else {"Retry-After": "1"},
    )
