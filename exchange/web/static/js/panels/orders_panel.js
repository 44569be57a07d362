// Open orders with cancel and amend, history, fills and positions: four tabs.

import { account, closedOrders, onReport, openOrders, takeOrder } from "../data/account.js";
import { openAmend } from "./amend_dialog.js";
import { cancelAll, cancelOrder } from "../data/api.js";
import { signedIn } from "../data/credentials.js";
import { orderValue } from "../data/decimal.js";
import { confirmAction } from "../parts/dialogs.js";
import { byId, make, startTabs } from "../parts/elements.js";
import { onFrame, setText, touch } from "../parts/frame.js";
import { dateTimeText, moneyText, priceText, quantityText, shortMoneyText, t } from "../parts/language.js";
import { market, select } from "../data/market.js";
import {
  instrumentOf, kindText, limitText, orderOutcome, orderText, reasonText, sideText, sideTone, statusText, stopText,
  tradedPrice, validityText,
} from "../parts/order_words.js";
import { makeTable } from "../parts/tables.js";
import { toast } from "../parts/toasts.js";
import { showView } from "../parts/views.js";

const HISTORY_SHOWN = 100;
const FILLS_SHOWN = 100;
const FILLS_TOGETHER_MS = 400; // an order that is filled in many parts is told once
const cancelling = new Set(); // ids of orders whose cancel is on its way
export let chooseOrderTab = () => {};

const when = (text) => dateTimeText(Date.parse(text));

const ORDER_COLUMNS = [
  { name: "column.time", text: (order) => when(order.created_at), className: "dim nowrap seldom" },
  { name: "column.symbol", text: (order) => order.symbol, className: "strong" },
  { name: "column.side", text: sideText, tone: (order) => sideTone(order.side) },
  { name: "column.kind", text: kindText, className: "nowrap" },
  { name: "column.validity", text: validityText, className: "dim nowrap optional" },
  { name: "column.price", text: limitText, right: true },
  { name: "column.stop", text: stopText, right: true },
  { name: "column.quantity", text: (order) => quantityText(order.quantity), right: true },
  { name: "column.filled", text: (order) => quantityText(order.filled_quantity), right: true },
];

function createButtons(cell, order) {
  const data = { "data-order": order.order_id };
  cell.append(
    make("button", { type: "button", class: "small plain", "data-do": "amend", ...data }),
    make("button", { type: "button", class: "small danger", "data-do": "cancel", ...data }),
  );
}

function updateButtons(cell, order) {
  const [amend, cancel] = cell.children;
  setText(amend, t("button.amend"));
  setText(cancel, t(cancelling.has(order.order_id) ? "button.cancelling" : "button.cancel"));
  amend.setAttribute("aria-label", t("label.amend", { order: orderText(order) }));
  cancel.setAttribute("aria-label", t("label.cancel", { order: orderText(order) }));
  amend.disabled = cancelling.has(order.order_id);
  cancel.disabled = cancelling.has(order.order_id);
}

async function cancel(orderId) {
  if (cancelling.has(orderId)) return;
  cancelling.add(orderId);
  touch("orders");
  try {
    takeOrder(await cancelOrder(orderId));
  } catch (error) {
    toast(error.words, "bad");
  } finally {
    cancelling.delete(orderId);
    touch("orders");
  }
}

async function cancelEverything() {
  const count = openOrders().length;
  if (count === 0) return;
  const sure = await confirmAction(t("cancelAll.title"), t("cancelAll.text", { count }), t("orders.cancelAll"));
  if (!sure) return;
  try {
    await cancelAll();
    toast(t("cancelAll.done"), "good");
  } catch (error) {
    toast(error.words, "bad");
  }
}

export { cancelEverything };

/** Cancel, if the user is sure, the order in the shown instrument that was entered last and is open. */
export async function cancelNewest() {
  const newest = openOrders().find((order) => order.symbol === market.selected);
  if (!newest) return;
  const text = t("cancelNewest.text", { order: orderText(newest) });
  if (await confirmAction(t("cancelNewest.title"), text, t("cancelNewest.yes"))) cancel(newest.order_id);
}

