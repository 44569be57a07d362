// Candles with volume, drawn by the lightweight-charts library (window.LightweightCharts).
//
// Prices go into it as integers, and its labels are made by our own formatter: no price is rounded. The library is put in place when the exchange is installed; without it the panel says so.

import { colour } from "../parts/appearance.js";
import { byId, make, markChosen, rovingGroup, startTabs } from "../parts/elements.js";
import { onFrame, setText, touch } from "../parts/frame.js";
import { direction } from "./headline.js";
import { dateText, fullTimeText, minuteText, priceText, quantityText, t } from "../parts/language.js";
import { chooseInterval, INTERVALS, market, selectedInstrument } from "../data/market.js";

let chart = null;
let candles = null;
let volumes = null;
let drawnVersion = -1;
let drawnStart = 0;
let pointedAt = null; // start of the candle under the pointer, ms
let timeOf = 0;

function options() {
  const text = colour("--text-dim");
  const line = colour("--line-soft");
  return {
    layout: {
      background: { type: "solid", color: colour("--panel") },
      textColor: text,
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
    },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: colour("--line"), scaleMargins: { top: 0.08, bottom: 0.24 } },
    timeScale: { borderColor: colour("--line"), timeVisible: true, rightOffset: 4, tickMarkFormatter },
    crosshair: { mode: 0, vertLine: { labelBackgroundColor: colour("--accent-strong") }, horzLine: { labelBackgroundColor: colour("--accent-strong") } },
    localization: { locale: document.documentElement.lang, timeFormatter: (time) => fullTimeText(time * 1000) },
    handleScale: { axisPressedMouseMove: true },
  };
}

function tickMarkFormatter(time, kind) {
  return kind < 3 ? dateText(time * 1000) : minuteText(time * 1000);
}

function seriesColours() {
  const up = colour("--up");
  const down = colour("--down");
  candles.applyOptions({
    upColor: up, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down,
  });
}

const seconds = (candle) => candle.start / 1000;

// Prices are shown to the library as numbers of ticks: integers, so that it labels whole ticks only.
function asCandle(candle) {
  const tick = selectedInstrument()?.tick ?? 1;
  return {
    time: seconds(candle),
    open: candle.open / tick,
    high: candle.high / tick,
    low: candle.low / tick,
    close: candle.close / tick,
  };
}

const asVolume = (candle) => ({
  time: seconds(candle),
  value: candle.volume,
  color: candle.close >= candle.open ? colour("--up-volume") : colour("--down-volume"),
});

function build() {
  const library = globalThis.LightweightCharts;
  if (!library) return;
  chart = library.createChart(byId("candles"), { ...options(), autoSize: true });
  candles = chart.addCandlestickSeries({ priceLineVisible: true });
  volumes = chart.addHistogramSeries({ priceScaleId: "volume", priceFormat: { type: "volume" }, priceLineVisible: false, lastValueVisible: false });
  chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  chart.subscribeCrosshairMove((parameters) => {
    pointedAt = parameters.time ? parameters.time * 1000 : null;
    touch("legend");
  });
  seriesColours();
}

function draw() {
  drawCover();
  if (chart === null) return;
  if (drawnVersion !== market.klineVersion) {
    const instrument = selectedInstrument();
    candles.applyOptions({
      priceFormat: {
        type: "custom",
        minMove: 1,
        formatter: (ticks) => priceText(Math.round(ticks) * (instrument?.tick ?? 1), instrument),
      },
    });
    const all = [...market.klines.values()].sort((a, b) => a.start - b.start);
    candles.setData(all.map(asCandle));
    volumes.setData(all.map(asVolume));
    drawnVersion = market.klineVersion;
    drawnStart = all.at(-1)?.start ?? 0;
    if (timeOf !== `${market.selected} ${market.interval}` && all.length > 0) {
      timeOf = `${market.selected} ${market.interval}`;
      chart.timeScale().setVisibleLogicalRange({ from: all.length - Math.min(120, Math.max(40, all.length)), to: all.length + 4 });
      candles.priceScale().applyOptions({ autoScale: true });
    }
  } else {
    // the newest candle, and those before it that have closed since
    for (const candle of market.klines.values()) {
      if (candle.start < drawnStart) continue;
      candles.update(asCandle(candle));
      volumes.update(asVolume(candle));
    }
    drawnStart = market.lastKline?.start ?? drawnStart;
  }
  drawLegend();
}

function drawCover() {
  const cover = byId("candles-cover");
  let text = "";
  if (chart === null) text = t("chart.missing");
  else if (!market.klinesLoaded) text = t("chart.loading");
  else if (market.klines.size === 0) text = t("chart.empty");
  cover.hidden = text === "";
  setText(cover, text);
}

function drawLegend() {
  const candle = market.klines.get(pointedAt) ?? market.lastKline;
  const legend = byId("chart-legend");
  const instrument = selectedInstrument();
  if (!candle || !instrument) {
    legend.replaceChildren();
    return;
  }
  const parts = [["O", candle.open], ["H", candle.high], ["L", candle.low], ["C", candle.close]]
    .map(([letter, price]) => [letter, priceText(price, instrument)]);
  parts.push(["V", quantityText(candle.volume)]);
  legend.dataset.direction = direction(candle.close, candle.open);
  if (legend.childElementCount !== parts.length) {
    legend.replaceChildren(...parts.flatMap(() => [document.createTextNode(""), make("b")]));
  }
  parts.forEach(([letter, text], index) => {
    legend.childNodes[index * 2].data = t(`legend.${letter}`);
    setText(legend.children[index], text);
  });
}

function recolour() {
  if (chart === null) return;
  chart.applyOptions(options());
  seriesColours();
  market.klineVersion += 1; // volumes have colours of their own
  draw();
}

function drawIntervals() {
  const group = byId("intervals");
  if (group.childElementCount === 0) {
    for (const interval of INTERVALS) {
      group.append(make("button", { type: "button", role: "radio", "data-interval": interval }));
    }
  }
  for (const button of group.children) setText(button, t(`interval.${button.dataset.interval}`));
  markChosen(group, "[role=radio]", group.querySelector(`[data-interval="${market.interval}"]`), "aria-checked");
}

export let chooseChartTab = () => {};

export function startCandlesPanel() {
  build();
  drawIntervals();
  rovingGroup(byId("intervals"), "[role=radio]", (button) => {
    chooseInterval(button.dataset.interval);
    drawIntervals();
  });
  chooseChartTab = startTabs(byId("chart-tabs"), (id) => {
    byId("chart").dataset.tab = id;
    touch("view");
    touch("book");
  });
  onFrame(["klines"], draw);
  onFrame(["legend", "language"], drawLegend);
  onFrame(["theme", "language"], recolour);
  onFrame(["language"], drawIntervals);
  draw();
}
