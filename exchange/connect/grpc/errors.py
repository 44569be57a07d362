"""Errors of the interfaces as gRPC has them: a status, and REST's code beside it.

Who uses it: the handlers' frame (``handlers.py``). The status says which kind of trouble it is, for
programs that retry; the trailing metadata have what REST's envelope has::

    exchange-code        as in REST ("1002", "10007")
    exchange-field       the field that is wrong, where one is
    retry-after          seconds, where trying again may help
    exchange-error-bin   an exchange.v1.Error, with the order that it is about

Decision CON-43.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from exchange.api.errors import REJECT_BASE, ApiError, ErrorCode, code_name
from exchange.connect.grpc.convert import order_of_json
from exchange.connect.grpc.messages import v1

CODE, FIELD, RETRY, DETAIL = (
    *("exchange-code", "exchange-field"),
    *("retry-after", "exchange-error-bin"),
)

STATUS: Mapping[int, grpc.StatusCode] = {
    ErrorCode.MALFORMED_JSON: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.INVALID_FIELD: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.BODY_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.NOT_FOUND: grpc.StatusCode.UNIMPLEMENTED,
    ErrorCode.METHOD_NOT_ALLOWED: grpc.StatusCode.UNIMPLEMENTED,
    ErrorCode.INVALID_CURSOR: grpc.StatusCode.OUT_OF_RANGE,
    ErrorCode.HEADERS_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.CREDENTIALS_MISSING: grpc.StatusCode.UNAUTHENTICATED,
    ErrorCode.KEY_UNKNOWN: grpc.StatusCode.UNAUTHENTICATED,
    ErrorCode.SIGNATURE_INVALID: grpc.StatusCode.UNAUTHENTICATED,
    ErrorCode.TIMESTAMP_OUTSIDE_WINDOW: grpc.StatusCode.UNAUTHENTICATED,
    ErrorCode.NONCE_USED: grpc.StatusCode.UNAUTHENTICATED,
    ErrorCode.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorCode.ORIGIN_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorCode.RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.TOO_MANY_SUBSCRIPTIONS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.TOO_SLOW: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.TOO_MANY_CONNECTIONS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.ORDER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorCode.INSTRUMENT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorCode.ORDER_CLOSED: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorCode.CLIENT_ORDER_ID_USED: grpc.StatusCode.ALREADY_EXISTS,
    ErrorCode.CHANNEL_UNKNOWN: grpc.StatusCode.NOT_FOUND,
    ErrorCode.NOT_SUBSCRIBED: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorCode.ORDER_OF_ANOTHER_SESSION: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorCode.INTERNAL: grpc.StatusCode.INTERNAL,
    ErrorCode.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    # not UNAVAILABLE: libraries repeat that by themselves
    ErrorCode.OUTCOME_UNKNOWN: grpc.StatusCode.DEADLINE_EXCEEDED,
}
assert set(STATUS) == set(ErrorCode)


def status_of(error: ApiError) -> grpc.StatusCode:
    """The status; every reject of the matcher is FAILED_PRECONDITION."""
    if error.code > REJECT_BASE:
        return grpc.StatusCode.FAILED_PRECONDITION
    return STATUS[error.code]


def field_of(error: ApiError) -> str:
    """The field that is wrong; "" where none is."""
    data = error.data
    field = data.get("field") if isinstance(data, dict) else None
    return field if isinstance(field, str) else ""


def detail_of(error: ApiError) -> Any:
    """The error as an exchange.v1.Error."""
    data = error.data
    order = order_of_json(data) if isinstance(data, dict) and "order_id" in data else None
    return v1.Error(
        code=error.code,
        name=code_name(error.code),
        message=error.message,
        field=field_of(error),
        order=order,
    )


def metadata_of(error: ApiError) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata."""
    found: list[tuple[str, str | bytes]] = [(CODE, str(error.code))]
    field = field_of(error)
    if field:
        found.append((FIELD, field))
    retry = error.headers.get("Retry-After")
    if retry is not None:
        found.append((RETRY, retry))
    found.append((DETAIL, detail_of(error).SerializeToString()))
    return tuple(found)
