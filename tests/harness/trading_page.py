"""The trading page in a real browser, for tests: what people do with it, what it must not do.

    page = TradingPage(browser, url)         # opened, data shown
    page.sign_in(key)                        # key: ApiKeyPair
    page.place(kind="limit", side="buy", price="150.00", quantity="10")
    page.close()                             # raises if the page broke a rule meanwhile

Rules that every page is held to: no error on its console, no violation of its policy, no request to
another origin than its own.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, ConsoleMessage, Locator, Request, WebSocket, expect

from exchange.control.socket import Request as ControlRequest
from exchange.control.socket import ask

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # a name that is not localhost, for the page without a secure context
    "--host-resolver-rules=MAP exchange.test 127.0.0.1",
]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# The browser itself writes these when a request fails or is refused, which tests provoke.
NETWORK_ERRORS = re.compile("Failed to load resource|WebSocket connection to .* failed")
TIMEOUT_MS = 90_000
expect.set_options(timeout=TIMEOUT_MS)  # its own default is 5 s
SELLER, BUYER, SHORT_SELLER = 1, 2, 3  # accounts; only the last may sell short


class ApiKeyPair(NamedTuple):
    """An API key of ``account``."""

    account: int
    key: str
    secret: str


def make_key(data_directory: Path, account: int, *, read_only: bool = False) -> ApiKeyPair:
    """A new API key of the running exchange."""
    answer = ask(
        data_directory, ControlRequest("key_make", account=account, label="", read_only=read_only)
    )
    return ApiKeyPair(account, answer["key"]["id"], answer["secret"])


class TradingPage:
    """One tab with its own storage. ``context``: further arguments of ``new_context``."""

    def __init__(self, browser: Browser, url: str, *, wait: bool = True, **context: Any) -> None:
        self.url = url
        self.broken: list[str] = []
        arguments = {"viewport": DESKTOP, "locale": "en-US", "color_scheme": "dark"} | context
        self.context = browser.new_context(**arguments)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.broken.append(f"exception: {error}"))
        self.page.on("request", self._request)
        self.page.on("websocket", self._websocket)
        self.prepare()
        self.page.goto(url)
        if wait:
            expect(self.page.locator("body[data-connection=live]")).to_be_visible()
            expect(self.page.locator("#markets-list [role=option]").first).to_be_attached()

    def prepare(self) -> None:
        """Before the page is opened; for tests that stand between page and exchange."""

    # --- rules ---------------------------------------------------------------------------------

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not NETWORK_ERRORS.search(message.text):
            self.broken.append(f"console: {message.text}")

    def _own(self, url: str) -> bool:
        host = self.url.partition("://")[2].rstrip("/")
        return re.match(rf"(https?|wss?)://{re.escape(host)}(/|$)", url) is not None

    def _request(self, request: Request) -> None:
        if not self._own(request.url):
            self.broken.append(f"request to another origin: {request.url}")

    def _websocket(self, socket: WebSocket) -> None:
        if not self._own(socket.url):
            self.broken.append(f"socket to another origin: {socket.url}")

    def close(self) -> None:
        """Close the tab. Raises AssertionError if the page broke a rule."""
        self.context.close()
        assert not self.broken, "\n".join(self.broken)

    # --- what a person does --------------------------------------------------------------------

    def at(self, selector: str) -> Locator:
        """What ``selector`` finds."""
        return self.page.locator(selector)

    def select(self, symbol: str) -> None:
        """Look at an instrument; returns when its book has come."""
        self.at(f'#markets-list [data-symbol="{symbol}"]').click()
        expect(self.at("#headline-symbol")).to_have_text(symbol)
        expect(self.at("#book:not([data-loading])")).to_be_visible()

    def sign_in(self, key: ApiKeyPair) -> None:
        """Sign in; returns when the account's numbers are there."""
        self.try_key(key.key, key.secret)
        expect(self.at("#sign-dialog")).to_be_hidden()
        expect(self.at("#account-number")).to_have_text(str(key.account))
        expect(self.at("body[data-orders=live]")).to_be_attached()

    def try_key(self, key: str, secret: str) -> None:
        """Type a key into the dialog and send it."""
        if self.at("#sign-dialog").is_hidden():
            self.at("#sign-button").click()
        self.at("#sign-key").fill(key)
        self.at("#sign-secret").fill(secret)
        self.at("#sign-submit").click()

    def fill(self, **fields: str | bool) -> None:
        """Fill in the ticket: side, kind, validity first, as they decide which fields there are."""
        for name, selector in (("kind", "#ticket-kind"), ("validity", "#ticket-validity")):
            if name == "kind" and "side" in fields:
                self.at(f"#ticket-sides [data-side={fields['side']}]").click()
            if name in fields:
                self.at(selector).select_option(str(fields[name]))
        for name, value in fields.items():
            if name in ("side", "kind", "validity"):
                continue
            element = self.at(f'#ticket-form [name="{name}"]')
            if isinstance(value, bool):
                element.set_checked(value)
            elif name == "expire_unit":
                element.select_option(value)
            else:
                element.fill(value)

    def place(self, **fields: str | bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """Send the ticket. Returns the request's body and the exchange's answer."""
        self.fill(**fields)
        with self.page.expect_response(
            lambda r: r.request.method == "POST" and r.url.endswith("/orders")
        ) as waiting:
            self.at("#ticket-submit").click()
        response = waiting.value
        answer = response.json()
        expect(
            self.at("#ticket-outcome[data-tone=good], #ticket-outcome[data-tone=bad]")
        ).to_be_visible()
        return json.loads(response.request.post_data or "{}"), answer

    def open_orders(self) -> Locator:
        """Rows of the open orders."""
        return self.at("#panel-open tbody tr")

    def tab(self, name: str) -> None:
        """Show "open", "history", "fills" or "positions"."""
        self.at(f"#tab-{name}").click()

    def ladder(self, side: str) -> list[list[str]]:
        """[price, quantity] of the levels shown, best first, as texts."""
        rows = self.page.evaluate(
            """side => [...document.querySelectorAll(`#ladder-${side} .ladder-row`)]
                .filter(row => !row.hasAttribute('data-empty'))
                .map(row => ['.ladder-price', '.ladder-quantity']
                    .map(name => row.querySelector(name).textContent))""",
            side,
        )
        return list(rows)

    def no_horizontal_scroll(self) -> None:
        """Nothing is wider than the window."""
        wide = self.page.evaluate(
            """() => [...document.querySelectorAll('body *')]
                .filter(e => !e.closest('[hidden], .unseen, .skip, dialog, .markets-list'))
                .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
                .map(e => `${e.tagName}#${e.id}.${e.className}`)"""
        )
        assert not wide, f"wider than the window: {wide}"
        cut = self.page.evaluate(
            """() => [document.documentElement, ...document.querySelectorAll('.scroll, .ticket')]
                .filter(e => e.scrollWidth > e.clientWidth + 1)
                .map(e => `${e.tagName}#${e.id} ${e.scrollWidth} > ${e.clientWidth}`)"""
        )
        assert not cut, f"wider than what shows it: {cut}"
