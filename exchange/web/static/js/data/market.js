// Public market data: instruments, and of the one that is looked at its book, trades and candles.
//
// Used by everything that shows the market. Kept from the WebSocket; what happened before comes from REST.
// Topics touched: "instruments", "tickers", "selected", "book", "trades", "klines".

import { getInstruments, getKlines, getPublicTrades } from "./api.js";
import { Book } from "./book.js";
import { onMessage, onOpen, resubscribe, subscribe, unsubscribe } from "./connection.js";
import { shownDecimals } from "./decimal.js";
import { touch } from "../parts/frame.js";

export const INTERVALS = ["1m", "5m", "15m", "1h", "1d"];
const TRADES_KEPT = 200;
const KLINES_ASKED = 500;
const TICKERS_FOLLOWED = 100; // instruments whose last price is followed in the list
const STORED_SYMBOL = "exchange.symbol";
const STORED_INTERVAL = "exchange.interval";
const RETRY_MS = 1_500;

export const market = {
  instruments: new Map(), // symbol -> instrument, see readInstrument
  loading: true,
  failure: null, // ApiFailure of the last attempt to load the instruments
  tickers: new Map(), // symbol -> ticker message
  selected: null, // symbol
  book: new Book(""),
  bookResyncs: 0,
  trades: [], // newest first
  tradesLoaded: false,
  interval: INTERVALS.includes(localStorage.getItem(STORED_INTERVAL))
    ? localStorage.getItem(STORED_INTERVAL)
    : "1m",
  klines: new Map(), // start (ms) -> candle, in ascending order
  klinesLoaded: false,
  klineVersion: 0, // counts loads; the chart draws all anew when it changes
  lastKline: null,
};

export const selectedInstrument = () => market.instruments.get(market.selected) ?? null;
export const selectedTicker = () => market.tickers.get(market.selected) ?? null;

/** What a price is compared with: the last close, else the day's reference price. */
export const comparedPrice = (ticker) => ticker?.previous_close ?? ticker?.reference_price ?? null;

const milliseconds = (value) => (typeof value === "string" ? Date.parse(value) : value);

function readInstrument(data) {
  return {
    symbol: data.symbol,
    priceDecimals: data.price_decimals,
    currency: data.currency,
    currencyDecimals: data.currency_decimals,
    tick: data.tick,
    lot: data.lot,
    minimumPrice: data.minimum_price,
    maximumPrice: data.maximum_price,
    maximumQuantity: data.maximum_quantity,
    group: data.group ?? "",
    shownDecimals: shownDecimals(data.tick, data.price_decimals),
  };
}

async function loadInstruments() {
  try {
    const found = await getInstruments();
    market.instruments = new Map(found.map((data) => [data.symbol, readInstrument(data)]));
    market.failure = null;
    market.loading = false;
    subscribe([...market.instruments.keys()].slice(0, TICKERS_FOLLOWED).map((s) => `ticker.${s}`));
    const stored = localStorage.getItem(STORED_SYMBOL);
    const first = market.instruments.has(stored) ? stored : (found[0]?.symbol ?? null);
    if (!market.instruments.has(market.selected) && first !== null) select(first);
    if (found.length === 0) setTimeout(loadInstruments, RETRY_MS);
  } catch (error) {
    market.failure = error;
    setTimeout(loadInstruments, RETRY_MS);
  }
  touch("instruments");
}

const channelsOf = (symbol) => [
  `depth_diff.${symbol}`,
  `trade.${symbol}`,
  `kline.${symbol}.${market.interval}`,
  `ticker.${symbol}`,
];

/** Look at another instrument. */
export function select(symbol) {
  if (symbol === market.selected || !market.instruments.has(symbol)) return;
  const before = market.selected;
  market.selected = symbol;
  localStorage.setItem(STORED_SYMBOL, symbol);
  market.book = new Book(symbol);
  market.trades = [];
  market.tradesLoaded = false;
  if (before !== null) {
    const followed = [...market.instruments.keys()].indexOf(before) < TICKERS_FOLLOWED;
    unsubscribe(channelsOf(before).slice(0, followed ? 3 : 4));
  }
  subscribe(channelsOf(symbol));
  forgetKlines();
  for (const topic of ["selected", "book", "trades", "klines"]) touch(topic);
  loadTrades();
  loadKlines();
}

