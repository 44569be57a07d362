"""Errors: the registry, the envelope, and that a bug is never dressed up as a refusal."""

import asyncio
import logging

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from exchange.api.errors import (
    HTTP_STATUS,
    ApiError,
    ErrorCode,
    answer_errors,
    code_name,
    rejected,
    success_body,
)
from exchange.codes import Reject


def test_numbers_are_never_changed():
    assert {code.name: int(code) for code in ErrorCode} == {
        "MALFORMED_JSON": 1001,
        "INVALID_FIELD": 1002,
        "BODY_TOO_LARGE": 1003,
        "UNSUPPORTED_MEDIA_TYPE": 1004,
        "NOT_FOUND": 1005,
        "METHOD_NOT_ALLOWED": 1006,
        "INVALID_CURSOR": 1007,
        "HEADERS_TOO_LARGE": 1008,
        "CREDENTIALS_MISSING": 2001,
        "KEY_UNKNOWN": 2002,
        "SIGNATURE_INVALID": 2003,
        "TIMESTAMP_OUTSIDE_WINDOW": 2004,
        "NONCE_USED": 2005,
        "PERMISSION_DENIED": 2006,
        "ORIGIN_NOT_ALLOWED": 2007,
        "RATE_LIMITED": 3001,
        "TOO_MANY_SUBSCRIPTIONS": 3002,
        "TOO_SLOW": 3003,
        "TOO_MANY_CONNECTIONS": 3004,
        "ORDER_NOT_FOUND": 4001,
        "INSTRUMENT_NOT_FOUND": 4002,
        "ORDER_CLOSED": 4003,
        "CLIENT_ORDER_ID_USED": 4004,
        "CHANNEL_UNKNOWN": 4005,
        "NOT_SUBSCRIBED": 4006,
        "ORDER_OF_ANOTHER_SESSION": 4007,
        "INTERNAL": 5001,
        "UNAVAILABLE": 5002,
        "OUTCOME_UNKNOWN": 5003,
    }
    assert all(400 <= status <= 504 for status in HTTP_STATUS.values())


def test_rejects_have_codes_of_their_own():
    error = rejected(Reject.PRICE_BAND, data={"order_id": 5})
    assert (error.code, error.status) == (10_028, 422)
    assert error.message == "rejected: price band"
    assert code_name(error.code) == "REJECT_PRICE_BAND"
    assert code_name(4001) == "ORDER_NOT_FOUND"


def test_good_answers_have_code_0():
    assert orjson.loads(success_body([1])) == {"code": 0, "message": "success", "data": [1]}


async def _answers():
    app = web.Application(middlewares=[answer_errors], client_max_size=16)

    async def refuse(request):
        raise ApiError(
            ErrorCode.RATE_LIMITED, "slow down", data={"a": 1}, headers={"Retry-After": "7"}
        )

    async def away(request):
        raise ApiError(ErrorCode.UNAVAILABLE, "away")

    async def bug(request):
        assert request is None, "secret detail"

    async def read(request):
        return web.Response(body=await request.read())

    async def elsewhere(request):
        raise web.HTTPFound("/refuse")

    async def broken(request):
        raise web.HTTPInternalServerError(text="secret detail")

    async def teapot(request):
        raise web.HTTPExpectationFailed(text="what?\nno")

    for name, handler in (
        ("refuse", refuse),
        ("away", away),
        ("bug", bug),
        ("elsewhere", elsewhere),
        ("broken", broken),
        ("teapot", teapot),
    ):
        app.router.add_get(f"/{name}", handler)
    app.router.add_post("/read", read)
    answers = {}
    async with TestClient(TestServer(app)) as client:
        for method, path, body in (
            ("GET", "/refuse", None),
            ("GET", "/away", None),
            ("GET", "/bug", None),
            ("GET", "/elsewhere", None),
            ("GET", "/broken", None),
            ("GET", "/teapot", None),
            ("GET", "/nowhere", None),
            ("DELETE", "/read", None),
            ("POST", "/read", b"x" * 17),
        ):
            answer = await client.request(method, path, data=body, allow_redirects=False)
            answers[path] = (answer.status, answer.headers, await answer.read())
            if path == "/read":
                answers[method] = answers.pop(path)
    return answers


def test_middleware(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        answers = asyncio.run(_answers())
    codes = {
        name: (status, orjson.loads(body)["code"])
        for name, (status, _, body) in answers.items()
        if status != 302
    }
    assert codes == {
        "/refuse": (429, 3001),
        "/away": (503, 5002),
        "/bug": (500, 5001),
        "/broken": (500, 5001),
        "/teapot": (417, 1002),
        "/nowhere": (404, 1005),
        "DELETE": (405, 1006),
        "POST": (413, 1003),
    }
    assert answers["/elsewhere"][0] == 302
    assert orjson.loads(answers["/refuse"][2])["data"] == {"a": 1}
    assert answers["/refuse"][1]["Retry-After"] == "7"
    assert answers["/away"][1]["Retry-After"] == "1"
    assert answers["DELETE"][1]["Allow"] == "POST"
    assert all(b"secret" not in body for _, _, body in answers.values())
    (record,) = [r for r in caplog.records if r.name == "exchange.api.errors"]
    assert record.exc_info is not None and "/bug" in record.getMessage()
