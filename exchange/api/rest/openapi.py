"""The OpenAPI 3.1 document of REST, generated from the route table and the Structs it names.

Who uses it: ``GET /openapi.json``, people who generate clients, schemathesis. Invariant: nothing in
it is written twice: a route, field, limit or error that is not in the code is not in here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from exchange.access.signature import HEADER_KEY, HEADER_NONCE, HEADER_SIGNATURE, HEADER_TIMESTAMP
from exchange.api.errors import HTTP_STATUS, REJECT_BASE, REJECT_STATUS, code_name
from exchange.api.rest.scales import (
    LEVEL_FIELDS,
    MONEY_FIELDS,
    OWN_DECIMALS_FIELDS,
    PRICE_FIELDS,
)
from exchange.codes import Reject

if TYPE_CHECKING:
    from exchange.api.rest.route import Route

API_VERSION = "1.0.0"  # of the interface, not of the program
_REFERENCE = "#/components/schemas/{name}"
_PATH_SCHEMAS: dict[str, dict[str, Any]] = {
    "order_id": {"type": "integer", "minimum": 1, "maximum": (1 << 63) - 1},
    "symbol": {"type": "string", "minLength": 1, "maxLength": 8, "pattern": "^[!-.0-~]+$"},
}
_DESCRIPTION = """Orders, accounts and market data of the exchange.

Every answer is `{"code":0,"message":"success","data":…}`; an error has the code of its kind, a
message that says what is allowed, and sometimes data. Prices are integers in minor units of the
instrument (`price_decimals`), money in minor units of the currency, times RFC 3339 in UTC with
microseconds. Integers may have 64 bits. `numbers=decimal` in the query
makes prices and money decimal strings in units of the currency, in the answer and in the body.

