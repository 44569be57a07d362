"""No account sees or touches another's: every endpoint of /openapi.json.

STRANGER asks for each of OWNER's orders by its ids, in every way that the document offers, and must
get the very answer that an id gets that never was. Then who may ask at all: no, wrong, replayed,
late, revoked and read-only credentials, foreign origins; test_api_isolation_websocket.py has the
WebSocket.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from isolation_world import (
    PRICE,
    SECRET_NAME,
    UNKNOWN_ORDER,
    World,
    call,
    calls,
    ids_in,
    isolation_world,
    order,
    owners_view,
)

pytestmark = pytest.mark.needs_jit


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with isolation_world(tmp_path_factory.mktemp("isolation")) as made:
        yield made


def operations(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path template, operation) of the document."""
    for path, methods in world.document["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "post", "patch", "delete", "put"):
                yield method.upper(), path, operation


def is_private(operation: dict[str, Any]) -> bool:
    return bool(operation.get("security"))


def filled_in(
    path: str, operation: dict[str, Any], order_id: int, name: str
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Requests of an operation that name the order in every place where one can be named."""
    base = path.replace("{order_id}", str(order_id)).replace("{symbol}", "AAPL")
    if not base.startswith("/api/v1"):
        base = f"/api/v1{base}"
    values = {"order_id": str(order_id), "client_order_id": name, "symbol": "AAPL"}
    query = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    needed = [f"{each['name']}={values[each['name']]}" for each in query if each["required"]]
    base += "?" * bool(needed) + "&".join(needed)
    for body in bodies(path, operation, order_id, name):
        yield base, body
        for parameter in query:
            value = values.get(parameter["name"])
            if value is not None and not parameter["required"]:
                yield f"{base}?{parameter['name']}={value}", body


def bodies(
    path: str, operation: dict[str, Any], order_id: int, name: str
) -> list[dict[str, Any] | None]:
    """Bodies of an operation, which name the order where one can be named."""
    if "requestBody" not in operation:
        return [None]
    if path.endswith(("{order_id}", "by-client-id")):
        return [{"quantity": 50}, {"price": PRICE - 30_000}]
    if path.endswith("cancel-after"):
        return [{"seconds": 0}]
    if operation["operationId"] == "delete_some_orders":
        return [{"order_ids": [order_id], "client_order_ids": [name]}, {"order_ids": [order_id]}]
    if path.endswith("batch"):
        return [{"orders": [order("buy", None)]}]
    return [order("buy", None)]


def names_an_order(path: str, operation: dict[str, Any]) -> bool:
    """Whether the operation is about orders that the request names."""
    return (
        path.endswith(("{order_id}", "by-client-id"))
        or operation["operationId"] == "delete_some_orders"
    )


def test_the_document_has_every_endpoint(world: World) -> None:
    known = {(method, path) for method, path, _ in operations(world)}
    assert len(known) >= 23
    private = [path for _, path, operation in operations(world) if is_private(operation)]
    assert len(private) >= 15


@pytest.mark.parametrize("what", ["filled", "resting", "named", "stop", "cancelled", "rejected"])
def test_another_accounts_order_is_as_one_that_never_was(world: World, what: str) -> None:
    owned = world.orders[what]
    before = owners_view(world)
    own_ids = {each["order_id"] for each in world.orders.values()}
    tried = 0
    for method, path, operation in operations(world):
        if path.endswith("/orders") and method == "POST":
            continue  # test_the_same_client_order_id_is_another_order
        real = list(filled_in(path, operation, owned["order_id"], owned["client_order_id"]))
        never = list(filled_in(path, operation, UNKNOWN_ORDER, "NEVER-USED"))
        answers = calls(
            world.url,
            [
                (method, target, world.keys["stranger"], body, None)
                for pair in zip(real, never, strict=True)
                for target, body in pair
            ],
        )
        for (target, _), answer, other in zip(real, answers[::2], answers[1::2], strict=True):
            tried += 1
            said = answer.text.replace(f"there is no order '{owned['client_order_id']}'", "")
            assert SECRET_NAME not in said, target  # but for the name that was asked for
            if "application/json" not in str(operation["responses"]):
                continue
            assert not ids_in(answer.body) & own_ids, target
            if owned["order_id"] in (None, 0) or not names_an_order(path, operation):
                continue
            if operation["operationId"] == "delete_some_orders":
                entries = answer.body["data"]["orders"]
                assert {each["status"] for each in entries} == {404}
            else:
                assert answer.status == other.status == 404, (target, answer)
            same = answer.text.replace(str(owned["order_id"]), str(UNKNOWN_ORDER))
            same = same.replace(f"'{owned['client_order_id']}'", "'NEVER-USED'")
            assert same == other.text
    assert tried > 20
    assert owners_view(world) == before


def test_cursors_of_another_account_show_nothing(world: World) -> None:
    for path in ("/api/v1/orders", "/api/v1/trades", "/api/v1/ledger"):
        page = call(world.url, "GET", f"{path}?limit=1", world.keys["owner"]).body["data"]
        if page["next_cursor"] is None:
            continue
        target = f"{path}?limit=1&cursor={page['next_cursor']}"
        answer = call(world.url, "GET", target, world.keys["stranger"])
        assert SECRET_NAME not in answer.text
        assert not answer.body["data"] or not ids_in(answer.body["data"]) - {None}


def test_the_ledger_is_the_accounts_own(world: World) -> None:
    requests = [
        ("GET", "/api/v1/ledger", world.keys[name], None, None)
        for name in ("owner", "other", "stranger")
    ]
    owner, other, stranger = (
        answer.body["data"]["entries"] for answer in calls(world.url, requests)
    )
    filled = world.orders["filled"]["order_id"]
    assert filled in {entry["order_id"] for entry in owner}
    assert not ids_in(owner) - {None} & ids_in(other)
    assert {entry["cause"] for entry in stranger} == {"deposit"}
    assert ids_in(stranger) == {None}
    shared = {entry["sequence"] for entry in owner} & {entry["sequence"] for entry in other}
    assert shared == {entry["sequence"] for entry in owner if entry["order_id"] == filled}


def test_the_same_client_order_id_is_another_order(world: World) -> None:
    body = order("buy", world.orders["resting"]["client_order_id"], price=PRICE - 50_000)
    answer = call(world.url, "POST", "/api/v1/orders", world.keys["stranger"], body)
    assert answer.status == 201
    assert answer.body["data"]["order_id"] != world.orders["resting"]["order_id"]
    path = f"/api/v1/orders/{answer.body['data']['order_id']}"
    assert call(world.url, "DELETE", path, world.keys["owner"]).status == 404
    assert call(world.url, "DELETE", path, world.keys["stranger"]).status == 200


def test_public_answers_name_nobody(world: World) -> None:
    requests = [
        ("GET", f"/api/v1{path}", None, None, None)
        for path in (
            "/trades/AAPL",
            "/depth/AAPL",
            "/ticker/AAPL",
            "/tickers",
            "/klines/AAPL",
            "/instruments",
        )
    ]
    for answer in calls(world.url, requests):
        assert answer.status == 200 and SECRET_NAME not in answer.text
        assert not {"order_id", "client_order_id", "account"} & set(_names(answer.body))


def _names(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from _names(value)
    elif isinstance(data, list):
        for value in data:
            yield from _names(value)


def _replace(name: str, value: Callable[[str], str]) -> Callable[[dict[str, str]], None]:
    def change(headers: dict[str, str]) -> None:
        headers[name] = value(headers[name])

    return change


def _drop(name: str) -> Callable[[dict[str, str]], None]:
    return lambda headers: headers.pop(name) and None


def _late(milliseconds: int) -> Callable[[dict[str, str]], None]:
    return _replace("X-TIMESTAMP", lambda text: str(int(text) + milliseconds))


REFUSALS: dict[str, tuple[str | None, Any, int, int]] = {
    "nobody": (None, None, 401, 2001),
    "no signature": ("owner", _drop("X-SIGNATURE"), 401, 2001),
    "no nonce": ("owner", _drop("X-NONCE"), 401, 2001),
    "wrong signature": ("owner", _replace("X-SIGNATURE", lambda text: text[::-1]), 401, 2003),
    "another's key": ("stranger", _replace("X-API-KEY", lambda text: "A" * 20), 401, 2002),
    "late": ("owner", _late(-120_000), 401, 2004),
    "early": ("owner", _late(120_000), 401, 2004),
    "altered time": ("owner", _late(1), 401, 2003),
    "revoked": ("revoked", None, 401, 2002),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_nothing_private_without_good_credentials(world: World, what: str) -> None:
    name, change, status, code = REFUSALS[what]
    key = world.keys[name] if name else None
    requests = []
    for method, path, operation in operations(world):
        if is_private(operation):
            target, body = next(filled_in(path, operation, UNKNOWN_ORDER, "x"))
            requests.append((method, target, key, body, change))
    for request, answer in zip(requests, calls(world.url, requests), strict=True):
        assert (answer.status, answer.code) == (status, code), (request[:2], answer)
        assert answer.body["data"] is None


def test_a_request_counts_once(world: World) -> None:
    for method, path, body in (
        ("GET", "/api/v1/orders", None),
        ("POST", "/api/v1/orders/cancel-after", {"seconds": 0}),
    ):
        kept: dict[str, str] = {}
        first = call(world.url, method, path, world.keys["owner"], body, kept.update)
        assert first.status == 200

        def same(headers: dict[str, str], kept: dict[str, str] = kept) -> None:
            headers.update(kept)

        again = call(world.url, method, path, world.keys["owner"], body, same)
        assert (again.status, again.code) == (401, 2005), (kept, again)


def test_a_read_only_key_reads_and_no_more(world: World) -> None:
    before = owners_view(world)
    resting = world.orders["resting"]
    for method, path, operation in operations(world):
        if not is_private(operation):
            continue
        named = (resting["order_id"], resting["client_order_id"])
        target, body = next(filled_in(path, operation, *named))
        answer = call(world.url, method, target, world.keys["reader"], body)
        if method == "GET":
            assert answer.status == 200, answer
        else:
            assert (answer.status, answer.code) == (403, 2006), (method, target, answer)
    assert owners_view(world) == before


def test_pages_of_other_sites_can_do_nothing(world: World) -> None:
    before = owners_view(world)
    for method, path, operation in operations(world):
        if is_private(operation) and method != "GET":
            target, body = next(
                filled_in(path, operation, world.orders["resting"]["order_id"], "x")
            )

            def foreign(headers: dict[str, str]) -> None:
                headers["Origin"] = "https://elsewhere.example"

            answer = call(world.url, method, target, world.keys["owner"], body, foreign)
            assert (answer.status, answer.code) == (403, 2007), (method, target, answer)
    assert owners_view(world) == before


def test_a_damaged_keys_file_stops_nobody_but_those_who_sign_in(world: World) -> None:
    path = world.exchange.data_directory / "keys.json"
    good = path.read_bytes()
    path.write_bytes(good[:-20])
    try:
        private = call(world.url, "GET", "/api/v1/orders", world.keys["owner"])
        assert (private.status, private.code) == (503, 5002)
        assert call(world.url, "GET", "/api/v1/depth/AAPL", None).status == 200
    finally:
        path.write_bytes(good)
    assert call(world.url, "GET", "/api/v1/orders", world.keys["owner"]).status == 200
    log = world.exchange.log_file.read_text()
    assert "nobody can sign in" in log and "is damaged" in log


def test_no_secret_is_in_any_file_or_log(world: World) -> None:
    secrets = [key.secret.encode() for key in world.keys.values()]
    files = [path for path in world.exchange.directory.rglob("*") if path.is_file()]
    assert world.exchange.log_file in files
    for path in files:
        if path.stat().st_size < 1 << 26:
            text = path.read_bytes()
            assert not any(secret in text for secret in secrets), path


def test_a_request_is_not_replayed_after_a_restart_of_the_api(world: World) -> None:
    kept: dict[str, str] = {}
    path = "/api/v1/accounts/me"
    assert call(world.url, "GET", path, world.keys["owner"], None, kept.update).status == 200
    os.kill(world.exchange.pid("api"), signal.SIGKILL)
    # the listener stays: this waits until a new process answers, with the same nonce
    end_s = time.monotonic() + 600
    while time.monotonic() < end_s:
        again = call(world.url, "GET", path, None, None, lambda headers: headers.update(kept))
        if again.status != 503:
            break
    # late, when the restart took longer than the receive window
    assert (again.status, again.code) in ((401, 2005), (401, 2004))
    assert call(world.url, "GET", path, world.keys["owner"]).status == 200
