// Amending an open order: another price, stop price or total quantity.

import { account, takeOrder } from "../data/account.js";
import { amendOrder } from "../data/api.js";
import { plainDecimal } from "../data/decimal.js";
import { closeButtons } from "../parts/dialogs.js";
import { byId } from "../parts/elements.js";
import { setAttribute, setText } from "../parts/frame.js";
import { t } from "../parts/language.js";
import { readPrice, readQuantity } from "../data/order_form.js";
import { instrumentOf, orderText } from "../parts/order_words.js";
import { toast } from "../parts/toasts.js";

let order = null;

// field of the dialog -> field of the order
const PRICES = { price: "price", stop: "stop_price" };

export function openAmend(orderId) {
  order = account.orders.get(orderId) ?? null;
  const instrument = order && instrumentOf(order);
  if (!instrument) return;
  setText(byId("amend-order"), `#${order.order_id} · ${orderText(order)}`);
  for (const [field, name] of Object.entries(PRICES)) {
    const price = order[name];
    byId(`amend-${field}-field`).hidden = !price;
    byId(`amend-${field}`).value = price
      ? plainDecimal(price, instrument.priceDecimals, instrument.shownDecimals)
      : "";
    show(field, null);
  }
  byId("amend-quantity").value = String(order.quantity);
  show("quantity", null);
  setText(byId("amend-error"), "");
  byId("amend-dialog").showModal();
  byId("amend-dialog").querySelector(".field:not([hidden]) input").select();
}

function show(field, problem) {
  setText(byId(`amend-${field}-error`), problem ? t(...problem) : "");
  setAttribute(byId(`amend-${field}`), "aria-invalid", problem ? "true" : null);
}

// What differs from the order: `{ changes }`, or null when a field is wrong (and marked).
function readChanges() {
  const instrument = instrumentOf(order);
  const read = { quantity: readQuantity(byId("amend-quantity").value, instrument) };
  for (const [field, name] of Object.entries(PRICES)) {
    if (order[name]) read[field] = readPrice(byId(`amend-${field}`).value, instrument);
  }
  for (const [field, { problem }] of Object.entries(read)) show(field, problem);
  if (Object.values(read).some(({ problem }) => problem)) return null;
  const changes = {};
  for (const [field, { value }] of Object.entries(read)) {
    const name = PRICES[field] ?? field;
    if (value !== order[name]) changes[name] = value;
  }
  return changes;
}

async function submit(event) {
  event.preventDefault();
  const changes = readChanges();
  if (changes === null) return;
  if (Object.keys(changes).length === 0) {
    byId("amend-dialog").close();
    return;
  }
  byId("amend-submit").disabled = true;
  try {
    const amended = await amendOrder(order.order_id, changes);
    takeOrder(amended);
    byId("amend-dialog").close();
    toast(t("amend.done", { order: orderText(amended) }), "good");
  } catch (error) {
    setText(byId("amend-error"), error.words);
  } finally {
    byId("amend-submit").disabled = false;
  }
}

export function startAmend() {
  closeButtons(byId("amend-dialog"));
  byId("amend-form").addEventListener("submit", submit);
}