export function chooseInterval(interval) {
  if (interval === market.interval || !INTERVALS.includes(interval)) return;
  if (market.selected !== null) {
    unsubscribe([`kline.${market.selected}.${market.interval}`]);
    subscribe([`kline.${market.selected}.${interval}`]);
  }
  market.interval = interval;
  localStorage.setItem(STORED_INTERVAL, interval);
  forgetKlines();
  touch("klines");
  loadKlines();
}

async function loadTrades() {
  const symbol = market.selected;
  if (symbol === null) return;
  try {
    const found = await getPublicTrades(symbol, TRADES_KEPT);
    if (symbol !== market.selected) return;
    const known = new Set(market.trades.map((trade) => trade.sequence));
    for (const data of found) {
      const trade = readTrade(data);
      if (!known.has(trade.sequence)) market.trades.push(trade);
    }
    market.trades.sort((a, b) => b.sequence - a.sequence);
    market.trades.length = Math.min(TRADES_KEPT, market.trades.length);
    market.tradesLoaded = true;
    touch("trades");
  } catch {
    if (symbol === market.selected) setTimeout(loadTrades, RETRY_MS);
  }
}

const readTrade = (data) => ({
  sequence: data.sequence,
  timestamp: milliseconds(data.timestamp ?? data.executed_at),
  price: data.price,
  quantity: data.quantity,
  side: data.side,
});

function forgetKlines() {
  market.klines = new Map();
  market.klinesLoaded = false;
  market.lastKline = null;
  market.klineVersion += 1;
}

const readKline = (data) => ({
  start: milliseconds(data.timestamp),
  open: data.open,
  high: data.high,
  low: data.low,
  close: data.close,
  volume: data.volume,
});

let heardKlines = new Map(); // candles that the socket has told since they were last asked for

async function loadKlines() {
  const { selected: symbol, interval } = market;
  if (symbol === null) return;
  const heard = new Map();
  heardKlines = heard;
  const still = () => heard === heardKlines;
  try {
    const found = (await getKlines(symbol, interval, KLINES_ASKED)).map(readKline);
    if (!still()) return;
    const merged = new Map(found.map((candle) => [candle.start, candle]));
    for (const candle of heard.values()) {
      // told by the socket meanwhile; the volume of a candle only grows, so it says which is newer
      const other = merged.get(candle.start);
      if (!other || other.volume <= candle.volume) merged.set(candle.start, candle);
    }
    market.klines = new Map([...merged].sort((a, b) => a[0] - b[0]));
    market.lastKline = [...market.klines.values()].at(-1) ?? null;
    market.klinesLoaded = true;
    market.klineVersion += 1;
    touch("klines");
  } catch {
    if (still()) setTimeout(loadKlines, RETRY_MS);
  }
}

function takeDepth(message) {
  if (message.symbol !== market.selected) return;
  const outcome = market.book.apply(message);
  if (outcome === "gap" || outcome === "checksum") {
    market.bookResyncs += 1;
    resubscribe(`depth_diff.${message.symbol}`);
  }
  touch("book");
}

function takeTrade(message) {
  if (message.symbol !== market.selected) return;
  const trade = readTrade(message);
  if (market.trades.length && trade.sequence <= market.trades[0].sequence) return;
  market.trades.unshift(trade);
  if (market.trades.length > TRADES_KEPT) market.trades.pop();
  touch("trades");
}

function takeKline(message) {
  if (message.symbol !== market.selected || message.interval !== market.interval) return;
  const candle = readKline(message);
  const newest = market.lastKline;
  market.klines.set(candle.start, candle);
  heardKlines.set(candle.start, candle);
  if (newest === null || candle.start >= newest.start) market.lastKline = candle;
  touch("klines");
}

export function startMarket() {
  onMessage("depth_snapshot", takeDepth);
  onMessage("depth_diff", takeDepth);
  onMessage("trade", takeTrade);
  onMessage("gap", (message) => {
    if (message.channel === `trade.${market.selected}`) loadTrades();
  });
  onMessage("kline", takeKline);
  onMessage("ticker", (message) => {
    market.tickers.set(message.symbol, message);
    touch("tickers");
  });
  let opened = 0;
  onOpen(() => {
    market.book.clear();
    touch("book");
    opened += 1;
    if (opened === 1) return;
    loadInstruments(); // there may be new ones
    loadTrades();
    loadKlines();
  });
  loadInstruments();
}