Private routes are signed: `X-SIGNATURE` is the hexadecimal HMAC-SHA256, with the secret's text as
key, of method, path with query, `X-TIMESTAMP` (milliseconds), `X-NONCE` (new each time) and body,
joined by newlines. A timestamp may be 5 s off."""
# rejects of orders; the numbers behind them are rejects of operators' commands
_ORDER_REJECTS = [reject for reject in Reject if 0 < reject < Reject.INSTRUMENT_EXISTS]


def _summary(route: Route) -> str:
    text = (route.handler.__doc__ or "").split("\n")[0]
    return re.sub(r"^`[^`]*`: ", "", text).rstrip(".").capitalize()


def _operation_id(route: Route) -> str:
    return route.handler.__name__


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[name]}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    schema = msgspec.json.schema(route.query)["$defs"][route.query.__name__]
    needed = schema.get("required", ())
    for name, field in schema["properties"].items():
        field = dict(field)
        # a query string has no null: a parameter is left out instead
        if "anyOf" in field:
            (field,) = (dict(each) for each in field["anyOf"] if each != {"type": "null"})
        if field.get("default", 0) is None:
            del field["default"]
        entry = {"name": name, "in": "query", "required": name in needed, "schema": field}
        if "description" in field:
            entry["description"] = field.pop("description")
        found.append(entry)
    return found


def _errors_by_status(route: Route) -> dict[int, list[int]]:
    by_status: dict[int, list[int]] = {}
    for code in route.all_errors:
        by_status.setdefault(HTTP_STATUS[code], []).append(int(code))
    if route.rejects:
        by_status[REJECT_STATUS] = [REJECT_BASE + reject for reject in _ORDER_REJECTS]
    return by_status


def _error_response(codes: list[int]) -> dict[str, Any]:
    names = [f"- {code} {code_name(code)}" for code in sorted(codes)]
    return {
        "description": "\n".join(names),
        "content": {
            "application/json": {
                "schema": {
                    "allOf": [
                        {"$ref": _REFERENCE.format(name="Error")},
                        {"properties": {"code": {"enum": sorted(codes)}}},
                    ]
                }
            }
        },
    }


def _success(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "code": {"const": 0},
            "message": {"const": "success"},
            "data": {"$ref": _REFERENCE.format(name=name)},
        },
        "required": ["code", "message", "data"],
        "additionalProperties": False,
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": _summary(route),
        "tags": ["public" if route.permission is None else "private"],
        "parameters": _parameters(route),
        "responses": {},
    }
    if route.permission is not None:
        operation["security"] = [{name: [] for name in _SECURITY}]
        operation["description"] = f"Needs an API key with the permission `{route.permission}`."
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _REFERENCE.format(name=route.body.__name__)}
                }
            },
        }
    for status in route.statuses:
        operation["responses"][str(status)] = {
            "description": "done" if status == 200 else "made",
            "headers": _LIMIT_HEADERS,
            "content": {"application/json": {"schema": _success(route.answer.__name__)}},
        }
    for status, codes in sorted(_errors_by_status(route).items()):
        response = _error_response(codes)
        if status in (429, 503):
            response["headers"] = {
                "Retry-After": {
                    "description": "seconds",
                    "schema": {"type": "integer", "minimum": 1},
                }
            }
        operation["responses"][str(status)] = response
    return operation


_LIMIT_HEADERS = {
    f"X-RateLimit-{name}": {"description": text, "schema": {"type": "integer", "minimum": 0}}
    for name, text in (
        ("Weight", "what the request has counted"),
        ("Limit", "what may be sent at once"),
        ("Remaining", "what of that is left now"),
        ("Reset", "in how many seconds all of it is there again, rounded up"),
    )
}
_SECURITY = {
    name: {"type": "apiKey", "in": "header", "name": name}
    for name in (HEADER_KEY, HEADER_TIMESTAMP, HEADER_NONCE, HEADER_SIGNATURE)
}
_ERROR_SCHEMA = {
    "title": "Error",
    "type": "object",
    "properties": {
        "code": {"type": "integer"},
        "message": {"type": "string", "description": "what, where, and what is allowed"},
        "data": {
            "description": "the field that is wrong, or the order that was refused",
            "anyOf": [{"type": "object"}, {"type": "null"}],
        },
    },
    "required": ["code", "message", "data"],
    "additionalProperties": False,
}


_DECIMAL = {
    "type": "string",
    "pattern": r"^-?\d+(\.\d+)?$",
    "description": "with numbers=decimal: exact, in units of the currency",
}


def _or_decimal(schema: dict[str, Any]) -> dict[str, Any]:
    """A number that is a decimal string when it is asked for."""
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], _DECIMAL]}
    outside = {key: schema[key] for key in ("description", "default") if key in schema}
    inside = {key: each for key, each in schema.items() if key not in outside}
    return outside | {"anyOf": [inside, _DECIMAL]}


def _with_decimals(components: dict[str, Any]) -> None:
    """Say of every price and all money that it may be a decimal string."""
    scaled = {*PRICE_FIELDS, *MONEY_FIELDS, *OWN_DECIMALS_FIELDS}
    for component in components.values():
        properties = component.get("properties", {})
        for name, schema in properties.items():
            if name in scaled:
                properties[name] = _or_decimal(schema)
            elif name in LEVEL_FIELDS:
                level = schema["items"] | {"items": _or_decimal(schema["items"]["items"])}
                properties[name] = schema | {"items": level}


def _schemas(routes: tuple[Route, ...]) -> dict[str, Any]:
    types = {route.answer.__name__: route.answer for route in routes}
    types |= {route.body.__name__: route.body for route in routes if route.body is not None}
    _, components = msgspec.json.schema_components(list(types.values()), ref_template=_REFERENCE)
    _with_decimals(components)
    return components | {"Error": _ERROR_SCHEMA}


def document(prefix: str, routes: tuple[Route, ...]) -> bytes:
    """The document of ``routes``, whose paths begin with ``prefix``, as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = _operation(route)
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Open exchange core",
                "version": API_VERSION,
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {"schemas": _schemas(routes), "securitySchemes": _SECURITY},
        }
    )
