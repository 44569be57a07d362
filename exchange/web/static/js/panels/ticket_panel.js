// The order ticket: every kind of order, checked before it is sent, with the outcome in words.

import { account, balanceOf, positionOf, takeOrder } from "../data/account.js";
import { enterOrder } from "../data/api.js";
import { connection } from "../data/connection.js";
import { signedIn } from "../data/credentials.js";
import { orderValue, parseDecimal, plainDecimal } from "../data/decimal.js";
import { byId, make, markChosen, rovingGroup } from "../parts/elements.js";
import { onFrame, setAttribute, setText, touch } from "../parts/frame.js";
import { priceText, quantityText, shortMoneyText, t } from "../parts/language.js";
import { market, selectedInstrument, selectedTicker } from "../data/market.js";
import { buildOrder, EXPIRE_UNITS, fieldsOf, KINDS } from "../data/order_form.js";
import { orderOutcome } from "../parts/order_words.js";
import { openSignIn } from "./sign_dialog.js";
import { announce } from "../parts/toasts.js";
import { showView } from "../parts/views.js";

const INPUTS = {
  price: "ticket-price",
  stop_price: "ticket-stop",
  quantity: "ticket-quantity",
  display_quantity: "ticket-display",
  minimum_quantity: "ticket-minimum",
  expire: "ticket-expire",
};
// Of the money that is available, in 1/1000: the rest is for fees, and for orders without a limit also for
// the price up to which the exchange lets them trade, which is above the one that is seen.
const FUNDS_LIMIT = 998n;
const FAR_PERCENT = 10; // from the last price on
const FUNDS_MARKET = 880n;
let side = "buy";
let sending = 0; // orders on their way
let outcome = null; // { tone, text() }

const input = (field) => byId(INPUTS[field]);
const kind = () => byId("ticket-kind").value || "limit";
const validity = () => byId("ticket-validity").value || "day";

function fields() {
  const values = Object.fromEntries(Object.keys(INPUTS).map((name) => [name, input(name).value]));
  return {
    ...values,
    side,
    kind: kind(),
    validity: validity(),
    expire_unit: byId("ticket-expire-unit").value,
    reprice: byId("ticket-reprice").checked,
    exempt: byId("ticket-exempt").checked,
  };
}

function fillSelect(select, values, prefix) {
  const before = select.value;
  select.replaceChildren(...values.map((value) => make("option", { value }, t(`${prefix}.${value}`))));
  if (values.includes(before)) select.value = before;
}

function drawChoices() {
  fillSelect(byId("ticket-kind"), Object.keys(KINDS), "kind");
  fillSelect(byId("ticket-validity"), KINDS[kind()].validities, "validity");
  fillSelect(byId("ticket-expire-unit"), Object.keys(EXPIRE_UNITS), "unit");
  const shown = new Set(fieldsOf(kind(), validity(), side));
  for (const element of byId("ticket-form").querySelectorAll("[data-field]")) {
    element.hidden = !shown.has(element.dataset.field);
  }
}

export function chooseSide(next) {
  side = next;
  const group = byId("ticket-sides");
  markChosen(group, "[role=radio]", group.querySelector(`[data-side="${next}"]`), "aria-checked");
  byId("ticket").dataset.side = next === "buy" ? "buy" : "sell";
  drawChoices();
  clearProblems();
  touch("ticket");
}

/** Put a price of the book into the ticket. */
export function pickPrice(price) {
  const instrument = selectedInstrument();
  if (instrument === null) return;
  const text = plainDecimal(price, instrument.priceDecimals, instrument.shownDecimals);
  if (kind() === "market") {
    byId("ticket-kind").value = "limit";
    drawChoices();
  }
  const field = kind() === "stop" ? "stop_price" : "price";
  input(field).value = text;
  showProblem(field, null);
  announce(t("ticket.picked", { price: priceText(price, instrument) }));
  touch("ticket");
}

function showProblem(field, problem) {
  const element = input(field);
  setAttribute(element, "aria-invalid", problem ? "true" : null);
  setText(byId(`${INPUTS[field]}-error`), problem ? t(...problem) : "");
}

function clearProblems() {
  for (const field of Object.keys(INPUTS)) showProblem(field, null);
}

