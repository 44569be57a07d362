"""Decodes JSON bodies and query strings strictly into Structs.

Who uses it: the REST routes, and the gRPC server for its requests. Invariant: nothing is guessed:
an unknown, repeated or wrongly typed field is an error that names the field and what is allowed.
Deep nesting costs nothing: the Structs are flat, or lists of flat ones, so decoding stops at the
first bracket that does not belong there.

Decision API-5.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.terms import invalid

T = TypeVar("T", bound=msgspec.Struct)

_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`", re.DOTALL)
_SHOWN_CHARACTERS = 64


def decode_body(body: bytes | str, schema: type[T]) -> T:
    """``body`` as a ``schema``. Raises ApiError (MALFORMED_JSON, INVALID_FIELD)."""
    try:
        found: T = _decoder(schema).decode(body)
        _refuse_repeated_names(body if isinstance(body, str) else body.decode())
    except msgspec.ValidationError as error:
        raise _explained(str(error), schema) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(ErrorCode.MALFORMED_JSON, f"the body is not JSON: {error}") from None
    return found


def decode_untyped(body: bytes) -> Any:
    """``body`` as JSON. Raises ApiError (MALFORMED_JSON, INVALID_FIELD)."""
    try:
        found = msgspec.json.decode(body)
        _refuse_repeated_names(body.decode())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(ErrorCode.MALFORMED_JSON, f"the body is not JSON: {error}") from None
    return found


def typed(data: Any, schema: type[T]) -> T:
    """``data``, which ``decode_untyped`` gave, as a ``schema``. Raises ApiError (INVALID_FIELD)."""
    try:
        return msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        raise _explained(str(error), schema) from None


def decode_query(pairs: Iterable[tuple[str, str]], schema: type[T]) -> T:
    """The query string's ``pairs`` as a ``schema``. Raises ApiError (INVALID_FIELD)."""
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise invalid(_shown(name), "is there more than once")
        values[name] = value
    try:
        return msgspec.convert(values, schema, strict=False)
    except msgspec.ValidationError as error:
        raise _explained(str(error), schema) from None


def decode_fields(values: dict[str, Any], schema: type[T]) -> T:
    """Values that have their types already as a ``schema``. Raises ApiError (INVALID_FIELD)."""
    try:
        return msgspec.convert(values, schema)
    except msgspec.ValidationError as error:
        raise _explained(str(error), schema) from None


@functools.lru_cache(maxsize=64)
def _decoder(schema: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(schema)


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise invalid(_shown(name), "is there more than once")
        names.add(name)


# made once: a decoder costs more than what it decodes here
_refuse_repeated_names = json.JSONDecoder(object_pairs_hook=_refuse_repeated).decode


def _shown(text: str) -> str:
    """A client's own text for use in a message: printable and short."""
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    return text if text.isprintable() else ascii(text)[1:-1]


def _explained(problem: str, schema: type[msgspec.Struct]) -> ApiError:
    """The ApiError for msgspec's message: the field in front, what is allowed behind."""
    at = _AT.search(problem)
    place = "" if at is None else at[1]
    missing = _MISSING.match(problem)
    if missing:
        allowed = _allowed(schema, place)
        return invalid(_joined(place, missing[1]), f"is missing; {allowed[missing[1]]}")
    unknown = _UNKNOWN.match(problem)
    if unknown:
        names = ", ".join(_allowed(schema, place))
        return invalid(_joined(place, _shown(unknown[1])), f"is unknown; allowed are {names}")
    if at is None:
        return invalid("body", problem.replace("`", ""))
    what = problem[: at.start()].replace("`", "")
    inside, _, field = place.rpartition(".")
    allowed = _allowed(schema, inside)
    return invalid(place, f"{what}; {allowed.get(field.partition('[')[0], '')}")


def _joined(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field


def _allowed(schema: type[msgspec.Struct], place: str) -> dict[str, str]:
    """What each field of the object at ``place`` (for example orders[3]) may be, as text."""
    # the same for every element of a list: the number of places that are remembered is bounded
    return _allowed_at(schema, re.sub(r"\[\d+\]", "", place))


@functools.lru_cache(maxsize=64)
def _allowed_at(schema: type[msgspec.Struct], place: str) -> dict[str, str]:
    described = msgspec.json.schema(schema)["$defs"]
    properties = described[schema.__name__]["properties"]
    for name in filter(None, place.split(".")):
        _, _, kind = properties[name].get("items", {}).get("$ref", "").rpartition("/")
        properties = described[kind]["properties"] if kind else {}
    return {name: f"allowed: {_description(each)}" for name, each in properties.items()}


def _description(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"an object, {schema['$ref'].rpartition('/')[2]} of /openapi.json"
    if schema.get("type") == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems", "any")
        return f"a list of {least} to {most}, each {_description(schema['items'])}"
    if "anyOf" in schema:
        return " or ".join(_description(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(each) for each in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "integer":
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    if kind == "string":
        least, most = schema.get("minLength", 0), schema.get("maxLength", "any")
        text = f"text of {least} to {most} characters"
        return f"{text} matching {schema['pattern']}" if "pattern" in schema else text
    return {"boolean": "true or false", "null": "null"}.get(kind, str(kind))
