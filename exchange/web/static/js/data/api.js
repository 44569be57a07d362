// REST: requests to /api/v1, signed when they are private, and answers or errors that can be shown.
//
// Used by market.js, account.js, health.js and the ticket. A failure is an ApiFailure: a code of the exchange, or 0 when
// no answer came. Orders carry a client order id, so that a request whose answer was lost may be sent again
// and never makes a second order.
// Decision PAG-2.

import { canSign, learnClock, newClientOrderId, sign } from "./credentials.js";
import { parseJson } from "./decimal.js";
import { hasText, t } from "../parts/language.js";

const BASE = "/api/v1";
const TIMEOUT_MS = 10_000;
const RESEND_MS = [300, 700, 1500, 2500, 4000, 6000];
const CODE_TIMESTAMP = 2004;
const UNCERTAIN = new Set([0, 3001, 5001, 5002, 5003]); // no answer, or one that says "ask again"

export class ApiFailure extends Error {
  constructor(code, message, data = null) {
    super(message);
    this.code = code;
    this.data = data;
  }

  /** What happened, in the reader's language; the exchange's own words where there are no better ones. */
  get words() {
    const key = `error.${this.code}`;
    return hasText(key) ? t(key) : this.message;
  }
}

async function once(method, path, body, isPrivate) {
  const full = BASE + path;
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  if (isPrivate) {
    const signed = await sign(method, full, text);
    headers["X-API-KEY"] = signed.key;
    headers["X-TIMESTAMP"] = String(signed.timestamp);
    headers["X-NONCE"] = signed.nonce;
    headers["X-SIGNATURE"] = signed.signature;
  }
  let answer;
  try {
    const response = await fetch(full, {
      method,
      headers,
      body: body === undefined ? undefined : text,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = parseJson(await response.text());
  } catch (error) {
    throw new ApiFailure(0, String(error.message ?? error));
  }
  if (answer.code !== 0) throw new ApiFailure(answer.code, answer.message, answer.data);
  return answer.data;
}

async function ask(method, path, body, isPrivate) {
  if (isPrivate && !canSign()) throw new ApiFailure(-1, "WebCrypto is not available");
  try {
    return await once(method, path, body, isPrivate);
  } catch (error) {
    if (!(isPrivate && error.code === CODE_TIMESTAMP)) throw error;
    await readClock(); // our clock is off: learn by how much, then once more
    return once(method, path, body, isPrivate);
  }
}

/** Learn the difference between the exchange's clock and ours. */
export async function readClock() {
  const data = await once("GET", "/time", undefined, false);
  learnClock(data.timestamp);
}

/** How the exchange is; an unhealthy one answers with a failure that has it as its data. */
export const getHealth = () => once("GET", "/health", undefined, false);

const query = (values) => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : "";
};
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const name = encodeURIComponent;

// Ask again while no answer, or no certain one, comes. For requests that may safely be repeated.
async function insist(request) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      if (!UNCERTAIN.has(error.code) || attempt >= RESEND_MS.length) throw error;
      await pause(RESEND_MS[attempt]);
    }
  }
}

export const getInstruments = async () =>
  (await ask("GET", "/instruments", undefined, false)).instruments;
export const getPublicTrades = async (symbol, limit) =>
  (await ask("GET", `/trades/${name(symbol)}${query({ limit })}`, undefined, false)).trades;
export const getKlines = async (symbol, interval, limit) =>
  (await ask("GET", `/klines/${name(symbol)}${query({ interval, limit })}`, undefined, false)).klines;
export const getAccount = () => ask("GET", "/accounts/me", undefined, true);
export const getPositions = async () =>
  (await ask("GET", "/positions", undefined, true)).positions;
export const getOrders = async (filter) =>
  (await ask("GET", `/orders${query(filter)}`, undefined, true)).orders;
export const getOrder = (orderId) => ask("GET", `/orders/${orderId}`, undefined, true);
export const getFills = async (filter) =>
  (await ask("GET", `/trades${query(filter)}`, undefined, true)).trades;

/** Enter an order. Sent again with the same client order id until its outcome is known. */
export function enterOrder(order) {
  const body = { ...order, client_order_id: newClientOrderId() };
  return insist(() => ask("POST", "/orders", body, true));
}

export const cancelOrder = (orderId) => ask("DELETE", `/orders/${orderId}`, undefined, true);
export const cancelAll = (symbol) => ask("DELETE", `/orders${query({ symbol })}`, undefined, true);
export const amendOrder = (orderId, changes) => ask("PATCH", `/orders/${orderId}`, changes, true);
