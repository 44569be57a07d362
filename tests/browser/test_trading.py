"""People trade through the page: with each other, every type of order, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from trading_page import BUYER, PHONE, SELLER, SHORT_SELLER, TradingPage

pytestmark = pytest.mark.needs_jit

OpenPage = Callable[..., TradingPage]


def test_two_users_trade_with_each_other(open_page: OpenPage) -> None:
    seller = open_page(SELLER, "AAPL")
    buyer = open_page(BUYER, "AAPL")
    request, answer = seller.place(side="sell", kind="limit", price="150.25", quantity="300")
    assert (request["price"], request["quantity"]) == (1_502_500, 300)
    assert answer["data"]["status"] == "new"
    expect(seller.open_orders()).to_have_count(1)

    # the buyer sees it, takes its price with a click, and buys a part
    level = buyer.page.locator("#ladder-asks .ladder-row", has_text="150.25")
    expect(level.locator(".ladder-quantity")).to_have_text("300")
    level.click()
    expect(buyer.at("#ticket-price")).to_have_value("150.25")
    _, answer = buyer.place(side="buy", quantity="100")
    assert answer["data"]["status"] == "filled"

    for page, side, role in ((buyer, "Buy", "Taker"), (seller, "Sell", "Maker")):
        page.tab("fills")
        row = page.at("#panel-fills tbody tr").first
        expect(row).to_contain_text("150.25")
        expect(row).to_contain_text(side)
        expect(row).to_contain_text(role)
        expect(page.at("#tape-rows tr").first).to_contain_text("150.25")
        expect(page.at("#headline-last")).to_have_text("150.25")
    expect(
        seller.page.locator(".toast", has_text="Sell AAPL: 100 filled at 150.25")
    ).to_be_visible()
    seller.tab("open")
    expect(seller.open_orders().first).to_contain_text("Partly filled")
    expect(seller.at("#ladder-asks .ladder-mine").first).to_have_text("200")
    expect(level.locator(".ladder-quantity")).to_have_text("200")
    buyer.tab("positions")
    expect(buyer.page.locator("#panel-positions tr", has_text="AAPL")).to_be_visible()


# kind and fields of the ticket -> what the exchange is asked for, and what becomes of the order
ORDERS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "limit": (
        {"price": "180.00"},
        {"type": "limit", "time_in_force": "day", "price": 1_800_000},
        "new",
    ),
    "whole day": (
        {"price": "180.01", "validity": "system_hours"},
        {"time_in_force": "system_hours", "price": 1_800_100},
        "new",
    ),
    "good till time": (
        {
            "price": "1,180.5",
            "side": "sell",
            "validity": "gtt",
            "expire": "90",
            "expire_unit": "minutes",
        },
        {"time_in_force": "gtt", "expire_seconds": 5400, "price": 11_805_000, "side": "sell"},
        "new",
    ),
    "immediate or cancel": (
        {"price": "0.01", "validity": "ioc", "minimum_quantity": "5"},
        {"time_in_force": "ioc", "price": 100, "minimum_quantity": 5},
        "cancelled",
    ),
    "fill or kill": ({"price": "0.01", "validity": "fok"}, {"time_in_force": "fok"}, "cancelled"),
    "market": ({"kind": "market"}, {"type": "market", "time_in_force": "ioc"}, "filled"),
    "stop": (
        {"kind": "stop", "stop_price": "9000"},
        {"type": "stop", "stop_price": 90_000_000},
        "waiting",
    ),
    "stop limit": (
        {"kind": "stop_limit", "stop_price": "9000", "price": "9001.5"},
        {"type": "stop_limit", "stop_price": 90_000_000, "price": 90_015_000},
        "waiting",
    ),
    "iceberg": (
        {"kind": "iceberg", "price": "170", "display_quantity": "2"},
        {"type": "limit", "display_quantity": 2, "price": 1_700_000},
        "new",
    ),
    "post-only": (
        {"kind": "post_only", "price": "170.02", "reprice": False},
        {"post_only": True, "reprice": False},
        "new",
    ),
    "post-only refused": (
        {"kind": "post_only", "price": "5000", "reprice": False},
        {"post_only": True},
        "rejected",
    ),
    "post-only repriced": (
        {"kind": "post_only", "price": "5000", "reprice": True},
        {"post_only": True, "reprice": True},
        "new",
    ),
    "short": (
        {"side": "sell_short", "price": "2000"},
        {"side": "sell_short", "exempt": None},
        "new",
    ),
    "short exempt": (
        {"side": "sell_short", "price": "2000", "exempt": True},
        {"side": "sell_short_exempt"},
        "new",
    ),
}


def test_every_type_of_order(open_page: OpenPage) -> None:
    seller = open_page(SELLER, "AMZN")
    seller.place(side="sell", kind="limit", price="190", quantity="1000")
    page = open_page(SHORT_SELLER, "AMZN")
    for name, (fields, asked, status) in ORDERS.items():
        request, answer = page.place(
            **({"side": "buy", "kind": "limit", "quantity": "10"} | fields)
        )
        assert {key: request.get(key) for key in asked} == asked, name
        order = answer["data"]
        assert order["status"] == status, (name, answer)
        tone = "bad" if status == "rejected" else "good"
        expect(page.at("#ticket-outcome")).to_have_attribute("data-tone", tone)
        if status == "rejected":
            expect(page.at("#ticket-outcome")).to_contain_text("Post-only")
        if name == "post-only repriced":
            assert order["price"] == 1_899_900
    opened = sum(status in ("new", "waiting") for _, _, status in ORDERS.values())
    expect(page.open_orders()).to_have_count(opened)
    page.tab("history")
    history = page.at("#panel-history tbody tr")
    expect(history).to_have_count(len(ORDERS) - opened)
    expect(history.first).to_be_visible()

    # all of them at once
    page.at("#cancel-all").click()
    page.at("#confirm-yes").click()
    expect(page.open_orders()).to_have_count(0)
    expect(history).to_have_count(len(ORDERS))
    seller.at("#cancel-all").click()
    seller.at("#confirm-yes").click()
    expect(seller.page.locator("#panel-open .empty")).to_have_text("No open orders.")


def test_fields_are_checked_before_anything_is_sent(open_page: OpenPage) -> None:
    page = open_page(BUYER, "2330.TW")
    sent: list[str] = []
    page.page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    for price, quantity, problem in (
        ("1000.3", "1000", "Must be a multiple of 0.5."),
        ("1e3", "1000", "Not a number."),
        ("", "1000", "Please fill in."),
        ("200000", "1000", "Must be between 0.5 and 100,000.0."),
    ):
        page.fill(price=price, quantity=quantity)
        page.at("#ticket-submit").click()
        expect(page.at("#ticket-price-error")).to_have_text(problem)
        expect(page.at("#ticket-price")).to_have_attribute("aria-invalid", "true")
        expect(page.at("#ticket-price")).to_be_focused()
    for quantity, problem in (
        ("1500", "Must be a multiple of 1,000."),
        ("0", "At least 1,000."),
        ("2000000", "At most 1,000,000."),
    ):
        page.fill(price="1000", quantity=quantity)
        page.at("#ticket-submit").click()
        expect(page.at("#ticket-quantity-error")).to_have_text(problem)
    assert sent == []
    request, _ = page.place(price="１０００.５", quantity="１０００")  # full-width, as an IME types
    assert (request["price"], request["quantity"]) == (100_050, 1000)
    page.open_orders().get_by_role("button", name="Cancel").click()
    expect(page.open_orders()).to_have_count(0)


def test_amend_and_cancel(open_page: OpenPage) -> None:
    page = open_page(SELLER, "MSFT")
    _, answer = page.place(side="sell", kind="limit", price="410", quantity="500")
    first = answer["data"]["order_id"]
    row = page.open_orders()
    row.get_by_role("button", name="Amend").click()
    page.at("#amend-quantity").fill("400")
    page.at("#amend-submit").click()
    expect(row).to_contain_text("400")
    expect(row.get_by_role("button", name="Cancel")).to_have_attribute("data-order", str(first))

    row.get_by_role("button", name="Amend").click()
    page.at("#amend-price").fill("410.5.")
    page.at("#amend-submit").click()
    expect(page.at("#amend-price-error")).to_have_text("Not a number.")
    page.at("#amend-price").fill("411.50")
    page.at("#amend-submit").click()
    expect(page.at("#amend-dialog")).to_be_hidden()
    expect(row).to_have_count(1)
    expect(row).to_contain_text("411.50")
    assert row.get_by_role("button", name="Cancel").get_attribute("data-order") != str(first)
    expect(page.at("#ladder-asks .ladder-mine").first).to_have_text("400")

    row.get_by_role("button", name="Cancel").click()
    expect(page.open_orders()).to_have_count(0)

    page.place(side="buy", kind="stop_limit", stop_price="600", price="601", quantity="10")
    row.get_by_role("button", name="Amend").click()
    page.at("#amend-stop").fill("605")
    page.at("#amend-price").fill("606")
    page.at("#amend-submit").click()
    expect(page.at("#amend-dialog")).to_be_hidden()
    expect(row).to_contain_text("605.00")
    expect(row).to_contain_text("606.00")
    row.get_by_role("button", name="Cancel").click()
    expect(page.open_orders()).to_have_count(0)
    page.tab("history")
    expect(page.at("#panel-history tbody tr").first).to_contain_text("Cancelled")


def test_refusals_in_words(open_page: OpenPage) -> None:
    page = open_page(BUYER, "MSFT")
    _, answer = page.place(side="sell_short", kind="limit", price="400", quantity="10")
    assert answer["code"] == 10_027
    expect(page.at("#ticket-outcome")).to_have_text("This account may not sell short.")
    page.at("#language-button").click()
    expect(page.at("#ticket-outcome")).to_have_text("此帳戶不得放空。")


def test_keyboard_only(open_page: OpenPage) -> None:
    page = open_page(SELLER, "GOOG")
    keyboard = page.page.keyboard
    keyboard.press("Escape")
    page.at("#ticket").focus()
    keyboard.press("b")
    expect(page.at("#ticket-quantity")).to_be_focused()
    keyboard.type("7")
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    expect(page.at("#ticket-price")).to_be_focused()
    keyboard.type("155")
    keyboard.press("ArrowUp")
    expect(page.at("#ticket-price")).to_have_value("155.01")
    keyboard.press("Enter")
    expect(page.open_orders()).to_have_count(1)
    expect(page.at("#ticket-outcome")).to_contain_text("is in the book")

    # the ladder: to the level, and its price into the ticket
    keyboard.press("Escape")
    keyboard.press("s")
    keyboard.press("Escape")
    keyboard.press("l")
    expect(page.at("#ladder")).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(page.at("#ticket-price")).to_have_value("155.01")

    # tabs, help, cancel
    keyboard.press("h")
    expect(page.at("#tab-history")).to_be_focused()
    keyboard.press("ArrowLeft")
    expect(page.at("#panel-open")).to_be_visible()
    keyboard.press("?")
    expect(page.at("#help-dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(page.at("#help-dialog")).to_be_hidden()
    keyboard.press("x")
    expect(page.at("#confirm-dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(page.open_orders()).to_have_count(1)
    keyboard.press("x")
    keyboard.press("Enter")
    expect(page.open_orders()).to_have_count(0)

    # with shortcuts off, keys do nothing
    keyboard.press("?")
    page.at("#help-shortcuts").uncheck()
    keyboard.press("Escape")
    keyboard.press("b")
    expect(page.at("#ticket-quantity")).not_to_be_focused()


def test_tab_reaches_everything_in_order(open_page: OpenPage) -> None:
    page = open_page(SELLER, "GOOG")
    page.page.reload()  # the focus is at the beginning again; the key is kept
    expect(page.open_orders()).to_have_count(0)
    expect(page.at("#account-number")).to_have_text(str(SELLER))
    seen = []
    for _ in range(60):
        page.page.keyboard.press("Tab")
        seen.append(
            page.page.evaluate("document.activeElement.id || document.activeElement.className")
        )
    wanted = [
        "skip",
        "language-button",
        "sign-button",
        "markets-search",
        "markets-list",
        "tab-candles",
        "ladder",
        "ticket-kind",
        "ticket-price",
        "ticket-quantity",
        "ticket-submit",
        "tab-open",
    ]
    places = [seen.index(name) for name in wanted]
    assert places == sorted(places), seen


def test_phone(open_page: OpenPage) -> None:
    page = open_page(viewport=PHONE, is_mobile=True, has_touch=True)
    page.at("#views [data-view=markets]").tap()
    page.at('#markets-list [data-symbol="GOOG"]').tap()
    expect(page.at("#chart")).to_be_visible()
    expect(page.at("#markets")).to_be_hidden()
    for view, panel in (
        ("book", "#book"),
        ("ticket", "#ticket"),
        ("orders", "#orders"),
        ("chart", "#chart"),
    ):
        page.at(f"#views [data-view={view}]").tap()
        expect(page.at(panel)).to_be_visible()
        page.no_horizontal_scroll()
    page.at("#views [data-view=ticket]").tap()
    expect(page.at("#ticket-submit")).to_have_text("Sign in to trade")