/** Price that the order would about trade at, for sums: its own, else the market's. */
function estimatePrice(values, instrument) {
  const field = { limit: "price", iceberg: "price", post_only: "price", stop_limit: "price", stop: "stop_price" }[values.kind];
  if (field) return parseDecimal(values[field], instrument.priceDecimals).value ?? null;
  const best = values.side === "buy" ? market.book.bestAsk : market.book.bestBid;
  return best ?? selectedTicker()?.last_price ?? null;
}

// A limit that is far from the market, in the direction that costs: told, not forbidden.
function farText(values, instrument) {
  const ticker = selectedTicker();
  const last = ticker?.last_price ?? ticker?.reference_price;
  const price = parseDecimal(values.price ?? "", instrument.priceDecimals).value;
  if (values.kind === "market" || values.kind === "stop" || !last || !price) return "";
  const away = Math.round((100 * (Number(price) - last)) / last);
  const costly = values.side === "buy" ? away : -away;
  return costly >= FAR_PERCENT ? t("ticket.far", { percent: String(Math.abs(away)), price: priceText(last, instrument) }) : "";
}

function drawWarning(values, instrument) {
  if (input("price").getAttribute("aria-invalid") !== "true") setText(byId(`${INPUTS.price}-error`), farText(values, instrument));
}

function drawSums() {
  const instrument = selectedInstrument();
  const value = byId("ticket-value");
  const available = byId("ticket-available");
  if (instrument === null) return;
  const values = fields();
  drawWarning(values, instrument);
  const price = estimatePrice(values, instrument);
  const quantity = parseDecimal(values.quantity, 0).value ?? null;
  const about = values.kind === "market" || values.kind === "stop" ? "≈ " : "";
  setText(
    value,
    price && quantity
      ? `${about}${shortMoneyText(orderValue(price, quantity, instrument), instrument.currencyDecimals)} ${instrument.currency}`
      : "–",
  );
  if (!account.loaded) setText(available, "–");
  else if (side === "buy") {
    const balance = balanceOf(instrument.currency);
    setText(available, `${balance ? shortMoneyText(balance.available, balance.decimals) : "0"} ${instrument.currency}`);
  } else setText(available, `${quantityText(positionOf(instrument.symbol)?.available ?? 0)} ${instrument.symbol}`);
  byId("ticket-shares").hidden = !account.loaded || side === "sell_short";
}

function drawButton() {
  const instrument = selectedInstrument();
  const button = byId("ticket-submit");
  const offline = connection.state !== "live"; // also while no data comes: the market is not known
  let text = t(`submit.${side}`, { symbol: instrument?.symbol ?? "" });
  if (!signedIn()) text = t("submit.signIn");
  else if (offline) text = t("submit.offline");
  else if (sending > 0) text = t("submit.sending");
  setText(button, text);
  button.disabled = instrument === null || (signedIn() && (offline || sending > 0));
  setAttribute(button, "data-plain", !signedIn() || offline);
}

function drawUnits() {
  const instrument = selectedInstrument();
  setText(byId("ticket-price-unit"), instrument ? `${instrument.currency} · ${t("ticket.tick", { tick: priceText(instrument.tick, instrument) })}` : "");
  setText(byId("ticket-lot"), instrument ? t("ticket.lot", { lot: quantityText(instrument.lot) }) : "");
}

function drawOutcome() {
  const element = byId("ticket-outcome");
  setAttribute(element, "data-tone", outcome?.tone ?? null);
  setText(element, outcome ? outcome.text() : "");
}

function say(tone, text) {
  outcome = { tone, text };
  drawOutcome();
}

async function submit(event) {
  event.preventDefault();
  if (!signedIn()) return openSignIn();
  const instrument = selectedInstrument();
  if (instrument === null || sending > 0) return;
  clearProblems();
  const { order, problems } = buildOrder(fields(), instrument);
  if (problems) {
    for (const [field, problem] of Object.entries(problems)) showProblem(field, problem);
    input(Object.keys(INPUTS).find((field) => field in problems)).focus();
    return say("bad", () => t("ticket.check"));
  }
  sending += 1;
  say("plain", () => t("submit.sending"));
  drawButton();
  const focused = document.activeElement;
  try {
    const entered = await enterOrder(order);
    takeOrder(entered);
    say(entered.status === "rejected" ? "bad" : "good", () => orderOutcome(entered));
  } catch (error) {
    if (error.data?.order_id) takeOrder(error.data);
    say("bad", () => error.words);
  } finally {
    sending -= 1;
    drawButton();
    // the button was disabled meanwhile: the focus would be lost
    if (document.activeElement === document.body) focused?.focus();
  }
}

