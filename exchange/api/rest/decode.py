"""Strict decoding of what clients send: JSON bodies and query strings, into Structs.

Who uses it: the REST routes; the WebSocket for its messages. Invariant: nothing is guessed: an
unknown, repeated or wrongly typed field is an error that names the field and says what is allowed.
Nesting costs nothing: the Structs are flat, so decoding stops at the first bracket too many.

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


def decode_body(body: bytes | str, shape: type[T]) -> T:
    """``body`` as a ``shape``. Raises ApiError (MALFORMED_JSON, INVALID_FIELD)."""
    try:
        found: T = _decoder(shape).decode(body)
        _refuse_repeated_names(body if isinstance(body, str) else body.decode())
    except msgspec.ValidationError as error:
        raise _explained(str(error), shape) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(ErrorCode.MALFORMED_JSON, f"the body is not JSON: {error}") from None
    return found


def decode_query(pairs: Iterable[tuple[str, str]], shape: type[T]) -> T:
    """The query string's ``pairs`` as a ``shape``. Raises ApiError (INVALID_FIELD)."""
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise invalid(_shown(name), "is there more than once")
        values[name] = value
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _explained(str(error), shape) from None


@functools.lru_cache(maxsize=64)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise invalid(_shown(name), "is there more than once")
        names.add(name)


# made once: a decoder costs more than what it decodes here
_refuse_repeated_names = json.JSONDecoder(object_pairs_hook=_refuse_repeated).decode


def _shown(text: str) -> str:
    """A client's own text as it may stand in a message: printable and short."""
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    return text if text.isprintable() else ascii(text)[1:-1]


def _explained(problem: str, shape: type[msgspec.Struct]) -> ApiError:
    """msgspec's words, with the field in front and what is allowed behind."""
    allowed = _allowed(shape)
    missing = _MISSING.match(problem)
    if missing:
        return invalid(missing[1], f"is missing; {allowed[missing[1]]}")
    unknown = _UNKNOWN.match(problem)
    if unknown:
        return invalid(_shown(unknown[1]), f"is unknown; allowed are {', '.join(allowed)}")
    at = _AT.search(problem)
    if at is None:
        return invalid("body", problem.replace("`", ""))
    field = at[1].partition("[")[0].partition(".")[0]
    what = problem[: at.start()].replace("`", "")
    return invalid(field, f"{what}; {allowed.get(field, '')}")


@functools.lru_cache(maxsize=64)
def _allowed(shape: type[msgspec.Struct]) -> dict[str, str]:
    """What each field of ``shape`` may be, in words."""
    schema = msgspec.json.schema(shape)
    properties = schema["$defs"][shape.__name__]["properties"]
    return {name: f"allowed: {_words(each)}" for name, each in properties.items()}


def _words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_words(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(each) for each in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "integer":
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    if kind == "string":
        least, most = schema.get("minLength", 0), schema.get("maxLength", "any")
        words = f"text of {least} to {most} characters"
        return f"{words} matching {schema['pattern']}" if "pattern" in schema else words
    return {"boolean": "true or false", "null": "null"}.get(kind, str(kind))
