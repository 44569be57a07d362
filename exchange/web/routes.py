"""Serves the trading page: ``/`` and the files under ``/page/``.

Who uses it: the api stage calls ``add_routes``. Invariants: every file that can be asked for was
read into memory at the start, and a request is a look-up of its exact name among them, so no path
can lead anywhere else; nothing of the page is private. Headers forbid whatever the page does not
need: inline code, other origins, frames.

Decision PAG-1.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from aiohttp import hdrs, web

STATIC_DIRECTORY = Path(__file__).parent / "static"
PREFIX = "/page/"
INDEX = "index.html"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Browsers ask each time whether what they keep is still right, which is answered without a body:
# after an update of the exchange no old file is used with new ones.
CACHE_CONTROL = "no-cache"
# What may stand in a Host header that is repeated in the policy.
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": CACHE_CONTROL,
    "Vary": "Accept-Encoding",
}


class StaticFile(NamedTuple):
    """One file as it is sent."""

    content_type: str
    body: bytes
    compressed: bytes
    etag: str


def read_files(directory: Path) -> dict[str, StaticFile]:
    """Every file under ``directory`` that a browser may ask for, by its path in it."""
    files = {}
    for path in sorted(directory.rglob("*")):
        content_type = CONTENT_TYPES.get(path.suffix)
        if content_type is None or not path.is_file():
            continue
        body = path.read_bytes()
        files[path.relative_to(directory).as_posix()] = StaticFile(
            content_type,
            body,
            gzip.compress(body, 9, mtime=0),
            f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        )
    return files


def content_security_policy(host: str) -> str:
    """The policy of the page when it was asked for under ``host`` (a Host header; may be anything).

    Some browsers do not count ws: of the same host as 'self', so it is named.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


class Page:
    """The handlers; all that they need is in memory."""

    def __init__(self, files: dict[str, StaticFile]) -> None:
        self._files = files

    async def index(self, request: web.Request) -> web.Response:
        """GET /"""
        return self._answer(request, INDEX)

    async def file(self, request: web.Request) -> web.Response:
        """GET /page/NAME"""
        return self._answer(request, request.match_info["name"])

    def _answer(self, request: web.Request, name: str) -> web.Response:
        found = self._files.get(name)
        if found is None:
            raise web.HTTPNotFound(text="there is no such file\n")
        headers = {**_HEADERS, hdrs.ETAG: found.etag}
        headers["Content-Security-Policy"] = content_security_policy(request.host)
        if found.etag in _etags(request.headers.get(hdrs.IF_NONE_MATCH, "")):
            return web.Response(status=304, headers=headers)
        headers[hdrs.CONTENT_TYPE] = found.content_type
        body = found.body
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            body = found.compressed
        return web.Response(body=body, headers=headers)


def _etags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def add_routes(app: web.Application, directory: Path = STATIC_DIRECTORY) -> None:
    """Add the page to ``app``. Reads the files; raises OSError if they cannot be read."""
    page = Page(read_files(directory))
    app.router.add_get("/", page.index)
    app.router.add_get(PREFIX + "{name:.+}", page.file)
