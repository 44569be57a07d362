"""The page through nginx with the shipped configuration: TLS, sign-in, an order, live data."""

from __future__ import annotations

from pathlib import Path

import pytest
from exchange_process import RunningExchange
from nginx_proxy import NEEDS_NGINX, NginxProxy
from playwright.sync_api import Browser, expect
from trading_page import SELLER, ApiKeyPair, TradingPage

pytestmark = [pytest.mark.needs_jit, NEEDS_NGINX]


def test_an_order_through_the_proxy(
    browser: Browser, exchange: RunningExchange, keys: dict[int, ApiKeyPair], tmp_path: Path
) -> None:
    with NginxProxy(tmp_path, exchange.address("api")) as proxy:
        page = TradingPage(browser, f"https://{proxy.address}/", ignore_https_errors=True)
        try:
            page.select("GOOG")
            page.sign_in(keys[SELLER])
            _, answer = page.place(side="sell", kind="limit", price="163.21", quantity="7")
            assert answer["data"]["status"] == "new"
            # by the WebSocket: the order in the list, and its level in the book
            expect(page.open_orders()).to_contain_text("163.21")
            expect(page.at("#ladder-asks")).to_contain_text("163.21")
            page.open_orders().get_by_role("button", name="Cancel").click()
            expect(page.open_orders()).to_have_count(0)
        finally:
            page.close()
