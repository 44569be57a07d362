"""What is no HTTP at all: answered in the envelope, and no reason for a traceback in the log.

Who uses it: the servers (life.py). aiohttp answers what its parser refuses (a header that is too
long, a broken chunk, another protocol) before any middleware runs: in plain text, with the bytes
that it could not read, and with a traceback in the log, which anybody could fill that way.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from exchange.api.errors import ApiError, ErrorCode, error_response, internal_error

log = logging.getLogger(__name__)


class EnvelopeHandler(web.RequestHandler):
    """aiohttp's protocol of one connection, with answers of ours to what cannot be read."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that reached no handler, or whose handler's answer failed."""
        if status >= 500:
            log.error("bug while answering %s", request.remote, exc_info=exc)
            error = internal_error()
        elif isinstance(exc, LineTooLong):
            error = ApiError(
                ErrorCode.HEADERS_TOO_LARGE,
                "a line of the request's head is too long: [api] header_bytes are allowed",
            )
        else:
            what = (message or "").split("\n")[0].rstrip(":") or "malformed"
            error = ApiError(ErrorCode.INVALID_FIELD, f"not a request of HTTP/1.1: {what[:100]}")
        if request.writer.output_size > 0:
            # a part of an answer has gone out: nothing can follow it
            raise ConnectionError("the answer has begun")
        response = error_response(error)
        response.force_close()
        return response


def attach(server: web.Server) -> None:
    """Let ``server`` answer so, from the next connection on."""
    made = server.connection_made

    def connection_made(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        # the same object with the same fields: only what handle_error does is another
        handler.__class__ = EnvelopeHandler
        made(handler, transport)

    server.connection_made = connection_made  # type: ignore[method-assign]
