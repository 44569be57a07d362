// The depth chart: how much could be bought or sold up to each price, as two staircases on a canvas.

import { colour } from "../parts/appearance.js";
import { byId } from "../parts/elements.js";
import { onFrame, setAttribute, setText, touch } from "../parts/frame.js";
import { priceText, quantityText, t } from "../parts/language.js";
import { market, selectedInstrument } from "../data/market.js";

const LEVELS = 60; // of each side at most
const MARGIN = { top: 26, right: 64, bottom: 22, left: 8 };
let size = { width: 0, height: 0 };
let pointer = null; // x in CSS pixels
let font = "11px sans-serif";

function accumulate(levels) {
  let total = 0;
  return levels.map(([price, quantity]) => [price, (total += quantity)]);
}

// The same distance from the middle on both sides, so that the picture does not lean.
function priceRange(bids, asks) {
  const best = bids[0]?.[0] ?? asks[0][0];
  const offer = asks[0]?.[0] ?? bids[0][0];
  const middle = (best + offer) / 2;
  const reach = Math.max(middle - (bids.at(-1)?.[0] ?? middle), (asks.at(-1)?.[0] ?? middle) - middle, 1);
  return [middle - reach * 1.02, middle + reach * 1.02];
}

function draw() {
  const canvas = byId("depth-canvas");
  const cover = byId("depth-cover");
  if (byId("panel-depth").hidden || size.width === 0) return;
  const bids = accumulate(market.book.bids(LEVELS));
  const asks = accumulate(market.book.asks(LEVELS));
  const empty = bids.length + asks.length === 0;
  cover.hidden = !empty;
  setText(cover, market.book.ready ? t("book.empty") : t("book.loading"));
  const context = canvas.getContext("2d");
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(size.width * ratio);
  canvas.height = Math.round(size.height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  if (empty) return setAttribute(canvas, "aria-label", t("book.empty"));

  const [low, high] = priceRange(bids, asks);
  const most = Math.max(bids.at(-1)?.[1] ?? 0, asks.at(-1)?.[1] ?? 0) * 1.08;
  const inner = { width: size.width - MARGIN.left - MARGIN.right, height: size.height - MARGIN.top - MARGIN.bottom };
  const x = (price) => MARGIN.left + ((price - low) / (high - low)) * inner.width;
  const y = (total) => MARGIN.top + inner.height * (1 - total / most);
  drawAxes(context, { low, high, most, x, y });
  drawSide(context, bids, x(low), x, y, "up");
  drawSide(context, asks, x(high), x, y, "down");
  drawPointer(context, { bids, asks, low, high, x, y });
  describe(canvas, bids, asks);
}

function drawSide(context, levels, edge, x, y, tone) {
  if (levels.length === 0) return;
  const bottom = y(0);
  context.beginPath();
  context.moveTo(x(levels[0][0]), bottom);
  let before = bottom;
  for (const [price, total] of levels) {
    context.lineTo(x(price), before);
    before = y(total);
    context.lineTo(x(price), before);
  }
  context.lineTo(edge, before);
  context.strokeStyle = colour(`--${tone}`);
  context.lineWidth = 1.5;
  context.stroke();
  context.lineTo(edge, bottom);
  context.closePath();
  context.fillStyle = colour(`--${tone}-soft`);
  context.fill();
}

function drawAxes(context, { low, high, most, x, y }) {
  const instrument = selectedInstrument();
  context.font = font;
  context.textBaseline = "middle";
  context.strokeStyle = colour("--line-soft");
  context.lineWidth = 1;
  context.fillStyle = colour("--text-dim");
  const step = niceStep(most / 4);
  context.textAlign = "left";
  for (let total = step; total < most; total += step) {
    context.beginPath();
    context.moveTo(MARGIN.left, y(total));
    context.lineTo(size.width - MARGIN.right, y(total));
    context.stroke();
    context.fillText(quantityText(total), size.width - MARGIN.right + 8, y(total));
  }
  const count = size.width > 560 ? 6 : 4;
  context.textAlign = "center";
  for (let index = 0; index < count; index += 1) {
    const raw = low + ((high - low) * (index + 0.5)) / count;
    const price = Math.round(raw / instrument.tick) * instrument.tick;
    context.fillText(priceText(price, instrument), x(price), size.height - MARGIN.bottom / 2);
  }
}

// 1, 2 or 5 times a power of ten, at least 1.
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const times = [1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10;
  return Math.max(1, times * power);
}

function drawPointer(context, { bids, asks, low, high, x, y }) {
  if (pointer === null) return;
  const instrument = selectedInstrument();
  const price = low + ((pointer - MARGIN.left) / (size.width - MARGIN.left - MARGIN.right)) * (high - low);
  const bidSide = bids.length > 0 && price <= bids[0][0];
  const askSide = asks.length > 0 && price >= asks[0][0];
  if (!bidSide && !askSide) return;
  const levels = bidSide ? bids : asks;
  const level = levels.findLast(([at]) => (bidSide ? at >= price : at <= price));
  context.strokeStyle = colour("--text-dim");
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(x(level[0]), MARGIN.top);
  context.lineTo(x(level[0]), y(0));
  context.stroke();
  context.setLineDash([]);
  const text = `${priceText(level[0], instrument)}  ${t("depth.total")} ${quantityText(level[1])}`;
  context.fillStyle = colour("--text");
  context.textAlign = x(level[0]) > size.width / 2 ? "right" : "left";
  context.fillText(text, x(level[0]) + (context.textAlign === "right" ? -6 : 6), MARGIN.top - 12);
}

function describe(canvas, bids, asks) {
  const instrument = selectedInstrument();
  setAttribute(canvas, "aria-label", t("depth.describe", {
    symbol: instrument.symbol,
    bids: quantityText(bids.at(-1)?.[1] ?? 0),
    bid: priceText(bids.at(-1)?.[0], instrument),
    asks: quantityText(asks.at(-1)?.[1] ?? 0),
    ask: priceText(asks.at(-1)?.[0], instrument),
  }));
}

export function startDepthChart() {
  const canvas = byId("depth-canvas");
  font = `11px ${getComputedStyle(document.body).fontFamily}`;
  new ResizeObserver(([entry]) => {
    size = { width: entry.contentRect.width, height: entry.contentRect.height };
    touch("book");
  }).observe(byId("panel-depth"));
  canvas.addEventListener("pointermove", (event) => {
    pointer = event.offsetX;
    touch("book");
  });
  canvas.addEventListener("pointerleave", () => {
    pointer = null;
    touch("book");
  });
  onFrame(["book", "theme", "language", "view"], draw);
}
