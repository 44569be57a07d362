"""The web applications: which module answers which path, and the middlewares around all of them.

Who uses it: exchange/stages/api.py, exchange/stages/feed.py and tests. Each part registers its
routes through a function ``add_routes(app)`` of its own. The middlewares and signals, outermost
first:

    noticing       tells connections.py that a connection has sent a request
    count          counts requests and failures, for `exchange status`
    answer_errors  sends every error in the envelope (exchange/api/errors.py)
    gate           enforces the rate limit of the address; 503 while the models are not up to date
    add_headers    adds the security headers to every answer

Decision MET-2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.registry import Collector

from exchange.api.base.health import health_response
from exchange.api.base.service import SERVICE, ApiService
from exchange.api.errors import Handler, answer_errors
from exchange.api.rest import routes as rest_routes
from exchange.api.rest.routes import PREFIX
from exchange.api.websocket import endpoint as websocket_endpoint
from exchange.web import routes as page_routes

Asked = Callable[[web.BaseRequest], None]
# paths that are answered while the models still read the archive, too
ALWAYS = frozenset({f"{PREFIX}/time", f"{PREFIX}/health", "/health"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


async def get_health(request: web.Request) -> web.Response:
    """``GET /health``: 200 while the core moves, otherwise 503 with what is wrong."""
    return health_response(request.app[SERVICE].health())


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count requests, and those that failed."""
    counters = request.app[SERVICE].counters
    response = await handler(request)
    counters.add("requests")
    if response.status >= 400:
        counters.add("requests_failed")
    return response


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Enforce the rate limit of the address, and refuse requests until the models are ready."""
    service = request.app[SERVICE]
    # the page's files are not limited: they are served from memory, and one reload asks for forty
    if (
        service.limits is not None
        and request.path != "/"
        and not request.path.startswith(page_routes.PREFIX)
    ):
        service.limits.take_address(request)
    if request.path.startswith(PREFIX) and request.path not in ALWAYS:
        service.check_ready()
    return await handler(request)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer, unless its handler has set them."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _noticing(asked: Asked) -> Any:
    @web.middleware
    async def notice(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked(request)
        return await handler(request)

    return notice


def make_application(service: ApiService, asked: Asked = lambda request: None) -> web.Application:
    """The application of the process api. ``asked``: called with each request (connections.py)."""
    app = web.Application(
        middlewares=[_noticing(asked), count, answer_errors, gate],
        client_max_size=service.body_bytes,
    )
    app[SERVICE] = service
    app.on_response_prepare.append(add_headers)
    rest_routes.add_routes(app)
    websocket_endpoint.add_routes(app)
    page_routes.add_routes(app)
    return app


def make_feed_application(
    service: ApiService, asked: Asked = lambda request: None
) -> web.Application:
    """The application of a feed worker: its WebSocket."""
    app = web.Application(middlewares=[_noticing(asked), answer_errors])
    app[SERVICE] = service
    websocket_endpoint.add_routes(app)
    return app


def make_metrics_application(metrics: Collector, asked: Asked) -> web.Application:
    """The application of the metrics port: what ``metrics`` collects; no rate limits."""
    app = web.Application(middlewares=[_noticing(asked), answer_errors])
    app.router.add_get("/metrics", make_aiohttp_handler(metrics))
    return app


def make_health_application(
    service: ApiService, asked: Asked = lambda request: None
) -> web.Application:
    """The application of the health port; no rate limits."""
    app = web.Application(middlewares=[_noticing(asked), answer_errors])
    app[SERVICE] = service
    for path in ("/", "/health", f"{PREFIX}/health"):
        app.router.add_get(path, get_health)
    return app
