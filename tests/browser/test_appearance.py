"""Languages, colours and the rules of accessibility that a machine can check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from trading_page import SELLER, TradingPage

pytestmark = pytest.mark.needs_jit

OpenPage = Callable[..., TradingPage]

HARNESS = Path(__file__).resolve().parents[1] / "harness"
CONTRAST = (HARNESS / "page_contrast.js").read_text()
NAMELESS = (HARNESS / "page_names.js").read_text()


# Orders as wide as they become; only shown, the exchange does not know them.
WIDE_ORDERS = [
    {
        "order_id": 10**9 + number,
        "symbol": "2330.TW",
        "side": "sell_short_exempt",
        "type": "stop_limit",
        "time_in_force": "day",
        "quantity": 1_000_000,
        "filled_quantity": 500_000,
        "remaining_quantity": 500_000,
        "filled_value": 10**12,
        "price": 9_999_950,
        "stop_price": 9_999_950,
        "status": status,
        "cancel_reason": "supervisory",
        "created_at": "2026-01-01T12:00:00.000000Z",
        "updated_at": "2026-01-01T12:00:00.000000Z",
    }
    for number, status in enumerate(("partial_filled", "cancelled"))
]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("language", ["en-US", "zh-TW"])
def test_colours_and_names(open_page: OpenPage, theme: str, language: str) -> None:
    page = open_page(SELLER, "AAPL", color_scheme=theme, locale=language)
    page.place(side="sell", kind="limit", price="151", quantity="10")
    for tab in ("open", "history", "fills", "positions"):
        page.tab(tab)
        assert page.page.evaluate(CONTRAST) == []
    page.fill(side="sell_short", kind="stop_limit", validity="gtt", quantity="x")
    page.at("#ticket-submit").click()
    assert page.page.evaluate(CONTRAST) == []
    assert page.page.evaluate(NAMELESS) == []
    page.no_horizontal_scroll()
    page.at("#help-button").click()
    assert page.page.evaluate(CONTRAST) == []
    page.page.keyboard.press("Escape")
    page.tab("open")
    page.at("#cancel-all").click()
    page.at("#confirm-yes").click()
    expect(page.open_orders()).to_have_count(0)


def test_language_and_theme_are_kept(open_page: OpenPage) -> None:
    page = open_page(None, "2330.TW")
    assert page.at("html").get_attribute("lang") == "en"
    page.at("#language-button").click()
    expect(page.at("#ticket-title")).to_have_text("下單")
    expect(page.at("html")).to_have_attribute("lang", "zh-Hant-TW")
    expect(page.at("html")).to_have_attribute("data-rising", "red")  # as in Taiwan
    page.at("#theme-button").click()
    expect(page.at("html")).to_have_attribute("data-theme", "light")
    page.page.reload()
    expect(page.at("#ticket-title")).to_have_text("下單")
    expect(page.at("html")).to_have_attribute("data-theme", "light")
    expect(page.at("#headline-symbol")).to_have_text("2330.TW")
    left = page.page.evaluate(
        "[...document.querySelectorAll('[data-text]')].filter(e => !e.textContent.trim()).length"
    )
    assert left == 0
    page.at("#language-button").click()
    expect(page.at("#ticket-title")).to_have_text("Order ticket")
    expect(page.at("html")).to_have_attribute("data-rising", "green")


@pytest.mark.parametrize(
    "size",
    [(320, 568), (390, 844), (844, 390), (768, 1024), (1024, 768), (1280, 720), (1920, 1080)],
)
def test_every_size_of_screen(open_page: OpenPage, size: tuple[int, int]) -> None:
    page = open_page(SELLER, viewport={"width": size[0], "height": size[1]})
    for order in WIDE_ORDERS:
        page.page.evaluate(
            "order => import('/page/js/data/account.js').then(m => m.takeOrder(order))", order
        )
    views = page.at("#views button")
    for view in range(views.count() if views.first.is_visible() else 1):
        if views.first.is_visible():
            views.nth(view).click()
        page.no_horizontal_scroll()
    if size[0] < 900:
        page.at("#views [data-view=ticket]").click()
    page.at("#ticket-submit").scroll_into_view_if_needed()
    expect(page.at("#ticket-submit")).to_be_in_viewport()


def test_chart_and_attribution(open_page: OpenPage) -> None:
    page = open_page(None, "AAPL")
    link = page.at(".attribution a")
    expect(link).to_have_attribute("href", "https://www.tradingview.com/")
    page.at("#tab-depth").click()
    expect(page.at("#depth-canvas")).to_be_visible()
    page.at("#tab-candles").click()
    for interval in ("5m", "1d", "1m"):
        page.at(f'[data-interval="{interval}"]').click()
        expect(page.at(f'[data-interval="{interval}"]')).to_have_attribute("aria-checked", "true")
    expect(page.at("#candles canvas").first).to_be_visible()


class PageWithoutLibrary(TradingPage):
    """The chart library was not put in place."""

    def prepare(self) -> None:
        self.page.route("**/vendor/**", lambda route: route.fulfill(status=404, body=""))


def test_without_the_chart_library(open_page: OpenPage) -> None:
    page = open_page(None, "AAPL", page=PageWithoutLibrary)
    expect(page.at("#candles-cover")).to_contain_text("scripts/up")
    expect(page.at("#ladder")).to_be_visible()
    page.at("#theme-button").click()
    page.at('[data-interval="5m"]').click()
    page.at("#tab-depth").click()
    expect(page.at("#depth-canvas")).to_be_visible()
