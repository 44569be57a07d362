// The reader's language: texts from dictionary.js, numbers and times as that language writes them.
//
// Used by everything that shows something. Elements of index.html name their texts: `data-text` (content),
// `data-label` (aria-label), `data-hint` (placeholder), `data-title` (title). The choice is kept in
// localStorage; without one the browser's language decides.

import { changeBasisPoints, formatMinor } from "../data/decimal.js";
import { DICTIONARY } from "./dictionary.js";
import { touch } from "./frame.js";

const STORED = "exchange.language";
export const LANGUAGES = { en: "en", "zh-TW": "zh-Hant-TW" };

let language = "en";
let separators = { group: ",", decimal: "." };
let formats = {};

function preferred() {
  const stored = localStorage.getItem(STORED);
  if (stored in LANGUAGES) return stored;
  return (navigator.languages ?? []).some((tag) => /^zh/i.test(tag)) ? "zh-TW" : "en";
}

export function currentLanguage() {
  return language;
}

/** The text called `key`; `{name}` in it is replaced by `values.name`. */
export function t(key, values = {}) {
  const text = DICTIONARY[language][key] ?? DICTIONARY.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function hasText(key) {
  return key in DICTIONARY.en;
}

/** Switch to a language (a key of LANGUAGES) and write every text of the page anew. */
export function setLanguage(next, remember = true) {
  language = next in LANGUAGES ? next : "en";
  if (remember) localStorage.setItem(STORED, language);
  document.documentElement.lang = LANGUAGES[language];
  const locale = LANGUAGES[language];
  const parts = new Intl.NumberFormat(locale).formatToParts(12345.6);
  separators = {
    group: parts.find((part) => part.type === "group")?.value ?? ",",
    decimal: parts.find((part) => part.type === "decimal")?.value ?? ".",
  };
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const day = { month: "2-digit", day: "2-digit" };
  formats = {
    time: new Intl.DateTimeFormat(locale, clock),
    minute: new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    dateTime: new Intl.DateTimeFormat(locale, { ...day, ...clock }),
    full: new Intl.DateTimeFormat(locale, { year: "numeric", ...day, ...clock }),
    compact: new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 }),
    date: new Intl.DateTimeFormat(locale, day),
  };
  translate(document);
  touch("language");
}

export function startLanguage() {
  setLanguage(preferred(), false);
}

/** Write the texts that the elements under `root` name. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = t(element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(element.dataset.label));
  }
  for (const element of root.querySelectorAll("[data-hint]")) {
    element.setAttribute("placeholder", t(element.dataset.hint));
  }
  for (const element of root.querySelectorAll("[data-title]")) {
    element.setAttribute("title", t(element.dataset.title));
  }
}

/** A price with the digits that the instrument's tick needs; an en dash where there is none. */
export function priceText(price, instrument) {
  if (price === null || price === undefined || !instrument) return "–";
  return formatMinor(price, instrument.priceDecimals, instrument.shownDecimals, separators);
}

export function quantityText(quantity) {
  if (quantity === null || quantity === undefined) return "–";
  return formatMinor(quantity, 0, 0, separators);
}

/** A quantity in few characters: "120K". */
export function shortQuantityText(quantity) {
  return quantity < 100_000 ? quantityText(quantity) : formats.compact.format(quantity);
}

/** An amount of money with at least two digits after the point (if its currency has them). */
export function moneyText(amount, decimals) {
  if (amount === null || amount === undefined) return "–";
  return formatMinor(amount, decimals, Math.min(2, decimals), separators);
}

/** The same rounded to two digits, for sums where more would only be noise. */
export function shortMoneyText(amount, decimals) {
  if (decimals <= 2) return moneyText(amount, decimals);
  const unit = 10n ** BigInt(decimals - 2);
  const value = BigInt(amount);
  const rounded = (value < 0n ? value - unit / 2n : value + unit / 2n) / unit;
  return formatMinor(rounded, 2, 2, separators);
}

/** "+1.25%"; an en dash where there is nothing to compare. */
export function percentText(now, before) {
  const points = changeBasisPoints(now, before);
  if (points === null) return "–";
  const sign = points > 0n ? "+" : "";
  return `${sign}${formatMinor(points, 2, 2, separators)}%`;
}

export function differenceText(now, before, instrument) {
  if (!now || !before) return "–";
  const difference = now - before;
  return (difference > 0 ? "+" : "") + priceText(difference, instrument);
}


export const timeText = (milliseconds) => formats.time.format(milliseconds);
export const minuteText = (milliseconds) => formats.minute.format(milliseconds);
/** The time of something that was mostly today: with the date only if it was not. */
export function dateTimeText(milliseconds) {
  const today = new Date(milliseconds).toDateString() === new Date().toDateString();
  return (today ? formats.time : formats.dateTime).format(milliseconds);
}
export const fullTimeText = (milliseconds) => formats.full.format(milliseconds);
export const dateText = (milliseconds) => formats.date.format(milliseconds);