function averagePrice(order) {
  const average = tradedPrice(order);
  return average === null ? "–" : priceText(average, instrumentOf(order));
}

function startTables() {
  const markSide = (row, item) => {
    row.dataset.side = sideTone(item.side);
  };
  const drawOpen = makeTable(
    byId("panel-open"),
    "orders.open",
    [
      ...ORDER_COLUMNS,
      { name: "column.status", text: statusText, className: "dim nowrap" },
      { className: "actions", create: createButtons, update: updateButtons },
    ],
    (order) => order.order_id,
    markSide,
  );
  const drawHistory = makeTable(
    byId("panel-history"),
    "orders.history",
    [
      ...ORDER_COLUMNS,
      { name: "column.average", text: averagePrice, right: true },
      {
        name: "column.status",
        text: (order) => [statusText(order), reasonText(order)].filter(Boolean).join(" · "),
        tone: (order) => (order.status === "rejected" ? "bad" : null),
        className: "status-cell",
      },
    ],
    (order) => order.order_id,
    markSide,
  );
  const drawFills = makeTable(
    byId("panel-fills"),
    "orders.fills",
    [
      { name: "column.time", text: (fill) => dateTimeText(fill.timestamp), className: "dim nowrap" },
      { name: "column.symbol", text: (fill) => fill.symbol, className: "strong" },
      { name: "column.side", text: sideText, tone: (fill) => sideTone(fill.side) },
      { name: "column.price", text: (fill) => priceText(fill.price, instrumentOf(fill)), right: true },
      { name: "column.quantity", text: (fill) => quantityText(fill.quantity), right: true },
      { name: "column.value", text: fillValue, right: true },
      { name: "column.fee", text: fillFee, right: true },
      { name: "column.role", text: (fill) => (fill.liquidity ? t(`role.${fill.liquidity}`) : "–"), className: "dim" },
      { name: "column.order", text: (fill) => `#${fill.orderId}`, right: true, className: "dim" },
    ],
    (fill) => `${fill.sequence} ${fill.orderId}`,
    markSide,
  );
  const drawPositions = makeTable(
    byId("panel-positions"),
    "orders.positions",
    [
      { name: "column.symbol", create: createSymbol, update: (cell, p) => setText(cell.firstChild, p.symbol) },
      { name: "column.quantity", text: (position) => quantityText(position.quantity), right: true, tone: (p) => (p.quantity < 0 ? "sell" : null) },
      { name: "column.available", text: (position) => quantityText(position.available), right: true },
      { name: "column.frozen", text: (position) => quantityText(position.frozen), right: true },
      { name: "column.averageCost", text: averageCost, right: true },
      { name: "column.last", text: (position) => priceText(lastPrice(position.symbol), instrumentOf(position)), right: true },
      { name: "column.marketValue", text: marketValue, right: true },
      { name: "column.result", text: (position) => resultText(position), right: true, tone: resultTone },
    ],
    (position) => position.symbol,
  );
  const why = (key) => t(!signedIn() ? "orders.signIn" : account.loaded ? key : "orders.loading");
  onFrame(["orders", "session", "language", "instruments"], () => {
    const open = openOrders();
    drawOpen(open, why("orders.noneOpen"));
    drawHistory(closedOrders().slice(0, HISTORY_SHOWN), why("orders.noneClosed"));
    setText(byId("open-count"), signedIn() && open.length ? quantityText(open.length) : "");
    byId("cancel-all").hidden = open.length === 0;
  });
  onFrame(["fills", "session", "language", "instruments"], () => {
    drawFills(account.fills.slice(0, FILLS_SHOWN), why("orders.noFills"));
  });
  onFrame(["balances", "session", "language", "tickers"], () => {
    const held = account.positions.filter((position) => position.quantity !== 0 || position.frozen !== 0);
    drawPositions(held, why("orders.noPositions"));
    setText(byId("position-count"), held.length ? quantityText(held.length) : "");
  });
}

