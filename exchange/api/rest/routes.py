"""REST: the table of all routes, and the checks that every request passes.

Who uses it: application.py through ``add_routes``; the OpenAPI document is generated from the same
table. Order of the checks of a request: route, origin, media type and size, signature (auth.py:
permission, rate, nonce), query string, body, weight. Invariant: a handler runs only when all of
them have passed.

Decision API-5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from exchange.access.keys import READ, TRADE
from exchange.api.access.origins import cors_headers, preflight_headers, require_origin
from exchange.api.access.rate_limit import RateLimits
from exchange.api.base.service import SERVICE
from exchange.api.errors import ApiError, ErrorCode, success_body
from exchange.api.orders.terms import Amendment, CancelAfter, CancelBatch, NewOrder, OrderBatch
from exchange.api.rest import account, batch, ledger, market, openapi, orders, schemas
from exchange.api.rest.call import Answer, Call
from exchange.api.rest.decimal_numbers import (
    BODIES,
    DECIMAL_WEIGHT,
    decode_decimal_body,
    in_decimals,
)
from exchange.api.rest.decode import decode_body, decode_query
from exchange.api.rest.instrument_list import InstrumentList, Made
from exchange.api.rest.route import (
    Route,
    weigh_batch,
    weigh_list,
    weigh_private_list,
    weigh_tickers,
    weigh_whole,
)
from exchange.api.rest.ticker_list import TickerList

PREFIX = "/api/v1"
JSON = "application/json"
_HEADERS = {"Content-Type": JSON}
BODY_TIMEOUT_S = 10  # from the head of a request to the end of its body

_NO_INSTRUMENT = (ErrorCode.INSTRUMENT_NOT_FOUND,)
_CHANGE = (
    ErrorCode.ORDER_NOT_FOUND,
    ErrorCode.ORDER_CLOSED,
    ErrorCode.ORDER_OF_ANOTHER_SESSION,
)
_LIST = (ErrorCode.INSTRUMENT_NOT_FOUND, ErrorCode.INVALID_CURSOR)

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/orders",
        orders.post_order,
        schemas.OrderWithTrades,
        TRADE,
        body=NewOrder,
        statuses=(201, 200),
        errors=(ErrorCode.INSTRUMENT_NOT_FOUND, ErrorCode.CLIENT_ORDER_ID_USED),
        rejects=True,
        query=schemas.NumbersQuery,
    ),
    Route(
        "GET",
        "/orders",
        orders.get_orders,
        schemas.OrdersAnswer,
        READ,
        query=schemas.OrdersQuery,
        errors=_LIST,
        weight=weigh_private_list,
    ),
    Route(
        "DELETE",
        "/orders",
        orders.delete_orders,
        schemas.MassCancelAnswer,
        TRADE,
        query=schemas.MassCancelQuery,
        errors=_NO_INSTRUMENT,
    ),
    Route(
        "POST",
        "/orders/cancel-after",
        orders.post_cancel_after,
        schemas.CancelAfterAnswer,
        TRADE,
        body=CancelAfter,
    ),
    Route(
        "POST",
        "/orders/batch",
        batch.post_orders,
        schemas.BatchAnswer,
        TRADE,
        body=OrderBatch,
        weight=weigh_batch,
        query=schemas.NumbersQuery,
    ),
    Route(
        "DELETE",
        "/orders/batch",
        batch.delete_some_orders,
        schemas.BatchAnswer,
        TRADE,
        body=CancelBatch,
        weight=weigh_batch,
        query=schemas.NumbersQuery,
    ),
    Route(
        "GET",
        "/orders/by-client-id",
        batch.get_named_order,
        schemas.OrderWithTrades,
        READ,
        query=schemas.ClientIdQuery,
        errors=(ErrorCode.ORDER_NOT_FOUND,),
    ),
    Route(
        "PATCH",
        "/orders/by-client-id",
        batch.patch_named_order,
        schemas.OrderAnswer,
        TRADE,
        query=schemas.ClientIdQuery,
        body=Amendment,
        errors=_CHANGE,
        rejects=True,
    ),
    Route(
        "DELETE",
        "/orders/by-client-id",
        batch.delete_named_order,
        schemas.OrderAnswer,
        TRADE,
        query=schemas.ClientIdQuery,
        errors=(ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_CLOSED),
        rejects=True,
    ),
    Route(
        "GET",
        "/orders/{order_id}",
        orders.get_order,
        schemas.OrderWithTrades,
        READ,
        errors=(ErrorCode.ORDER_NOT_FOUND,),
        query=schemas.NumbersQuery,
    ),
    Route(
        "PATCH",
        "/orders/{order_id}",
        orders.patch_order,
        schemas.OrderAnswer,
        TRADE,
        body=Amendment,
        errors=_CHANGE,
        rejects=True,
        query=schemas.NumbersQuery,
    ),
    Route(
        "DELETE",
        "/orders/{order_id}",
        orders.delete_order,
        schemas.OrderAnswer,
        TRADE,
        errors=(ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_CLOSED),
        rejects=True,
        query=schemas.NumbersQuery,
    ),
    Route(
        "GET",
        "/trades",
        orders.get_fills,
        schemas.FillsAnswer,
        READ,
        query=schemas.FillsQuery,
        errors=(*_LIST, ErrorCode.ORDER_NOT_FOUND),
        weight=weigh_private_list,
    ),
    Route(
        "GET",
        "/ledger",
        ledger.get_ledger,
        schemas.LedgerAnswer,
        READ,
        query=schemas.LedgerQuery,
        errors=(ErrorCode.INVALID_CURSOR,),
        weight=weigh_private_list,
    ),
    Route(
        "GET",
        "/accounts/me",
        account.get_account,
        schemas.AccountAnswer,
        READ,
        query=schemas.NumbersQuery,
    ),
    Route(
        "GET",
        "/positions",
        account.get_positions,
        schemas.PositionsAnswer,
        READ,
        weight=weigh_whole,
        query=schemas.NumbersQuery,
    ),
    Route(
        "GET",
        "/instruments",
        market.get_instruments,
        schemas.InstrumentsAnswer,
        weight=weigh_whole,
        query=schemas.NumbersQuery,
    ),
    Route(
        "GET",
        "/depth/{symbol}",
        market.get_depth,
        schemas.DepthAnswer,
        query=schemas.DepthQuery,
        errors=_NO_INSTRUMENT,
        weight=weigh_list,
    ),
    Route(
        "GET",
        "/trades/{symbol}",
        market.get_public_trades,
        schemas.TradesAnswer,
        query=schemas.PublicTradesQuery,
        errors=_LIST,
        weight=weigh_list,
    ),
    Route(
        "GET",
        "/ticker/{symbol}",
        market.get_ticker,
        schemas.TickerAnswer,
        errors=_NO_INSTRUMENT,
        query=schemas.NumbersQuery,
    ),
    Route(
        "GET",
        "/tickers",
        market.get_tickers,
        schemas.TickersAnswer,
        query=schemas.TickersQuery,
        errors=_NO_INSTRUMENT,
        weight=weigh_tickers,
    ),
    Route(
        "GET",
        "/klines/{symbol}",
        market.get_klines,
        schemas.KlinesAnswer,
        query=schemas.KlinesQuery,
        errors=_NO_INSTRUMENT,
        weight=weigh_list,
    ),
    Route("GET", "/time", market.get_time, schemas.TimeAnswer),
    Route("GET", "/health", market.get_health, schemas.HealthAnswer),
)


def _too_large(maximum: int) -> ApiError:
    return ApiError(
        ErrorCode.BODY_TOO_LARGE, f"the body is too large: at most {maximum} bytes are allowed"
    )


async def _read_body(request: web.Request, route: Route) -> bytes:
    """The body as it was signed. Raises ApiError."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise ApiError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding: a body must not be encoded"
        )
    if not request.body_exists:
        return b""
    # the header as text first: parsing it costs more than the rest of this function
    is_json = request.headers.get("Content-Type") == JSON or request.content_type == JSON
    if route.body is not None and not is_json:
        raise ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: must be {JSON}")
    maximum = request.client_max_size
    if (request.content_length or 0) > maximum:
        raise _too_large(maximum)
    if request.content.is_eof():
        body = await request.read()  # it came with the head: no timer is needed
    else:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await request.read()
        except (TimeoutError, ConnectionError):
            raise ApiError(
                ErrorCode.INVALID_FIELD, f"body: is not complete after {BODY_TIMEOUT_S} s"
            ) from None
    if body and route.body is None:
        raise ApiError(ErrorCode.INVALID_FIELD, f"body: {route.method} {route.path} has none")
    return body


