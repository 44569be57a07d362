"""REST over HTTP for tests: the real routes, engine and models in one event loop, no signatures.

    serve(test)                    # test(core, one, two) with clients of accounts 1 and 2
    await one("POST", "/orders", bid(price=49))    # the data, checked against the route's shape

A refusal is (HTTP status, code).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from api_core import ApiCore, run
from order_entry_core import SYMBOL

from exchange.access.keys import READ, TRADE, Key
from exchange.api.base.service import SERVICE
from exchange.api.errors import answer_errors
from exchange.api.rest import routes as rest
from exchange.api.rest.routes import PREFIX, ROUTES
from exchange.runtime.health import Health

NOW_NS = 1_795_280_912_632_415_076


class Keys:
    """Stands for the Authenticator: the header says the account, and "r" what it may do."""

    def authenticate(self, request: web.Request, body: bytes, permission: str) -> Key:
        text = request.headers.get("X-API-KEY", "")
        permissions = frozenset({READ} if text.endswith("r") else {READ, TRADE})
        key = Key(text, int(text.rstrip("r")), permissions, "", "", None)  # type: ignore[arg-type]
        from exchange.api.access.auth import require

        require(key, permission)  # type: ignore[arg-type]
        return key


class Caller:
    """A client of one account."""

    def __init__(self, client: TestClient[Any, Any], account: str) -> None:
        self._client = client
        self._account = account

    async def raw(self, method: str, path: str, **options: Any) -> ClientResponse:
        headers = {"X-API-KEY": self._account} | options.pop("headers", {})
        return await self._client.request(method, PREFIX + path, headers=headers, **options)

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer's data, checked against the route's shape; an error as (status, code)."""
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else orjson.dumps(body)
            options["headers"] = {"Content-Type": "application/json"} | options.get("headers", {})
        response = await self.raw(method, path, **options)
        assert response.content_type == "application/json"
        answer = orjson.loads(await response.read())
        assert set(answer) == {"code", "message", "data"}
        if answer["code"]:
            assert answer["message"]
            return response.status, answer["code"]
        route = next(each for each in ROUTES if each.method == method and fits(each.path, path))
        assert response.status in route.statuses
        msgspec.convert(answer["data"], route.answer)
        return answer["data"]


def fits(template: str, path: str) -> bool:
    want, have = template.split("/"), path.partition("?")[0].split("/")
    return len(want) == len(have) and all(
        w == h or (w.startswith("{") and h not in ("cancel-after", "batch", "by-client-id"))
        for w, h in zip(want, have, strict=True)
    )


def serve(
    test: Callable[[ApiCore, Caller, Caller], Awaitable[None]],
    allowed_origins: tuple[str, ...] = (),
    **parameters: Any,
) -> None:
    """Run ``test`` with clients of accounts 1 and 2."""

    async def main(core: ApiCore) -> None:
        healthy = Health(
            healthy=True, phase="running", problems=[], heartbeat_age_ms={}, lag={}, day=20260105
        )
        service = SimpleNamespace(
            allowed_origins=allowed_origins,
            market=core.market,
            accounts=core.accounts,
            gateway=core.gateway,
            authenticator=Keys(),
            limits=None,
            clock=lambda: NOW_NS,
            health=lambda: healthy,
        )
        app = web.Application(middlewares=[answer_errors], client_max_size=65_536)
        app[SERVICE] = service  # type: ignore[assignment,misc]
        rest.add_routes(app)
        server = TestServer(app)
        await server.start_server(auto_decompress=False)  # as the stage does
        async with TestClient(server) as client:
            await test(core, Caller(client, "1"), Caller(client, "2"))

    run(main, **parameters)


def bid(**fields: Any) -> dict[str, Any]:
    return {"symbol": SYMBOL, "side": "buy", "quantity": 100, "price": 50} | fields
