"""Every error that the interfaces for people and programs answer with, and how it is sent.

Who raises: handlers of REST requests and WebSocket actions (``ApiError``). Who answers: the
middleware ``answer_errors`` here for REST, the WebSocket's own loop for its messages. Invariants:
a number of ``ErrorCode`` is never renumbered and never reused; clients may rely on ``code`` alone,
``message`` is for people. A bug (any exception that nobody expected) is logged with its traceback
and answered as INTERNAL: it is never dressed up as a refusal, and nothing of it leaves the process.

The numbers::

    1xxx  the request cannot be understood         4xxx  what it names is not there, or not so
    2xxx  who asks, and what they may do           5xxx  the exchange's own trouble
    3xxx  too much of something                   10000 + N  the matcher's codes.Reject N
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from typing import Any

import orjson
from aiohttp import web

from exchange.codes import Reject

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ErrorCode(IntEnum):
    """Why a request was not carried out. Append only."""

    MALFORMED_JSON = 1001
    INVALID_FIELD = 1002
    BODY_TOO_LARGE = 1003
    UNSUPPORTED_MEDIA_TYPE = 1004
    NOT_FOUND = 1005  # no such path
    METHOD_NOT_ALLOWED = 1006
    INVALID_CURSOR = 1007
    HEADERS_TOO_LARGE = 1008
    CREDENTIALS_MISSING = 2001
    KEY_UNKNOWN = 2002  # also: revoked
    SIGNATURE_INVALID = 2003
    TIMESTAMP_OUTSIDE_WINDOW = 2004
    NONCE_USED = 2005
    PERMISSION_DENIED = 2006
    ORIGIN_NOT_ALLOWED = 2007
    RATE_LIMITED = 3001
    TOO_MANY_SUBSCRIPTIONS = 3002
    TOO_SLOW = 3003  # a subscriber that does not read is closed with this
    TOO_MANY_CONNECTIONS = 3004
    ORDER_NOT_FOUND = 4001  # also: another account's
    INSTRUMENT_NOT_FOUND = 4002
    ORDER_CLOSED = 4003
    CLIENT_ORDER_ID_USED = 4004
    CHANNEL_UNKNOWN = 4005
    NOT_SUBSCRIBED = 4006
    ORDER_OF_ANOTHER_SESSION = 4007  # of the same account: it can be cancelled, not replaced
    INTERNAL = 5001
    UNAVAILABLE = 5002
    OUTCOME_UNKNOWN = 5003  # it may have been carried out: ask with the same client order id


REJECT_BASE = 10_000  # codes above it are the matcher's rejects
REJECT_STATUS = 422

# The HTTP status of each code. WebSocket errors have no status; theirs are what REST would say.
HTTP_STATUS: Mapping[int, int] = {
    ErrorCode.MALFORMED_JSON: 400,
    ErrorCode.INVALID_FIELD: 400,
    ErrorCode.BODY_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.INVALID_CURSOR: 400,
    ErrorCode.HEADERS_TOO_LARGE: 431,
    ErrorCode.CREDENTIALS_MISSING: 401,
    ErrorCode.KEY_UNKNOWN: 401,
    ErrorCode.SIGNATURE_INVALID: 401,
    ErrorCode.TIMESTAMP_OUTSIDE_WINDOW: 401,
    ErrorCode.NONCE_USED: 401,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.ORIGIN_NOT_ALLOWED: 403,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.TOO_MANY_SUBSCRIPTIONS: 429,
    ErrorCode.TOO_SLOW: 503,
    ErrorCode.TOO_MANY_CONNECTIONS: 503,
    ErrorCode.ORDER_NOT_FOUND: 404,
    ErrorCode.INSTRUMENT_NOT_FOUND: 404,
    ErrorCode.ORDER_CLOSED: 409,
    ErrorCode.CLIENT_ORDER_ID_USED: 409,
    ErrorCode.CHANNEL_UNKNOWN: 404,
    ErrorCode.NOT_SUBSCRIBED: 409,
    ErrorCode.ORDER_OF_ANOTHER_SESSION: 409,
    ErrorCode.INTERNAL: 500,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.OUTCOME_UNKNOWN: 504,
}
assert set(HTTP_STATUS) == set(ErrorCode)

# aiohttp's own refusals that have a code here; its other 4xx are INVALID_FIELD with their status
_CODE_OF_STATUS = {
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.BODY_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    431: ErrorCode.HEADERS_TOO_LARGE,
    503: ErrorCode.UNAVAILABLE,
}
RETRY_AFTER_S = 1  # of a 503 that does not say otherwise


class ApiError(Exception):
    """A request is refused. ``str(error)`` says what, where and what is allowed, in one line.

    ``code``: an ErrorCode, or REJECT_BASE + codes.Reject. ``status``: the HTTP status (None: the
    code's own). ``data``: what the answer's ``data`` holds (a rejected order, for example).
    ``headers``: further headers of the answer, such as Retry-After.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = int(code)
        self.message = message
        if status is None:
            status = HTTP_STATUS.get(self.code, REJECT_STATUS)
        self.status = status
        self.data = data
        self.headers = dict(headers or {})
        if status in (429, 503):
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_S))


