// The top line: what is looked at, its last price and day, and in which state it trades.

import { byId } from "../parts/elements.js";
import { onFrame, setAttribute, setText } from "../parts/frame.js";
import { differenceText, percentText, priceText, quantityText, t, timeText } from "../parts/language.js";
import { comparedPrice, market, selectedInstrument, selectedTicker } from "../data/market.js";

/** "up", "down" or "flat": which colour a price gets. */
export function direction(now, before) {
  if (!now || !before || now === before) return "flat";
  return now > before ? "up" : "down";
}

function draw() {
  const instrument = selectedInstrument();
  const ticker = selectedTicker();
  setText(byId("headline-symbol"), instrument?.symbol ?? "–");
  const compared = comparedPrice(ticker);
  const last = ticker?.last_price ?? null;
  setText(byId("headline-last"), priceText(last ?? compared, instrument));
  setAttribute(byId("headline"), "data-direction", direction(last, compared));
  const change = last && compared
    ? `${differenceText(last, compared, instrument)} (${percentText(last, compared)})`
    : "";
  setText(byId("headline-change"), change);
  for (const [id, field] of [["high", "high"], ["low", "low"], ["open", "open"]]) {
    setText(byId(`headline-${id}`), priceText(ticker?.[field], instrument));
  }
  setText(byId("headline-previous"), priceText(compared, instrument));
  setText(byId("headline-volume"), ticker ? quantityText(ticker.volume) : "–");
  drawState(ticker, instrument);
  const price = last ? priceText(last, instrument) : "";
  const title = instrument ? `${instrument.symbol} ${price} · ${t("brand")}` : t("brand");
  if (document.title !== title) document.title = title;
}

function drawState(ticker, instrument) {
  const element = byId("headline-state");
  const state = ticker?.state ?? "open";
  element.hidden = state === "open";
  setAttribute(element, "data-state", state);
  let text = t(`state.${state}`);
  if (state === "halted" && ticker.until) text += ` ${t("state.until", { time: timeText(ticker.until) })}`;
  if (state === "auction" && ticker.auction_price) {
    text += ` ${priceText(ticker.auction_price, instrument)} × ${quantityText(ticker.auction_volume)}`;
  }
  setText(element, text);
}

export function startHeadline() {
  onFrame(["selected", "tickers", "instruments", "language"], draw);
  draw();
}

export const stateOf = (symbol) => market.tickers.get(symbol)?.state ?? "open";
