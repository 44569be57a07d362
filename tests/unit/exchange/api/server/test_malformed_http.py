"""What is no HTTP: an answer in the envelope each, no traceback, no bytes of the client's in it."""

import asyncio
import json
import logging

import pytest
from aiohttp import web

from exchange.api.errors import answer_errors
from exchange.api.server import malformed_http as malformed

HEAD = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CASES = {
    "long header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n", 431, 1008),
    "long path": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431, 1008),
    "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, 1002),
    "no request line": (b"BAD\r\n\r\n", 400, 1002),
    "bad length": (HEAD + b"Content-Length: -1\r\n\r\nabc", 400, 1002),
    "two lengths": (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 1002),
    "bad chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400, 1002),
    "bad path": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400, 1002),
    "bad address": (b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, 1002),
    "good": (b"GET /good HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, None),
}


async def ask(raw):
    async def good(request):
        return web.Response(text="good")

    async def read(request):
        return web.Response(body=await request.read())

    app = web.Application(middlewares=[answer_errors])
    app.router.add_get("/good", good)
    app.router.add_post("/read", read)
    runner = web.AppRunner(app, max_line_size=16_384, max_field_size=16_384, access_log=None)
    await runner.setup()
    malformed.attach(runner.server)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    await runner.cleanup()
    return answer


@pytest.mark.parametrize("what", CASES)
def test_an_answer_in_the_envelope(what, caplog):
    raw, status, code = CASES[what]
    with caplog.at_level(logging.INFO):
        answer = asyncio.run(ask(raw))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    if code is not None:
        assert json.loads(body)["code"] == code
        assert b"application/json" in head
        assert b"aaaa" not in body
    assert not caplog.records