def rejected(reject: Reject | int, message: str | None = None, data: Any = None) -> ApiError:
    """The matcher refused an order: code 10000 + the reject, ``data`` the rejected order."""
    reject = Reject(reject)
    text = message or f"rejected: {reject.name.lower().replace('_', ' ')}"
    return ApiError(REJECT_BASE + reject, text, data=data)


def code_name(code: int) -> str:
    """The name of a code, for logs and documents: ``RATE_LIMITED``, ``REJECT_PRICE_BAND``."""
    if code > REJECT_BASE:
        return f"REJECT_{Reject(code - REJECT_BASE).name}"
    return ErrorCode(code).name


def success_body(data: Any) -> bytes:
    """The JSON text of a good answer; ``data`` is anything that orjson can write."""
    return orjson.dumps({"code": 0, "message": "success", "data": data})


def error_body(code: int, message: str, data: Any = None) -> bytes:
    """The JSON text of an error."""
    return orjson.dumps({"code": int(code), "message": message, "data": data})


def error_response(error: ApiError) -> web.Response:
    """The HTTP answer for ``error``."""
    return web.Response(
        status=error.status,
        body=error_body(error.code, error.message, error.data),
        content_type="application/json",
        headers=error.headers,
    )


def from_http(error: web.HTTPException, request: web.Request) -> ApiError:
    """aiohttp's own refusal (no such path, too large a body, ...) as an ApiError."""
    status = error.status
    headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
    code: int = _CODE_OF_STATUS.get(status, ErrorCode.INVALID_FIELD)
    if status == 404:
        message = f"{request.path}: there is no such path; see /openapi.json"
    elif status == 405:
        message = f"{request.method} {request.path}: allowed are {headers.get('Allow', 'none')}"
    elif status == 413:
        message = f"the body is too large: at most {request.client_max_size} bytes are allowed"
    elif status >= 500 and status != 503:
        code, message = ErrorCode.INTERNAL, "internal error; it has been logged"
    else:
        message = (error.text or error.reason).split("\n")[0]
    return ApiError(code, message, status=status, headers=headers)


def internal_error() -> ApiError:
    """What a client is told about a bug: nothing but that there is one."""
    return ApiError(ErrorCode.INTERNAL, "internal error; it has been logged")


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: every error leaves in the envelope.

    Cancellation and a connection that the client has closed are no errors of ours and pass on.
    """
    try:
        return await handler(request)
    except ApiError as error:
        return error_response(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return error_response(from_http(error, request))
    except ConnectionError:
        raise
    except Exception:
        log.exception("bug while answering %s %s", request.method, request.path)
        return error_response(internal_error())
