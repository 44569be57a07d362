"""What /openapi.json promises, a running exchange keeps: schemathesis asks, rightly and wrongly.

Every operation gets generated requests, signed as a client would: some that fit the document and
some that break it in one place. Whatever is asked, the answer must be one that the document
describes: its status, its media type and its shape; and never a server error.

Decision CHK-2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import hypothesis
import orjson
import pytest
import requests
import schemathesis
from exchange_process import RunningExchange
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from exchange.access.signature import signed_headers
from exchange.api.rest.openapi import document
from exchange.api.rest.routes import PREFIX, ROUTES

pytestmark = pytest.mark.needs_jit

EXAMPLES = 10  # of each operation, rightly and wrongly asked
LIMIT = 1_000_000
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
SYMBOLS = ["AAPL", "2330.TW", "NOPE"]


def _with_known_symbols() -> dict[str, Any]:
    """The document, whose symbols are such that requests find something."""
    described: dict[str, Any] = orjson.loads(document(PREFIX, ROUTES))
    for item in described["paths"].values():
        for operation in item.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "symbol":
                    parameter["schema"] = {"enum": SYMBOLS}
    described["components"]["schemas"]["NewOrder"]["properties"]["symbol"] = {"enum": SYMBOLS}
    return described


SCHEMA = schemathesis.openapi.from_dict(_with_known_symbols())
OPERATIONS = {
    f"{operation.method.upper()} {operation.path.removeprefix(PREFIX)}": operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())
}


class Api(NamedTuple):
    """Where the exchange is, a key of account 1, and ids of its orders, newest last."""

    url: str
    key: str
    secret: str
    orders: list[int]

    def send(self, request: requests.Request, session: requests.Session) -> requests.Response:
        """Send with a signature over exactly what is sent."""
        prepared = session.prepare_request(request)
        body = prepared.body or b""
        raw = body.encode() if isinstance(body, str) else body
        method, path = prepared.method, prepared.path_url
        assert method is not None
        prepared.headers.update(signed_headers(self.key, self.secret, method, path, raw))
        return session.send(prepared, allow_redirects=False, timeout=120)

    def enter(self, session: requests.Session) -> int:
        """A new order that rests."""
        order = {"symbol": "AAPL", "side": "buy", "quantity": 100, "price": 1_000_000}
        url = f"{self.url}{PREFIX}/orders"
        answer = self.send(requests.Request("POST", url, json=order), session).json()
        assert answer["code"] == 0, answer
        self.orders.append(answer["data"]["order_id"])
        return self.orders[-1]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A running exchange."""
    limits = {"requests_per_second_per_ip": LIMIT, "requests_per_second_per_key": LIMIT}
    exchange = RunningExchange(
        tmp_path_factory.mktemp("rest"), web=True, settings={"api": limits | {"burst": LIMIT}}
    )
    try:
        exchange.start()
        key = exchange.admin("key", "make", "1")
        yield Api(exchange.url, key["id"], key["secret"], [])
    finally:
        exchange.close()


def test_every_operation_is_asked():
    assert len(OPERATIONS) == len(ROUTES)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_what_the_document_says(api: Api, name: str, mode: GenerationMode):
    session = requests.Session()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=OPERATIONS[name].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if "order_id" in case.path_parameters and mode == GenerationMode.POSITIVE:
            # ids that are there; every third not
            fresh = api.enter(session)
            case.path_parameters["order_id"] = fresh + (fresh % 3 == 0) * 1_000_000
        if name == "DELETE /orders/batch" and mode == GenerationMode.POSITIVE:
            case.body["order_ids"] = [api.enter(session), *case.body.get("order_ids", [])][:10]
            case.body["client_order_ids"] = case.body.get("client_order_ids", [])[:10]
        request = requests.Request(**case.as_transport_kwargs(base_url=api.url))
        case.validate_response(api.send(request, session), checks=list(CHECKS))

    try:
        ask()
    except hypothesis.errors.Unsatisfiable:
        assert mode == GenerationMode.NEGATIVE  # an operation without anything to get wrong
    finally:
        session.close()


def test_the_document_is_served(api: Api):
    found = requests.get(f"{api.url}/openapi.json", timeout=120)
    assert found.headers["Content-Type"] == "application/json"
    assert found.content == document(PREFIX, ROUTES)
