// Orders in words: what became of one, its kind, its validity. Used by the ticket, the tables and the toasts.

import { hasText, priceText, quantityText, t } from "./language.js";
import { market } from "../data/market.js";

export const instrumentOf = (order) => market.instruments.get(order.symbol) ?? null;

export const sideTone = (side) => (side === "buy" ? "buy" : "sell");

export const sideText = (order) => t(`side.${order.side}`);

export function kindText(order) {
  if (order.post_only) return t("kind.post_only");
  if (order.display_quantity) return t("kind.iceberg");
  return t(`kind.${order.type}`);
}

export function validityText(order) {
  if (!order.time_in_force) return "–"; // of a rejected order it is not known
  const key = `validity.short.${order.time_in_force}`;
  return hasText(key) ? t(key) : String(order.time_in_force);
}

export const statusText = (order) => t(`status.${order.status}`);

/** Why the exchange refused or cancelled an order; empty when it did not. */
export function reasonText(order) {
  if (order.status === "rejected" && order.reject_code) {
    const code = order.reject_code < 10_000 ? order.reject_code + 10_000 : order.reject_code;
    return hasText(`error.${code}`) ? t(`error.${code}`) : String(order.reject_reason ?? order.reject_code);
  }
  if (order.status !== "expired" && order.cancel_reason && order.cancel_reason !== "user") {
    const key = `cancelled.${order.cancel_reason}`;
    return hasText(key) ? t(key) : String(order.cancel_reason);
  }
  return "";
}

export const limitText = (order) => (order.price ? priceText(order.price, instrumentOf(order)) : t("price.market"));

export const stopText = (order) => (order.stop_price ? priceText(order.stop_price, instrumentOf(order)) : "–");

function orderPriceText(order) {
  const values = { stop: stopText(order), price: limitText(order) };
  return order.stop_price ? t("price.stop", values) : values.price;
}

/** "Buy 100 AAPL at 150.00". */
export function orderText(order) {
  return t("order.text", {
    side: sideText(order),
    quantity: quantityText(order.quantity),
    symbol: order.symbol,
    price: orderPriceText(order),
  });
}

/** The average price of what an order has traded, an integer; null when it has traded nothing. */
export function tradedPrice(order) {
  if (!order.filled_quantity || order.filled_value === undefined) return null;
  return BigInt(order.filled_value) / BigInt(order.filled_quantity);
}

// Of an order that has traded, the price at which it did and not its limit.
function tradedText(order) {
  const price = tradedPrice(order);
  if (order.status !== "filled" || price === null) return orderText(order);
  return t("order.text", {
    side: sideText(order),
    quantity: quantityText(order.filled_quantity),
    symbol: order.symbol,
    price: priceText(price, instrumentOf(order)),
  });
}

/** What became of an order that was just entered. */
export function orderOutcome(order) {
  const values = {
    order: tradedText(order),
    id: order.order_id,
    filled: quantityText(order.filled_quantity),
    quantity: quantityText(order.quantity),
    reason: reasonText(order),
  };
  const key = `outcome.${order.status}`;
  const text = t(hasText(key) ? key : "outcome.new", values);
  return values.reason && order.status !== "rejected" ? `${text} ${values.reason}` : text;
}
