// From what was typed into the ticket to the order that is sent, or to what is wrong with it.
//
// Used by the ticket and the amend dialog. Pure: no document, no network. Prices and quantities go from decimal
// text to integers of minor units without floating point; problems are keys of the dictionary with values.

import { parseDecimal } from "./decimal.js";
import { priceText, quantityText } from "../parts/language.js";

// kind -> which fields and which validities it has; the first validity is the default
export const KINDS = {
  limit: { fields: ["price"], validities: ["day", "system_hours", "gtt", "ioc", "fok"] },
  market: { fields: [], validities: ["ioc", "fok", "day"] },
  stop: { fields: ["stop_price"], validities: ["day", "system_hours", "gtt"] },
  stop_limit: { fields: ["stop_price", "price"], validities: ["day", "system_hours", "gtt"] },
  iceberg: { fields: ["price", "display_quantity"], validities: ["day", "system_hours", "gtt"] },
  post_only: { fields: ["price", "reprice"], validities: ["day", "system_hours", "gtt"] },
};
export const EXPIRE_UNITS = { seconds: 1, minutes: 60, hours: 3600 };
const LONGEST_S = 99_997;
const ICEBERG_PARTS = 100;

/** Names of the fields that an order of this kind and validity shows. */
export function fieldsOf(kind, validity, side) {
  const fields = ["quantity", ...KINDS[kind].fields];
  if (validity === "gtt") fields.push("expire");
  if (validity === "ioc") fields.push("minimum_quantity");
  if (side === "sell_short") fields.push("exempt");
  return fields;
}

/** A price as `{ value }` (Number of minor units) or `{ problem: [key, values] }`. */
export function readPrice(text, instrument) {
  const { value, error } = parseDecimal(text, instrument.priceDecimals);
  if (error === "empty") return { problem: ["problem.empty", {}] };
  if (error === "format") return { problem: ["problem.number", {}] };
  const tick = priceText(instrument.tick, instrument);
  if (error === "decimals" || value % BigInt(instrument.tick) !== 0n) {
    return { problem: ["problem.tick", { tick }] };
  }
  if (value < BigInt(instrument.minimumPrice) || value > BigInt(instrument.maximumPrice)) {
    const values = {
      minimum: priceText(instrument.minimumPrice, instrument),
      maximum: priceText(instrument.maximumPrice, instrument),
    };
    return { problem: ["problem.priceRange", values] };
  }
  return { value: Number(value) };
}

/** A quantity in the same way; `least` and `most` bound it. */
export function readQuantity(text, instrument, least = instrument.lot, most = instrument.maximumQuantity) {
  const { value, error } = parseDecimal(text, 0);
  if (error === "empty") return { problem: ["problem.empty", {}] };
  if (error === "format") return { problem: ["problem.number", {}] };
  if (error === "decimals" || value % BigInt(instrument.lot) !== 0n) {
    return { problem: ["problem.lot", { lot: quantityText(instrument.lot) }] };
  }
  if (value < BigInt(least)) return { problem: ["problem.least", { least: quantityText(least) }] };
  if (value > BigInt(most)) return { problem: ["problem.most", { most: quantityText(most) }] };
  return { value: Number(value) };
}

function readExpire(fields) {
  const { value, error } = parseDecimal(fields.expire, 0);
  if (error === "empty") return { problem: ["problem.empty", {}] };
  if (error) return { problem: ["problem.number", {}] };
  const seconds = value * BigInt(EXPIRE_UNITS[fields.expire_unit]);
  if (seconds < 1n || seconds > BigInt(LONGEST_S)) return { problem: ["problem.expire", {}] };
  return { value: Number(seconds) };
}

/**
 * The order of these fields (texts as typed): `{ order }` ready to be sent, or `{ problems }`: field ->
 * [dictionary key, values].
 */
export function buildOrder(fields, instrument) {
  const { kind, validity, side } = fields;
  const shown = new Set(fieldsOf(kind, validity, side));
  const problems = {};
  const read = (name, result) => {
    if (result.problem) problems[name] = result.problem;
    return result.value;
  };
  const order = {
    symbol: instrument.symbol,
    side: side === "sell_short" && fields.exempt ? "sell_short_exempt" : side,
    type: kind === "iceberg" || kind === "post_only" ? "limit" : kind,
    time_in_force: validity,
    quantity: read("quantity", readQuantity(fields.quantity, instrument)),
  };
  if (shown.has("price")) order.price = read("price", readPrice(fields.price, instrument));
  if (shown.has("stop_price")) order.stop_price = read("stop_price", readPrice(fields.stop_price, instrument));
  if (shown.has("display_quantity")) {
    const most = order.quantity ?? instrument.maximumQuantity;
    const parts = Math.ceil(most / ICEBERG_PARTS / instrument.lot) * instrument.lot;
    const least = order.quantity ? Math.max(instrument.lot, parts) : instrument.lot;
    order.display_quantity = read(
      "display_quantity",
      readQuantity(fields.display_quantity, instrument, least, most),
    );
  }
  if (shown.has("minimum_quantity") && fields.minimum_quantity.trim() !== "") {
    order.minimum_quantity = read(
      "minimum_quantity",
      readQuantity(fields.minimum_quantity, instrument, instrument.lot, order.quantity),
    );
  }
  if (shown.has("expire")) order.expire_seconds = read("expire", readExpire(fields));
  if (kind === "post_only") {
    order.post_only = true;
    order.reprice = Boolean(fields.reprice);
  }
  return Object.keys(problems).length ? { problems } : { order };
}
