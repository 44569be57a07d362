"""Errors as statuses and metadata."""

from __future__ import annotations

import grpc
import pytest

from exchange.api.errors import ApiError, ErrorCode, rejected
from exchange.api.orders.terms import invalid
from exchange.codes import Reject
from exchange.connect.grpc.errors import metadata_of, status_of
from exchange.connect.grpc.messages import v1


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_status(code: ErrorCode) -> None:
    assert status_of(ApiError(code, "why")) not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN)


def test_metadata() -> None:
    found = dict(metadata_of(invalid("price", "why")))
    assert found["exchange-code"] == "1002" and found["exchange-field"] == "price"
    detail = v1.Error.FromString(found["exchange-error-bin"])
    assert (detail.name, detail.message) == ("INVALID_FIELD", "price: why")
    found = dict(metadata_of(ApiError(ErrorCode.RATE_LIMITED, "why", headers={"Retry-After": "3"})))
    assert found["retry-after"] == "3" and "exchange-field" not in found
    error = rejected(Reject.INVALID_PRICE)
    assert status_of(error) == grpc.StatusCode.FAILED_PRECONDITION
    assert dict(metadata_of(error))["exchange-code"] == str(10_000 + Reject.INVALID_PRICE)
