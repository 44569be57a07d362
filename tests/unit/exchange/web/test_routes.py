"""The files of the trading page as they are served: types, caching, policy, and no way out."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from exchange.web.routes import STATIC_DIRECTORY, add_routes, content_security_policy

SECRET = "must never be served"


class Server:
    """The routes alone, in a loop of the test's own; ``ask`` sends bytes as they are."""

    def __init__(self, directory: Path) -> None:
        self._loop = asyncio.new_event_loop()
        app = web.Application()
        add_routes(app, directory)
        self._runner = web.AppRunner(app)
        self._loop.run_until_complete(self._runner.setup())
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self._port: int = self._runner.addresses[0][1]

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    def ask(
        self, path: str, headers: str = "", host: str = "localhost:8081", method: str = "GET"
    ) -> tuple[int, dict[str, str], bytes]:
        request = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
        answer = self._loop.run_until_complete(self._ask(request.encode("latin-1")))
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), {k.lower(): v for k, v in fields.items()}, body

    def close(self) -> None:
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "static"
    (folder / "js").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "js" / "main.js").write_text("start();\n" * 100)
    (folder / "notes.txt").write_text(SECRET)
    (tmp_path / "secret.js").write_text(SECRET)
    running = Server(folder)
    yield running
    running.close()


def test_types_and_headers(server: Server) -> None:
    status, headers, body = server.ask("/")
    assert (status, body) == (200, b"<!doctype html>")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == content_security_policy("localhost:8081")
    status, headers, body = server.ask("/page/js/main.js")
    assert (status, body) == (200, b"start();\n" * 100)
    assert headers["content-type"] == "text/javascript; charset=utf-8"


def test_caching_and_compression(server: Server) -> None:
    _, headers, _ = server.ask("/page/js/main.js")
    assert headers["cache-control"] == "no-cache"
    tag = headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        status, _, body = server.ask("/page/js/main.js", f"If-None-Match: {known}\r\n")
        assert (status, body) == (304, b"")
    status, _, _ = server.ask("/page/js/main.js", 'If-None-Match: "other"\r\n')
    assert status == 200
    _, headers, body = server.ask("/page/js/main.js", "Accept-Encoding: br, gzip\r\n")
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == b"start();\n" * 100
    status, headers, body = server.ask("/page/js/main.js", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "900", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/page/../secret.js",
        "/page/%2e%2e/secret.js",
        "/page/..%2fsecret.js",
        "/page/%2e%2e%2fsecret.js",
        "/page/js/../../secret.js",
        "/page/js/..%5c..%5csecret.js",
        "/page//etc/passwd",
        "/page/%2fetc/passwd",
        "/page/js/main.js%00",
        "/page/./js/main.js%2f..",
        "/page/notes.txt",  # in the folder, of a type that the page has not
        "/page/js",
        "/page/js/",
        "/page/",
        "/page/JS/main.js",
    ],
)
def test_no_way_out(server: Server, path: str) -> None:
    status, _, body = server.ask(path)
    assert status in (404, 400)
    assert SECRET.encode() not in body and b"root:" not in body


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("localhost:8081", True),
        ("exchange.example", True),
        ("[::1]:8081", True),
        ("a; script-src *", False),
        ("a b", False),
        ("x'unsafe-inline'", False),
        ("", False),
    ],
)
def test_the_policy_repeats_hosts_only(host: str, named: bool) -> None:
    policy = content_security_policy(host)
    assert (f"ws://{host} wss://{host};" in policy) is named
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["default-src"] == "'none'"
    assert "unsafe" not in policy and "*" not in policy


def test_the_page_has_nothing_inline_and_names_files_that_exist() -> None:
    text = (STATIC_DIRECTORY / "index.html").read_text()
    for forbidden in (" style=", "<style", " onclick=", " onload=", "javascript:"):
        assert forbidden not in text
    for tag in text.split("<script")[1:]:
        assert tag.split(">", 1)[1].startswith("</script>")
    own = [part.split('"', 1)[0] for part in text.split('"/page/')[1:]]
    assert own
    for name in own:
        if not name.startswith("vendor/"):
            assert (STATIC_DIRECTORY / name).is_file(), name


def test_every_module_is_asked_for_at_once() -> None:
    """Without waiting for the one that imports it."""
    text = (STATIC_DIRECTORY / "index.html").read_text()
    folder = STATIC_DIRECTORY / "js"
    modules = {path.relative_to(folder).as_posix() for path in folder.rglob("*.js")}
    assert modules
    for name in modules:
        assert text.count(f'"/page/js/{name}"') == 1, name
