// Exact decimals: text that people type and the integers of minor units that the exchange speaks.
//
// Used by everything that shows or reads a number. Invariants: no floating point on the way from a typed
// text to an order; prices (at most 2^47) and quantities (at most 2^40) fit a Number exactly, money (up to
// 2^61) does not and is a BigInt.
// Decision PAG-2.

const PLAIN = /^(\d+)(?:\.(\d*))?$|^\.(\d+)$/;
const GROUPED = /^\d{1,3}(?:,\d{3})+(?:\.\d*)?$/;

/**
 * Minor units of a typed decimal.
 *
 * Takes "1234.5", "1,234.5", ".5" and full-width digits. Returns `{ value: BigInt }`, or `{ error }` with
 * "empty", "format" (not a plain decimal) or "decimals" (more digits after the point than can be expressed).
 */
export function parseDecimal(text, decimals) {
  let plain = String(text).normalize("NFKC").trim();
  if (plain === "") return { error: "empty" };
  if (GROUPED.test(plain)) plain = plain.replaceAll(",", "");
  const match = PLAIN.exec(plain);
  if (match === null || plain.length > 40) return { error: "format" };
  const whole = match[1] ?? "0";
  const fraction = (match[2] ?? match[3] ?? "").replace(/0+$/, "");
  if (fraction.length > decimals) return { error: "decimals" };
  return { value: BigInt(whole + fraction.padEnd(decimals, "0")) };
}

/** Digits after the point that prices of this tick need: a tick of 100 with 4 decimals needs 2. */
export function shownDecimals(tick, decimals) {
  let shown = decimals;
  let step = BigInt(tick);
  while (shown > 0 && step % 10n === 0n) {
    step /= 10n;
    shown -= 1;
  }
  return shown;
}

/**
 * Text of an integer of minor units.
 *
 * `shown`: digits after the point that are always written; more follow when the value needs them.
 * `separators`: `{ group, decimal }`, of the reader's language.
 */
export function formatMinor(value, decimals, shown = decimals, separators = { group: ",", decimal: "." }) {
  const number = BigInt(value);
  const digits = (number < 0n ? -number : number).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  let fraction = decimals > 0 ? digits.slice(digits.length - decimals) : "";
  let needed = fraction.length;
  while (needed > shown && fraction[needed - 1] === "0") needed -= 1;
  fraction = fraction.slice(0, needed);
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, separators.group);
  const sign = number < 0n ? "\u2212" : "";
  return sign + grouped + (fraction ? separators.decimal + fraction : "");
}

/** The same without groups and with an ASCII minus: what an input field holds. */
export function plainDecimal(value, decimals, shown = decimals) {
  return formatMinor(value, decimals, shown, { group: "", decimal: "." }).replace("\u2212", "-");
}

/** Value of `quantity` at `price` in minor units of the currency, as a BigInt. */
export function orderValue(price, quantity, instrument) {
  const scale = 10n ** BigInt(instrument.currencyDecimals - instrument.priceDecimals);
  return BigInt(price) * BigInt(quantity) * scale;
}

/** Change from `before` to `now` in hundredths of a percent (BigInt, rounded half away from zero), or null. */
export function changeBasisPoints(now, before) {
  if (!now || !before) return null;
  const difference = (BigInt(now) - BigInt(before)) * 20000n;
  const base = BigInt(before);
  const doubled = difference / base;
  return (doubled + (doubled < 0n ? -1n : 1n)) / 2n;
}

/** JSON whose integers of 16 and more digits come as decimal strings (take them with BigInt). */
export function parseJson(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}/g, (token) =>
    token[0] === '"' ? token : `"${token}"`,
  );
  return JSON.parse(quoted);
}
