// Amending an open order: another price or total quantity.

import { account, takeOrder } from "./account.js";
import { amendOrder } from "./api.js";
import { plainDecimal } from "./decimal.js";
import { closeButtons } from "./dialogs.js";
import { byId } from "./elements.js";
import { setAttribute, setText } from "./frame.js";
import { t } from "./language.js";
import { readPrice, readQuantity } from "./order_form.js";
import { instrumentOf, orderText } from "./order_words.js";
import { toast } from "./toasts.js";

let order = null;

export function openAmend(orderId) {
  order = account.orders.get(orderId) ?? null;
  const instrument = order && instrumentOf(order);
  if (!instrument) return;
  setText(byId("amend-order"), `#${order.order_id} · ${orderText(order)}`);
  const price = byId("amend-price");
  price.value = order.price ? plainDecimal(order.price, instrument.priceDecimals, instrument.shownDecimals) : "";
  price.disabled = !order.price; // market and stop orders have no price to change
  byId("amend-quantity").value = String(order.quantity);
  for (const field of ["price", "quantity"]) show(field, null);
  setText(byId("amend-error"), "");
  byId("amend-dialog").showModal();
  (order.price ? price : byId("amend-quantity")).select();
}

function show(field, problem) {
  setText(byId(`amend-${field}-error`), problem ? t(...problem) : "");
  setAttribute(byId(`amend-${field}`), "aria-invalid", problem ? "true" : null);
}

async function submit(event) {
  event.preventDefault();
  const instrument = instrumentOf(order);
  const quantity = readQuantity(byId("amend-quantity").value, instrument);
  const price = order.price ? readPrice(byId("amend-price").value, instrument) : { value: undefined };
  show("quantity", quantity.problem);
  show("price", price.problem);
  if (quantity.problem || price.problem) return;
  const changes = {};
  if (quantity.value !== order.quantity) changes.quantity = quantity.value;
  if (order.price && price.value !== order.price) changes.price = price.value;
  if (Object.keys(changes).length === 0) return byId("amend-dialog").close();
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
