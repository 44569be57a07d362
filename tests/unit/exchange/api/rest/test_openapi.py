"""The OpenAPI document says what the code does: every route, parameter, field and error."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson
import pytest

from exchange.api.errors import HTTP_STATUS, ErrorCode
from exchange.api.rest.openapi import document
from exchange.api.rest.route import Route
from exchange.api.rest.routes import PREFIX, ROUTES
from exchange.codes import Reject

DOCUMENT: dict[str, Any] = orjson.loads(document(PREFIX, ROUTES))
# of the WebSocket alone, or of aiohttp before any route is known
NOT_OF_A_ROUTE = {
    ErrorCode.NOT_FOUND,
    ErrorCode.METHOD_NOT_ALLOWED,
    ErrorCode.TOO_MANY_SUBSCRIPTIONS,
    ErrorCode.TOO_SLOW,
    ErrorCode.CHANNEL_UNKNOWN,
    ErrorCode.NOT_SUBSCRIBED,
}


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][PREFIX + route.path][route.method.lower()]
    return found


def codes(response: dict[str, Any]) -> set[int]:
    for part in response["content"]["application/json"]["schema"].get("allOf", []):
        if "properties" in part:
            return set(part["properties"]["code"]["enum"])
    return set()


def test_routes_and_operations_are_the_same():
    described = {
        (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item
    }
    assert described == {(route.method, PREFIX + route.path) for route in ROUTES}
    names = [operation(route)["operationId"] for route in ROUTES]
    assert len(set(names)) == len(names)
    assert all(operation(route)["summary"] for route in ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_parameters_bodies_and_errors(route: Route):
    described = operation(route)
    parameters = {(each["in"], each["name"]) for each in described["parameters"]}
    query = {("query", field.encode_name) for field in msgspec.structs.fields(route.query)}
    path = {("path", name) for name in re.findall(r"{(\w+)}", route.path)}
    assert parameters == query | path
    assert ("requestBody" in described) == (route.body is not None)
    assert ("security" in described) == (route.permission is not None)
    for code in route.all_errors:
        assert code in codes(described["responses"][str(HTTP_STATUS[code])])
    rejects = codes(described["responses"]["422"]) if route.rejects else set()
    assert rejects == ({10_000 + n for n in range(1, 37)} if route.rejects else set())
    if "429" in described["responses"]:
        assert "Retry-After" in described["responses"]["429"]["headers"]


def test_every_error_is_some_routes():
    described = {code for route in ROUTES for code in route.all_errors}
    assert described == set(ErrorCode) - NOT_OF_A_ROUTE
    assert Reject.ORDER_WAITING == 36 and Reject.INSTRUMENT_EXISTS == 64


def test_every_reference_leads_somewhere():
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                name = node["$ref"].removeprefix("#/components/schemas/")
                assert name in DOCUMENT["components"]["schemas"]
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(DOCUMENT)
