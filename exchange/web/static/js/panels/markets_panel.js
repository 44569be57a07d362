// The list of instruments with last price and change. A listbox: arrow keys choose, the choice is looked at.

import { byId, make } from "../parts/elements.js";
import { onFrame, setAttribute, setText } from "../parts/frame.js";
import { direction } from "./headline.js";
import { percentText, priceText, t } from "../parts/language.js";
import { comparedPrice, market, select } from "../data/market.js";
import { showView } from "../parts/views.js";

const SHOWN = 5000; // rows at most; the search finds the others
const rows = new Map(); // symbol -> { row, symbol, last, change, shown }
let filter = "";

const list = () => byId("markets-list");
const wanted = (symbol) => symbol.toLowerCase().includes(filter);

function createRow(symbol) {
  const name = make("span", { class: "market-symbol" }, symbol);
  const last = make("span", { class: "number" });
  const change = make("span", { class: "number market-change" });
  const row = make(
    "div",
    { role: "option", class: "market-row", id: `market-${rows.size}`, "data-symbol": symbol },
    name,
    last,
    change,
  );
  return { row, last, change };
}

function drawRows() {
  const symbols = [...market.instruments.keys()].filter(wanted).slice(0, SHOWN);
  const elements = symbols.map((symbol) => {
    if (!rows.has(symbol)) rows.set(symbol, createRow(symbol));
    return rows.get(symbol).row;
  });
  list().replaceChildren(...elements);
  const empty = byId("markets-empty");
  let text = "";
  if (market.loading) text = market.failure ? t("markets.failed") : t("markets.loading");
  else if (market.instruments.size === 0) text = t("markets.none");
  else if (symbols.length === 0) text = t("markets.notFound");
  empty.hidden = text === "";
  setText(empty, text);
  drawPrices();
  drawSelected();
}

function drawPrices() {
  for (const [symbol, parts] of rows) {
    const ticker = market.tickers.get(symbol);
    const instrument = market.instruments.get(symbol);
    const compared = comparedPrice(ticker);
    const last = ticker?.last_price ?? null;
    setText(parts.last, priceText(last ?? compared, instrument));
    setText(parts.change, percentText(last, compared));
    setAttribute(parts.row, "data-direction", direction(last, compared));
    setAttribute(parts.row, "data-state", ticker?.state ?? "open");
    setAttribute(parts.last, "data-none", last === null);
  }
}

function drawSelected() {
  for (const [symbol, { row }] of rows) {
    const chosen = symbol === market.selected;
    setAttribute(row, "aria-selected", chosen);
    if (!chosen) row.setAttribute("aria-selected", "false");
  }
  const row = rows.get(market.selected)?.row;
  setAttribute(list(), "aria-activedescendant", row?.isConnected ? row.id : null);
}

function move(step) {
  const symbols = [...market.instruments.keys()].filter(wanted).slice(0, SHOWN);
  if (symbols.length === 0) return;
  const at = symbols.indexOf(market.selected);
  const next = Math.max(0, Math.min(symbols.length - 1, at < 0 ? 0 : at + step));
  select(symbols[next]);
  rows.get(symbols[next]).row.scrollIntoView({ block: "nearest" });
}

function keyPressed(event) {
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -SHOWN, End: SHOWN };
  if (event.key in steps) {
    event.preventDefault();
    move(steps[event.key]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    showView("chart");
  }
}

export function startMarketsPanel() {
  list().addEventListener("click", (event) => {
    const row = event.target.closest("[data-symbol]");
    if (row === null) return;
    select(row.dataset.symbol);
    showView("chart");
  });
  list().addEventListener("keydown", keyPressed);
  const search = byId("markets-search");
  search.addEventListener("input", () => {
    filter = search.value.normalize("NFKC").trim().toLowerCase();
    drawRows();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      const first = [...market.instruments.keys()].find(wanted);
      if (first && event.key === "Enter") select(first);
      event.preventDefault();
      list().focus();
    } else if (event.key === "Escape") {
      search.value = filter = "";
      drawRows();
      list().focus();
    }
  });
  onFrame(["instruments", "language"], drawRows);
  onFrame(["tickers"], drawPrices);
  onFrame(["selected"], drawSelected);
  drawRows();
}