def _count(
    request: web.Request, limits: RateLimits | None, key_id: str | None, weight: int
) -> dict[str, str]:
    """Count the request as ``weight`` (one of it has been counted); the headers that say so."""
    if limits is None:
        return {}
    return limits.take_weight(request, key_id, weight)


def _made(
    request: web.Request, made: Made, takes_gzip: bool, limits: dict[str, str]
) -> web.Response:
    """The answer, compressed if the client can read that and it is; 304 when the client has it."""
    headers = limits | {"ETag": made.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if made.etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    headers |= _HEADERS
    if takes_gzip and made.compressed is not None:
        headers |= {"Content-Encoding": "gzip"}
        return web.Response(body=made.compressed, headers=headers)
    return web.Response(body=made.body, headers=headers)


def _serve(route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        service = request.app[SERVICE]
        if route.is_command:
            require_origin(request, service.allowed_origins)
        raw = await _read_body(request, route)
        key = None
        if route.permission is not None:
            assert service.authenticator is not None
            key = service.authenticator.authenticate(request, raw, route.permission)
        query: Any = decode_query(request.query.items(), route.query)
        takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
        call = Call(service, key, request.match_info, query, None, takes_gzip=takes_gzip)
        if getattr(query, "numbers", None) == "decimal":
            return await _serve_decimals(route, request, call, raw)
        body = None if route.body is None else decode_body(raw, route.body)
        call.body = body
        key_id = None if key is None else key.id
        limits = _count(request, service.limits, key_id, route.weight(query, body))
        found = await route.handler(call)
        if isinstance(found, bytes):  # a whole answer
            return web.Response(body=found, headers=_HEADERS | limits)
        if isinstance(found, Made):
            return _made(request, found, takes_gzip, limits)
        status = 200
        if isinstance(found, Answer):
            found, status = found
        return web.Response(body=success_body(found), status=status, headers=_HEADERS | limits)

    return serve


async def _serve_decimals(
    route: Route, request: web.Request, call: Call, raw: bytes
) -> web.Response:
    """Answer a request whose prices and money are decimal strings."""
    service, key = call.service, call.key
    try:
        if route.body in BODIES:
            instrument = await orders.instrument_to_amend(call) if route.amends else None
            call.body = decode_decimal_body(raw, route.body, call.market, instrument)
        elif route.body is not None:
            call.body = decode_body(raw, route.body)
        weight = route.weight(call.query, call.body) * (DECIMAL_WEIGHT if key is None else 1)
        limits = _count(request, service.limits, None if key is None else key.id, weight)
        found, status = await route.handler(call), 200
    except ApiError as error:
        if error.data is not None:  # an order
            text = await in_decimals(orjson.dumps(error.data), call.market)
            error.data = orjson.Fragment(text)
        raise
    if isinstance(found, Answer):
        found, status = found
    if isinstance(found, Made):
        found = found.body
    whole = found if isinstance(found, bytes) else success_body(found)
    body = await in_decimals(whole, call.market)
    return web.Response(body=body, status=status, headers=_HEADERS | limits)


def _pattern(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


async def _preflight(request: web.Request) -> web.Response:
    """Answer OPTIONS, which a browser sends before the request of a page of another origin."""
    service = request.app[SERVICE]
    allowed = service.allowed_origins
    if not allowed:
        methods = [route.method for route in ROUTES if PREFIX + route.path == _pattern(request)]
        raise web.HTTPMethodNotAllowed(request.method, methods)
    return web.Response(status=204, headers=preflight_headers(request, allowed))


async def _add_cors(request: web.Request, response: web.StreamResponse) -> None:
    allowed = request.app[SERVICE].allowed_origins
    response.headers.update(cors_headers(request, allowed))


def add_routes(app: web.Application) -> None:
    """Register every route, and /openapi.json."""
    service = app[SERVICE]
    service.instrument_list = InstrumentList(service.market, service.accounts)
    service.ticker_list = TickerList(service.market, service.clock)
    for route in ROUTES:
        app.router.add_route(route.method, PREFIX + route.path, _serve(route))
    for path in {route.path for route in ROUTES}:  # also where no origin is allowed: a reload may
        app.router.add_route("OPTIONS", PREFIX + path, _preflight)
    app.on_response_prepare.append(_add_cors)
    document = openapi.document(PREFIX, ROUTES)

    async def get_openapi(request: web.Request) -> web.Response:
        return web.Response(body=document, content_type=JSON)

    app.router.add_get("/openapi.json", get_openapi)
