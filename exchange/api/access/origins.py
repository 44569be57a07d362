"""Checks the origin of browsers' requests: which web pages may use the interfaces.

Who uses it: the REST routes, and the WebSocket before it upgrades. By default only pages of the
exchange itself; ``[api] allowed_origins`` names others, and only those get CORS headers. Programs
send no Origin header and are not checked here: the signature protects them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from aiohttp import web

from exchange.access.signature import HEADER_KEY, HEADER_NONCE, HEADER_SIGNATURE, HEADER_TIMESTAMP
from exchange.api.errors import ApiError, ErrorCode

METHODS = "GET, POST, PATCH, DELETE"
PREFLIGHT_SECONDS = 600
_ALLOWED_HEADERS = ", ".join(
    ("Content-Type", HEADER_KEY, HEADER_TIMESTAMP, HEADER_NONCE, HEADER_SIGNATURE)
)


def _is_own(origin: str, request: web.BaseRequest) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # the scheme is not compared: behind a proxy that ends TLS it differs
    return parts.scheme in ("http", "https") and parts.netloc.lower() == request.host.lower()


def require_origin(request: web.BaseRequest, allowed: Collection[str]) -> None:
    """Raises ApiError (ORIGIN_NOT_ALLOWED) when a page of another site has sent ``request``."""
    origins = request.headers.getall("Origin", [])
    if not origins:
        return
    if len(origins) == 1 and (_is_own(origins[0], request) or origins[0] in allowed):
        return
    raise ApiError(
        ErrorCode.ORIGIN_NOT_ALLOWED,
        "pages of this origin may not use the exchange; [api] allowed_origins names those that may",
    )


def cors_headers(request: web.BaseRequest, allowed: Collection[str]) -> Mapping[str, str]:
    """The headers that let an allowed page of another site read the answer; else none."""
    if not allowed:
        return {}
    origin = request.headers.get("Origin")
    headers = {"Vary": "Origin"}
    if origin in allowed and origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "Retry-After"
    return headers


def preflight_headers(request: web.BaseRequest, allowed: Collection[str]) -> Mapping[str, str]:
    """The answer to OPTIONS. Raises ApiError (ORIGIN_NOT_ALLOWED)."""
    require_origin(request, allowed)
    return {
        **cors_headers(request, allowed),
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
