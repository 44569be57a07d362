"""Malformed HTTP gets the API's error envelope instead of plain text, and leaves no traceback.

Who uses it: the servers (lifecycle.py). aiohttp itself answers input that its parser refuses (a
header that is too long, a broken chunk, another protocol) before any middleware runs: in plain
text, with the bytes that it could not read, and with a traceback in the log. Any stranger could
fill the log that way.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from exchange.api.errors import ApiError, ErrorCode, error_response, internal_error

log = logging.getLogger(__name__)


class EnvelopeHandler(web.RequestHandler):
    """aiohttp's protocol of one connection; it answers malformed input in the error envelope."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that reached no handler, or whose handler failed while answering."""
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
            # a part of the answer is on the wire: another answer cannot follow it
            raise ConnectionError("the answer has begun")
        response = error_response(error)
        response.force_close()
        return response


def attach(server: web.Server) -> None:
    """Make every new connection of ``server`` an EnvelopeHandler."""
    made = server.connection_made

    def connection_made(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        # aiohttp has made the object already; EnvelopeHandler adds no fields, only the method
        handler.__class__ = EnvelopeHandler
        made(handler, transport)

    server.connection_made = connection_made  # type: ignore[method-assign]
