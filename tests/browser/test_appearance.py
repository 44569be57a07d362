"""Languages, colours and the rules of accessibility that a machine can check."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from trading_page import PHONE, SELLER, TradingPage

OpenPage = Callable[..., TradingPage]

# Contrast of every visible text with what is behind it (WCAG 2.2, 1.4.3): the texts below 4.5 (3 if large).
CONTRAST = """() => {
  const parse = text => { const c = text.match(/[\\d.]+/g).map(Number); return c.length < 4 ? [...c, 1] : c; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const v = c[i] / 255; return sum + weight * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
  const back = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility({ visibilityProperty: true })) continue;
    if (e.closest('.unseen, .skip, :disabled, canvas, option, noscript')) continue;
    const style = getComputedStyle(e);
    const under = back(e), text = over(parse(style.color), under);
    const [a, b] = [light(text), light(under)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const enough = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < enough) found.push(`${e.tagName}#${e.id}.${e.className} "${e.textContent.trim().slice(0, 20)}" ${ratio.toFixed(2)}`);
  }
  return found;
}"""

# Buttons, fields and regions without a name that a screen reader could say.
NAMELESS = """() => [...document.querySelectorAll('button, input, select, [role], dialog, section, nav')]
  .filter(e => e.checkVisibility() && !['row', 'gridcell', 'rowgroup', 'alert', 'status'].includes(e.getAttribute('role')))
  .filter(e => !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim()
      || document.getElementById(e.getAttribute('aria-labelledby'))?.textContent))
  .map(e => e.outerHTML.slice(0, 120))"""


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
    assert PHONE