function fillValue(fill) {
  const instrument = instrumentOf(fill);
  return instrument ? shortMoneyText(orderValue(fill.price, fill.quantity, instrument), instrument.currencyDecimals) : "–";
}

function fillFee(fill) {
  const instrument = instrumentOf(fill);
  return instrument && fill.fee !== null ? moneyText(fill.fee, instrument.currencyDecimals) : "–";
}

function createSymbol(cell) {
  cell.append(make("button", { type: "button", class: "link", "data-do": "select" }));
}

const lastPrice = (symbol) =>
  market.tickers.get(symbol)?.last_price ?? market.tickers.get(symbol)?.reference_price ?? null;

function averageCost(position) {
  const instrument = instrumentOf(position);
  if (!instrument || position.quantity === 0) return "–";
  return moneyText(position.totalCost / BigInt(position.quantity), instrument.currencyDecimals);
}

// Value at the last price and result against the cost, in minor units of the currency, or null.
function valued(position) {
  const instrument = instrumentOf(position);
  const price = lastPrice(position.symbol);
  if (!instrument || !price) return null;
  const value = orderValue(price, position.quantity, instrument);
  return { value, result: value - position.totalCost, decimals: instrument.currencyDecimals };
}

function marketValue(position) {
  const known = valued(position);
  return known ? shortMoneyText(known.value, known.decimals) : "–";
}

function resultText(position) {
  const known = valued(position);
  if (!known) return "–";
  return (known.result > 0n ? "+" : "") + shortMoneyText(known.result, known.decimals);
}

function resultTone(position) {
  const result = valued(position)?.result ?? 0n;
  if (result === 0n) return null;
  return result > 0n ? "up" : "down";
}

function pressed(event) {
  const button = event.target.closest("[data-do]");
  if (button === null) return;
  const orderId = Number(button.dataset.order);
  if (button.dataset.do === "cancel") cancel(orderId);
  else if (button.dataset.do === "amend") openAmend(orderId);
  else {
    select(button.textContent);
    showView("chart");
  }
}

// Fills that were not told yet: `{ order, quantity, value }` by order id.
const untold = new Map();

function tellFills() {
  for (const { order, quantity, value } of untold.values()) {
    const values = {
      quantity: quantityText(quantity),
      symbol: order.symbol,
      price: priceText(value / BigInt(quantity), instrumentOf(order)),
      side: sideText(order),
    };
    toast(t("report.filled", values), "good");
  }
  untold.clear();
}

function noteFill(report) {
  if (untold.size === 0) setTimeout(tellFills, FILLS_TOGETHER_MS);
  const known = untold.get(report.order.order_id) ?? { quantity: 0, value: 0n };
  known.order = report.order;
  known.quantity += report.last_quantity;
  known.value += BigInt(report.last_price) * BigInt(report.last_quantity);
  untold.set(report.order.order_id, known);
}

// What others or the exchange do to our orders is told; what an order did at once, the ticket has told.
function tellReport(report) {
  const order = report.order;
  // a trade of its own entry; in an auction every trade is a taker's, long after the entry
  const entered =
    report.liquidity === "taker" &&
    order.created_at === order.updated_at &&
    (order.type === "limit" || order.type === "market");
  if (report.last_quantity) {
    if (!entered) noteFill(report);
  } else if (order.status === "cancelled" && order.cancel_reason && order.cancel_reason !== "user") {
    if (order.time_in_force !== "ioc" && order.time_in_force !== "fok") toast(orderOutcome(order), "bad");
  } else if (report.event === "triggered") {
    toast(t("report.triggered", { order: orderText(order) }), "plain");
  }
}

export function startOrdersPanel() {
  startTables();
  chooseOrderTab = startTabs(byId("order-tabs"));
  byId("orders").addEventListener("click", pressed);
  byId("cancel-all").addEventListener("click", cancelEverything);
  onReport(tellReport);
  touch("orders");
  touch("fills");
  touch("balances");
}
