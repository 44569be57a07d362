// The API key: kept for this browser tab, used to sign requests.
//
// Used by api.js and connection.js. The secret lies in sessionStorage only (gone with the tab) and never
// leaves the browser: what is sent is an HMAC-SHA256 made by WebCrypto, which browsers offer on https and on
// localhost only ("secure contexts").

const STORED = "exchange.key";
const CLOCK_CHANGED_MS = 2_000; // a clock that differs by more was set, or is the first that we hear of
const text = new TextEncoder();

let current = null; // { key, signer }
let clockOffset = 0; // the exchange's clock minus ours, milliseconds

export const canSign = () => Boolean(globalThis.isSecureContext && globalThis.crypto?.subtle);
export const signedIn = () => current !== null;
export const keyName = () => current?.key ?? "";

async function load(key, secret) {
  const signer = await crypto.subtle.importKey(
    "raw",
    text.encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  current = { key, signer };
}

/** Sign with a key from now on. */
export async function useKey(key, secret) {
  await load(key, secret);
}

/** Keep a key over reloads, until the tab is closed or the user signs out. */
export function rememberKey(key, secret) {
  sessionStorage.setItem(STORED, JSON.stringify({ key, secret }));
}

/** Take up the key of before a reload. Returns whether there was one. */
export async function restoreKey() {
  const stored = sessionStorage.getItem(STORED);
  if (stored === null || !canSign()) return false;
  try {
    const { key, secret } = JSON.parse(stored);
    await load(key, secret);
    return true;
  } catch {
    forgetKey();
    return false;
  }
}

export function forgetKey() {
  current = null;
  sessionStorage.removeItem(STORED);
}

/**
 * Tell what the exchange's clock showed just now, so that a wrong clock here does no harm.
 *
 * Messages come late, never early: of readings that nearly agree the one that was least late counts.
 */
export function learnClock(exchangeMilliseconds) {
  const offset = exchangeMilliseconds - Date.now();
  if (offset > clockOffset || clockOffset - offset > CLOCK_CHANGED_MS) clockOffset = offset;
}

export const exchangeNow = () => Math.round(Date.now() + clockOffset);

function randomText() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** `{ key, timestamp, nonce, signature }` for one request. `path` with its query, as it is sent. */
export async function sign(method, path, body = "") {
  const { key, signer } = current;
  const timestamp = exchangeNow();
  const nonce = randomText();
  const signed = text.encode([method, path, timestamp, nonce, body].join("\n"));
  const bytes = new Uint8Array(await crypto.subtle.sign("HMAC", signer, signed));
  const signature = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { key, timestamp, nonce, signature };
}

/** A fresh client order id, 14 characters. */
export const newClientOrderId = () => randomText().slice(0, 14);