// Arrow keys step through ticks and lots; Page Up and Down through ten of them.
function stepValue(event) {
  const times = { ArrowUp: 1n, ArrowDown: -1n, PageUp: 10n, PageDown: -10n }[event.key];
  const instrument = selectedInstrument();
  const field = Object.keys(INPUTS).find((name) => INPUTS[name] === event.target.id);
  if (times === undefined || instrument === null || field === undefined || field === "expire") return;
  event.preventDefault();
  const isPrice = field === "price" || field === "stop_price";
  const decimals = isPrice ? instrument.priceDecimals : 0;
  const step = BigInt(isPrice ? instrument.tick : instrument.lot);
  const typed = parseDecimal(event.target.value, decimals).value;
  const start = BigInt(typed ?? (isPrice ? (selectedTicker()?.last_price ?? 0) : 0));
  const on = start - (start % step);
  const next = typed === undefined && isPrice && start > 0n ? on : on + times * step;
  const value = next < step ? step : next;
  event.target.value = plainDecimal(value, decimals, isPrice ? instrument.shownDecimals : 0);
  touch("ticket");
}

function pickShare(percent) {
  const instrument = selectedInstrument();
  if (instrument === null) return;
  let most;
  if (side === "buy") {
    const price = estimatePrice(fields(), instrument);
    const balance = balanceOf(instrument.currency);
    if (!price || !balance) return showProblem("price", ["problem.empty", {}]);
    const share = kind() === "market" || kind() === "stop" ? FUNDS_MARKET : FUNDS_LIMIT;
    most = (balance.available * share) / 1000n / orderValue(price, 1, instrument);
  } else most = BigInt(positionOf(instrument.symbol)?.available ?? 0);
  const lot = BigInt(instrument.lot);
  const limit = BigInt(instrument.maximumQuantity);
  let quantity = (most * BigInt(percent)) / 100n;
  if (quantity > limit) quantity = limit;
  quantity -= quantity % lot;
  input("quantity").value = quantity > 0n ? String(quantity) : "";
  showProblem("quantity", quantity > 0n ? null : ["problem.nothing", {}]);
  touch("ticket");
}

function pickBest() {
  const best = side === "buy" ? market.book.bestAsk : market.book.bestBid;
  const price = best ?? selectedTicker()?.last_price;
  if (price) pickPrice(price);
}

/** Bring the ticket up and put the cursor into its quantity. */
export function focusTicket(next) {
  showView("ticket");
  chooseSide(next);
  input("quantity").focus();
  input("quantity").select();
}

export function startTicketPanel() {
  drawChoices();
  byId("ticket-validity").value = "day";
  rovingGroup(byId("ticket-sides"), "[role=radio]", (button) => chooseSide(button.dataset.side));
  const form = byId("ticket-form");
  form.addEventListener("submit", submit);
  form.addEventListener("keydown", stepValue);
  form.addEventListener("input", (event) => {
    const field = Object.keys(INPUTS).find((name) => INPUTS[name] === event.target.id);
    if (field) showProblem(field, null);
    touch("ticket");
  });
  byId("ticket-kind").addEventListener("change", () => {
    byId("ticket-validity").value = "";
    drawChoices();
    byId("ticket-validity").selectedIndex = 0;
    drawChoices();
    clearProblems();
    touch("ticket");
  });
  byId("ticket-validity").addEventListener("change", () => {
    drawChoices();
    touch("ticket");
  });
  byId("ticket-best").addEventListener("click", pickBest);
  byId("ticket-shares").addEventListener("click", (event) => {
    if (event.target.dataset.share) pickShare(Number(event.target.dataset.share));
  });
  onFrame(["ticket", "selected", "book", "balances", "language"], drawSums);
  onFrame(["connection", "session", "selected", "language", "ticket", "instruments"], drawButton);
  onFrame(["selected", "language", "instruments"], drawUnits);
  onFrame(["language"], () => {
    drawChoices();
    drawOutcome();
  });
  onFrame(["selected"], () => {
    for (const field of ["price", "stop_price", "quantity", "display_quantity", "minimum_quantity"]) {
      input(field).value = "";
    }
    clearProblems();
    outcome = null;
    drawOutcome();
  });
  chooseSide("buy");
  drawButton();
}
