// The trade tape: the newest trades first, coloured by who came later.

import { byId, keyedRows, make } from "../parts/elements.js";
import { onFrame, setText } from "../parts/frame.js";
import { priceText, quantityText, t, timeText } from "../parts/language.js";
import { market, selectedInstrument } from "../data/market.js";

const SHOWN = 60;

function create() {
  return make(
    "tr",
    {},
    make("td", { class: "number dim" }),
    make("td", { class: "number right tape-price" }),
    make("td", { class: "number right" }),
  );
}

function fill(row, trade) {
  const instrument = selectedInstrument();
  row.dataset.side = trade.side;
  setText(row.children[0], timeText(trade.timestamp));
  setText(row.children[1], priceText(trade.price, instrument));
  setText(row.children[2], quantityText(trade.quantity));
}

export function startTapePanel() {
  const draw = keyedRows(byId("tape-rows"), (trade) => `${market.selected} ${trade.sequence}`, create, fill);
  onFrame(["trades", "selected", "language"], () => {
    draw(market.trades.slice(0, SHOWN));
    const empty = byId("tape-empty");
    empty.hidden = market.trades.length > 0;
    setText(empty, market.tradesLoaded ? t("tape.empty") : t("tape.loading"));
  });
}
