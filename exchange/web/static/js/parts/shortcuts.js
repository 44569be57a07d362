// Keys that act from anywhere on the page, and the overlay that lists them.
//
// Single keys count only outside of fields and dialogs and without modifiers; they can be switched off in the
// overlay (some people speak to their computer, and single keys are then struck by accident).

import { risingIsRed, setRising, toggleTheme } from "./appearance.js";
import { chooseChartTab } from "../panels/candles_panel.js";
import { byId, make } from "./elements.js";
import { onFrame } from "./frame.js";
import { currentLanguage, setLanguage, t } from "./language.js";
import { cancelEverything, cancelNewest, chooseOrderTab } from "../panels/orders_panel.js";
import { focusTicket } from "../panels/ticket_panel.js";
import { showView } from "./views.js";

const STORED = "exchange.shortcuts";
const FIELDS = "input, select, textarea, [contenteditable]";

export function switchLanguage() {
  setLanguage(currentLanguage() === "en" ? "zh-TW" : "en");
}

function focus(id, view) {
  showView(view);
  byId(id).focus();
}

function orderTab(id) {
  showView("orders");
  chooseOrderTab(id);
  byId(id).focus();
}

const KEYS = [
  ["b", "key.buy", () => focusTicket("buy")],
  ["s", "key.sell", () => focusTicket("sell")],
  ["d", "key.short", () => focusTicket("sell_short")],
  ["/", "key.search", () => focus("markets-search", "markets")],
  ["m", "key.markets", () => focus("markets-list", "markets")],
  ["l", "key.ladder", () => focus("ladder", "book")],
  ["c", "key.candles", () => { showView("chart"); chooseChartTab("tab-candles"); }],
  ["v", "key.depth", () => { showView("chart"); chooseChartTab("tab-depth"); }],
  ["o", "key.open", () => orderTab("tab-open")],
  ["h", "key.history", () => orderTab("tab-history")],
  ["f", "key.fills", () => orderTab("tab-fills")],
  ["p", "key.positions", () => orderTab("tab-positions")],
  ["x", "key.cancelNewest", cancelNewest],
  ["X", "key.cancelAll", cancelEverything],
  ["t", "key.theme", toggleTheme],
  ["g", "key.language", switchLanguage],
  ["?", "key.help", () => openHelp()],
];
// what fields and lists understand themselves; told, not handled here
const TOLD = [
  ["↑ ↓", "key.step"],
  ["PgUp PgDn", "key.stepTen"],
  ["Enter", "key.enter"],
  ["Esc", "key.escape"],
];

export const shortcutsOn = () => localStorage.getItem(STORED) !== "off";

function drawKeys() {
  const rows = [...KEYS, ...TOLD].map(([key, text]) => {
    const keys = key === "X" ? ["Shift", "X"] : key.split(" ").map((name) => (name.length === 1 ? name.toUpperCase() : name));
    return make(
      "div",
      {},
      make("dt", {}, ...keys.map((name) => make("kbd", {}, name))),
      make("dd", {}, t(text)),
    );
  });
  byId("help-keys").replaceChildren(make("dl", {}, ...rows));
}

export function openHelp() {
  drawKeys();
  byId("help-shortcuts").checked = shortcutsOn();
  byId("help-red-up").checked = risingIsRed();
  byId("help-dialog").showModal();
}

function keyPressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  const field = event.target.closest?.(FIELDS);
  if (field) {
    // leave the field; the keys work again
    if (event.key === "Escape") byId("ticket").contains(field) ? byId("ticket").focus() : field.blur();
    return;
  }
  if (!shortcutsOn() && event.key !== "?") return;
  const found = KEYS.find(([key]) => key === event.key) ?? KEYS.find(([key]) => key === event.key.toLowerCase() && key !== "x");
  if (!found) return;
  event.preventDefault();
  found[2]();
}

export function startShortcuts() {
  addEventListener("keydown", keyPressed);
  byId("help-button").addEventListener("click", openHelp);
  byId("theme-button").addEventListener("click", toggleTheme);
  byId("language-button").addEventListener("click", switchLanguage);
  byId("help-shortcuts").addEventListener("change", (event) => {
    localStorage.setItem(STORED, event.target.checked ? "on" : "off");
  });
  byId("help-red-up").addEventListener("change", (event) => {
    setRising(event.target.checked ? "red" : "green");
  });
  onFrame(["language"], () => {
    byId("language-button").textContent = currentLanguage() === "en" ? "中文" : "English";
    byId("language-button").lang = currentLanguage() === "en" ? "zh-Hant-TW" : "en";
    if (byId("help-dialog").open) drawKeys();
  });
}
