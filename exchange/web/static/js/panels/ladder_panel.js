// The ladder: the best levels of the book, asks above, bids below, with own orders marked.
//
// A click or Enter on a level puts its price into the ticket. The keyboard's cursor holds on to a price, not
// to a row, so that a book that moves does not move it. How many rows fit is known from a ResizeObserver;
// drawing measures nothing.

import { isOpen, account } from "../data/account.js";
import { byId, make } from "../parts/elements.js";
import { onFrame, setAttribute, setText, touch } from "../parts/frame.js";
import { direction } from "./headline.js";
import { priceText, quantityText, shortQuantityText, t } from "../parts/language.js";
import { comparedPrice, market, selectedInstrument, selectedTicker } from "../data/market.js";

const MOST_ROWS = 40;
let rowsPerSide = 12;
let cursor = null; // price that the keyboard is at
const sides = { asks: [], bids: [] }; // rows, best first
let pick = () => {};

function createRow(side, index) {
  const parts = {
    bar: make("span", { class: "ladder-bar", "aria-hidden": "true" }),
    mine: make("span", { class: "ladder-mine number", role: "gridcell" }),
    quantity: make("span", { class: "ladder-quantity number", role: "gridcell" }),
    price: make("span", { class: "ladder-price number", role: "gridcell" }),
    total: make("span", { class: "ladder-total number", role: "gridcell" }),
  };
  const row = make(
    "div",
    { class: "ladder-row", role: "row", id: `ladder-${side}-${index}` },
    parts.bar,
    parts.mine,
    parts.quantity,
    parts.price,
    parts.total,
  );
  return { row, ...parts, value: null };
}

function fitRows() {
  for (const side of ["asks", "bids"]) {
    const rows = sides[side];
    while (rows.length < rowsPerSide) {
      rows.push(createRow(side, rows.length));
      byId(`ladder-${side}`).append(rows.at(-1).row);
    }
    while (rows.length > rowsPerSide) rows.pop().row.remove();
  }
}

function ownQuantities() {
  const own = new Map();
  for (const order of account.orders.values()) {
    if (!isOpen(order) || order.symbol !== market.selected || !order.price) continue;
    if (order.status === "waiting" || order.status === "pending_review") continue; // not in the book
    own.set(order.price, (own.get(order.price) ?? 0) + order.remaining_quantity);
  }
  return own;
}

function drawSide(side, levels, own, most) {
  const instrument = selectedInstrument();
  let total = 0;
  sides[side].forEach((parts, index) => {
    const level = levels[index];
    parts.value = level?.[0] ?? null;
    setAttribute(parts.row, "data-empty", level === undefined);
    if (level === undefined) {
      for (const part of [parts.mine, parts.quantity, parts.price, parts.total]) setText(part, "");
      parts.bar.style.transform = "scaleX(0)";
      setAttribute(parts.row, "data-cursor", false);
      return;
    }
    total += level[1];
    const mine = own.get(level[0]);
    setText(parts.mine, mine ? shortQuantityText(mine) : "");
    setText(parts.quantity, quantityText(level[1]));
    setText(parts.price, priceText(level[0], instrument));
    setText(parts.total, quantityText(total));
    parts.bar.style.transform = `scaleX(${(total / most).toFixed(3)})`;
    setAttribute(parts.row, "data-cursor", level[0] === cursor);
  });
}

const sum = (levels) => levels.reduce((total, level) => total + level[1], 0);

function draw() {
  fitRows();
  const { book } = market;
  const bids = book.bids(rowsPerSide);
  const asks = book.asks(rowsPerSide);
  const own = ownQuantities();
  const most = Math.max(sum(bids), sum(asks), 1);
  drawSide("asks", asks, own, most);
  drawSide("bids", bids, own, most);
  drawMiddle(bids, asks);
  const cover = byId("ladder-cover");
  const empty = bids.length + asks.length === 0;
  cover.hidden = !empty;
  setText(cover, book.ready ? t("book.empty") : t("book.loading"));
  setAttribute(byId("book"), "data-loading", !book.ready);
  const active = allRows().find((parts) => parts.value !== null && parts.value === cursor);
  setAttribute(byId("ladder"), "aria-activedescendant", active?.row.id ?? null);
}

function drawMiddle(bids, asks) {
  const instrument = selectedInstrument();
  const ticker = selectedTicker();
  const last = ticker?.last_price ?? null;
  setText(byId("ladder-last"), last ? priceText(last, instrument) : "–");
  setAttribute(byId("ladder"), "data-direction", direction(last, comparedPrice(ticker)));
  const spread = bids.length && asks.length ? asks[0][0] - bids[0][0] : null;
  setText(byId("ladder-spread"), spread === null ? "" : `${t("book.spread")} ${priceText(spread, instrument)}`);
}

// Rows as one sees them, from the highest price down.
const allRows = () => [...sides.asks].reverse().concat(sides.bids);

function move(step) {
  const rows = allRows().filter((parts) => parts.value !== null);
  if (rows.length === 0) return;
  let at = rows.findIndex((parts) => parts.value <= cursor);
  if (cursor === null) at = rows.findIndex((parts) => parts.value === market.book.bestBid);
  else if (at < 0) at = rows.length - 1;
  else if (rows[at].value !== cursor && step > 0) at -= 1; // the level is gone: the next one below
  const next = cursor === null ? Math.max(0, at) : Math.max(0, Math.min(rows.length - 1, at + step));
  cursor = rows[next].value;
  touch("book");
}

function keyPressed(event) {
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 };
  if (event.key in steps) {
    event.preventDefault();
    move(steps[event.key]);
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    if (cursor !== null) pick(cursor);
  } else if (event.key === "Escape") {
    cursor = null;
    touch("book");
  }
}

/** Start; `pickPrice` is called with the price of a level that was chosen. */
export function startLadderPanel(pickPrice) {
  pick = pickPrice;
  const ladder = byId("ladder");
  // what was under the pointer when it went down counts, not what is there when it comes up
  let pressed = null;
  ladder.addEventListener("pointerdown", (event) => {
    const row = event.target.closest(".ladder-row");
    pressed = allRows().find((parts) => parts.row === row)?.value ?? null;
  });
  ladder.addEventListener("click", () => {
    if (pressed !== null) pick(pressed);
    pressed = null;
  });
  ladder.addEventListener("keydown", keyPressed);
  new ResizeObserver(([entry]) => {
    const height = Number.parseFloat(getComputedStyle(ladder).getPropertyValue("--row")) || 20;
    const fits = Math.floor((entry.contentRect.height - height * 1.6) / 2 / height);
    const count = Math.max(4, Math.min(MOST_ROWS, fits));
    if (count !== rowsPerSide) {
      rowsPerSide = count;
      touch("book");
    }
  }).observe(ladder);
  onFrame(["selected"], () => {
    cursor = null;
  });
  onFrame(["book", "orders", "selected", "language", "tickers"], draw);
  draw();
}
