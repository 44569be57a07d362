"""The page comes back by itself: after restarts and kills of the exchange, gaps, wrong messages."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from exchange_process import RunningExchange
from playwright.sync_api import WebSocketRoute, expect
from trading_page import BUYER, SELLER, ApiKeyPair, TradingPage, make_key

from exchange.control.socket import Request, ask

pytestmark = pytest.mark.needs_jit

OpenPage = Callable[..., TradingPage]
RESTART_MS = 300_000


def book_is_right(page: TradingPage, exchange: RunningExchange, symbol: str) -> bool:
    """Whether the ladder shows what REST says."""
    answer = page.page.request.get(f"{exchange.url}/api/v1/depth/{symbol}?levels=5").json()
    shown = [int(row[1].replace(",", "")) for row in page.ladder("bids")[:5]]
    return shown == [quantity for _, quantity in answer["data"]["bids"]]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restart_of_the_exchange(open_page: OpenPage, exchange: RunningExchange, how: str) -> None:
    page = open_page(BUYER, "GOOG")
    _, answer = page.place(side="buy", kind="limit", price="120", quantity="11")
    order_id = str(answer["data"]["order_id"])
    expect(page.open_orders()).to_have_count(1)

    if how == "stop":
        exchange.stop()
    else:
        exchange.kill()
    expect(page.at("#connection-text")).to_have_text("Reconnecting")
    expect(page.at("#banner")).to_contain_text("Connection lost")
    expect(page.at("#book .stale-mark")).to_be_visible()
    expect(page.at("#ticket-submit")).to_be_disabled()
    expect(page.at("#ticket-submit")).to_have_text("Not connected")
    assert page.ladder("bids")[0] == ["120.00", "11"]  # still to be read, and marked as old

    exchange.start()
    expect(page.at("body[data-connection=live]")).to_be_attached(timeout=RESTART_MS)
    expect(page.at("body[data-orders=live]")).to_be_attached(timeout=RESTART_MS)
    expect(page.at("#banner")).to_be_hidden()
    expect(page.at("#book .stale-mark")).to_be_hidden()
    expect(page.at("#book:not([data-loading])")).to_be_attached()
    assert page.ladder("bids")[0] == ["120.00", "11"]
    assert book_is_right(page, exchange, "GOOG")

    # what it shows is alive: the same order can be cancelled, and everybody sees it
    button = page.open_orders().get_by_role("button", name="Cancel")
    expect(button).to_have_attribute("data-order", order_id)
    button.click()
    expect(page.open_orders()).to_have_count(0)
    expect(page.at("#ladder-bids .ladder-row:not([data-empty])")).to_have_count(0)


def test_restart_of_the_api_alone(open_page: OpenPage, exchange: RunningExchange) -> None:
    page = open_page(SELLER, "GOOG")
    page.page.evaluate(
        """() => {
            const body = document.body;
            const note = () => body.dataset.connection === 'offline' && (body.id = 'was-offline');
            new MutationObserver(note).observe(body, {attributeFilter: ['data-connection']}) }"""
    )
    os.kill(exchange.pid("api"), signal.SIGKILL)
    recovered = page.at("body#was-offline[data-connection=live][data-orders=live]")
    expect(recovered).to_be_attached(timeout=RESTART_MS)
    page.place(side="buy", kind="limit", price="121", quantity="3")
    expect(page.open_orders()).to_have_count(1)
    page.open_orders().get_by_role("button", name="Cancel").click()
    expect(page.open_orders()).to_have_count(0)


def test_an_order_whose_answer_is_lost_is_entered_once(open_page: OpenPage) -> None:
    page = open_page(SELLER, "GOOG")
    lost: list[str] = []

    def lose_first_answer(route: Any) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route.request.post_data)
        route.fetch()  # the exchange carries it out
        route.abort("connectionreset")

    page.page.route("**/api/v1/orders", lose_first_answer)
    page.place(side="buy", kind="limit", price="119", quantity="5")
    expect(page.at("#ticket-outcome")).to_contain_text("is in the book")
    expect(page.open_orders()).to_have_count(1)
    assert page.ladder("bids")[0] == ["119.00", "5"]
    page.open_orders().get_by_role("button", name="Cancel").click()
    expect(page.open_orders()).to_have_count(0)


class TamperedPage(TradingPage):
    """Between exchange and page: ``change`` may alter a message, or return None to lose it."""

    change: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
    sent_by_page: list[dict[str, Any]]

    def prepare(self) -> None:
        self.sent_by_page = []
        self.page.route_web_socket("**/ws", self._connected)

    def _connected(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_page(text: str | bytes) -> None:
            message = json.loads(text)
            changed = self.change(message) if self.change else message
            if changed is not None:
                socket.send(json.dumps(changed))

        def to_server(text: str | bytes) -> None:
            self.sent_by_page.append(json.loads(text))
            server.send(text)

        server.on_message(to_page)
        socket.on_message(to_server)

    def snapshots_asked(self) -> int:
        """How often the page subscribed to a book."""
        return sum(
            message["action"] == "subscribe"
            and any(channel.startswith("depth_diff.GOOG") for channel in message["channels"])
            for message in self.sent_by_page
        )


@pytest.mark.parametrize("fault", ["lost", "wrong quantity", "wrong checksum"])
def test_a_book_out_of_step_is_asked_for_anew(
    open_page: OpenPage, exchange: RunningExchange, fault: str
) -> None:
    page = open_page(None, "GOOG", page=TamperedPage)
    assert isinstance(page, TamperedPage)
    trader = open_page(SELLER, "GOOG")
    faults: list[dict[str, Any]] = []

    def spoil(message: dict[str, Any]) -> dict[str, Any] | None:
        if message["type"] != "depth_diff" or faults:
            return message
        faults.append(message)
        if fault == "lost":
            return None
        if fault == "wrong checksum":
            return message | {"checksum": message["checksum"] ^ 1}
        return message | {"bids": [[price, quantity + 1] for price, quantity in message["bids"]]}

    page.change = spoil
    asked = page.snapshots_asked()
    for price in ("130", "131"):
        trader.place(side="buy", kind="limit", price=price, quantity="4")
    expect(page.at("#ladder-bids .ladder-row:not([data-empty])")).to_have_count(2)
    assert page.ladder("bids") == [["131.00", "4"], ["130.00", "4"]]
    assert faults and page.snapshots_asked() == asked + 1
    assert book_is_right(page, exchange, "GOOG")
    trader.at("#cancel-all").click()
    trader.at("#confirm-yes").click()
    expect(page.at("#ladder-bids .ladder-row:not([data-empty])")).to_have_count(0)


def test_silence_is_noticed(open_page: OpenPage) -> None:
    page = open_page(None, "GOOG", page=TamperedPage)
    assert isinstance(page, TamperedPage)
    page.change = lambda message: None
    expect(page.at("body[data-connection=stale]")).to_be_attached()
    expect(page.at("#banner")).to_contain_text("Nothing heard since")
    page.change = None
    expect(page.at("body[data-connection=live]")).to_be_attached()
    expect(page.at("#banner")).to_be_hidden()


def test_the_page_shows_the_health_that_the_exchange_tells(open_page: OpenPage) -> None:
    page = open_page()
    ask = "() => document.dispatchEvent(new Event('visibilitychange'))"  # it need not wait for 5 s
    page.page.evaluate(ask)
    # a disk that is nearly full is a warning and nothing to the page
    expect(page.at("body:is([data-health=healthy], [data-health=warnings])")).to_be_attached()
    sick = {
        "healthy": False,
        "problems": ["7 commands wait for the disk"],
        "warnings": ["Postgres is away; it is tried again"],
    }
    answer = {"code": 5002, "message": "7 commands wait for the disk", "data": sick}
    page.page.route(
        "**/api/v1/health", lambda route: route.fulfill(status=503, body=json.dumps(answer))
    )
    page.page.evaluate(ask)
    expect(page.at("#connection-text")).to_have_text("In trouble")
    expect(page.at("#banner")).to_contain_text("7 commands wait for the disk")
    expect(page.at("#connection")).to_have_attribute(
        "title", "7 commands wait for the disk\nPostgres is away; it is tried again"
    )
    page.page.unroute("**/api/v1/health")
    page.page.evaluate(ask)
    expect(page.at("#connection-text")).to_have_text("Live")
    expect(page.at("#banner")).to_be_hidden()


def test_wrong_keys(open_page: OpenPage, keys: dict[int, ApiKeyPair]) -> None:
    page = open_page()
    page.try_key("NOSUCHKEY", "00" * 32)
    expect(page.at("#sign-error")).to_have_text("This API key is not known, or was revoked.")
    page.try_key(keys[BUYER].key, keys[SELLER].secret)
    expect(page.at("#sign-error")).to_have_text("The secret does not belong to this API key.")
    page.try_key(keys[BUYER].key, "")
    expect(page.at("#sign-error")).to_have_text("Please fill in key and secret.")
    assert page.page.evaluate("sessionStorage.getItem('exchange.key')") is None


def test_the_key_stays_in_the_tab_and_leaves_with_signing_out(
    open_page: OpenPage, keys: dict[int, ApiKeyPair]
) -> None:
    page = open_page(BUYER)
    secret = keys[BUYER].secret
    page.page.reload()
    expect(page.at("#account-number")).to_have_text(str(BUYER))
    assert secret in page.page.evaluate("sessionStorage.getItem('exchange.key')")
    assert secret not in page.page.evaluate("JSON.stringify(localStorage) + document.cookie")
    another = page.context.new_page()  # another tab of the same browser knows nothing
    another.goto(page.url)
    expect(another.locator("#sign-button")).to_have_text("Sign in")
    another.close()
    page.at("#sign-button").click()
    expect(page.at("#sign-button")).to_have_text("Sign in")
    expect(page.at("#account-number")).to_have_text("")
    assert page.page.evaluate("sessionStorage.length") == 0
    page.page.reload()
    expect(page.at("#sign-button")).to_have_text("Sign in")


def test_a_revoked_key_signs_out(open_page: OpenPage, exchange: RunningExchange) -> None:
    key = make_key(exchange.data_directory, BUYER)
    page = open_page()
    page.sign_in(key)
    ask(exchange.data_directory, Request("key_revoke", key_id=key.key))
    expect(page.at("#sign-button")).to_have_text("Sign in")
    expect(page.page.locator(".toast", has_text="revoked")).to_be_visible()
    expect(page.at("#account-number")).to_have_text("")
    assert page.page.evaluate("sessionStorage.length") == 0


def test_a_key_that_may_only_read(open_page: OpenPage, exchange: RunningExchange) -> None:
    page = open_page(None, "GOOG")
    page.sign_in(make_key(exchange.data_directory, BUYER, read_only=True))
    _, answer = page.place(side="buy", kind="limit", price="100", quantity="1")
    assert answer["code"] == 2006
    expect(page.at("#ticket-outcome")).to_have_text("This API key may only read, not trade.")


def test_without_a_secure_context(open_page: OpenPage, exchange: RunningExchange) -> None:
    url = exchange.url.replace("127.0.0.1", "exchange.test")
    page = open_page(None, url=f"{url}/", wait=False)
    expect(page.at("#banner")).to_contain_text("only over https or on localhost")
    page.at("#sign-button").click()
    expect(page.at("#sign-insecure")).to_be_visible()
    expect(page.at("#sign-submit")).to_be_disabled()
