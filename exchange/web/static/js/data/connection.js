// The WebSocket: one connection that comes back by itself, with the channels that the page wants.
//
// Used by market.js and account.js, which register handlers by message type. States: "connecting" (the first
// time), "live", "stale" (open, but nothing heard for a while: what is shown may be old), "offline" (waiting
// to try again). Every change of state touches the topic "connection".

import { learnClock, sign, signedIn } from "./credentials.js";
import { parseJson } from "./decimal.js";
import { touch } from "../parts/frame.js";

const STALE_MS = 3_000; // the exchange sends a heartbeat every second
const DEAD_MS = 9_000;
const SIGN_IN_AGAIN_MS = 2_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 4_000;

export const connection = {
  state: "connecting",
  lastHeard: 0, // our clock, milliseconds
  retryAt: 0,
  authenticated: false,
  everLive: false,
};

const handlers = new Map(); // message type -> functions
const wanted = new Set(); // channels
const openListeners = [];
let socket = null;
let retries = 0;
let retryTimer = 0;

/** Call `handle` with every message of `type`. */
export function onMessage(type, handle) {
  if (!handlers.has(type)) handlers.set(type, []);
  handlers.get(type).push(handle);
}

/** Call `handle` whenever a connection has been made anew: what was shown before may have gaps. */
export function onOpen(handle) {
  openListeners.push(handle);
}

function setState(state) {
  if (connection.state !== state) {
    connection.state = state;
    touch("connection");
  }
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

export function subscribe(channels) {
  const fresh = channels.filter((channel) => !wanted.has(channel));
  for (const channel of fresh) wanted.add(channel);
  if (fresh.length) send({ action: "subscribe", channels: fresh });
}

export function unsubscribe(channels) {
  const known = channels.filter((channel) => wanted.delete(channel));
  if (known.length) send({ action: "unsubscribe", channels: known });
}

/** Leave and enter a channel, for a new snapshot. */
export function resubscribe(channel) {
  send({ action: "unsubscribe", channels: [channel] });
  send({ action: "subscribe", channels: [channel] });
}

let askedAt = 0; // when the connection was last signed in, our clock

/** Sign the connection in (after the user did) so that the private channel can be subscribed to. */
export async function authenticate() {
  const opened = socket;
  if (!signedIn() || opened?.readyState !== WebSocket.OPEN) return;
  askedAt = Date.now();
  const signed = await sign("GET", "/ws");
  if (socket !== opened) return; // it broke meanwhile; the next one signs in by itself
  send({ action: "auth", ...signed });
  send({ action: "subscribe", channels: ["orders"] });
}

/** Start anew, for example without the key of before. */
export function reconnect() {
  connection.authenticated = false;
  socket?.close();
}

function opened() {
  retries = 0;
  connection.lastHeard = Date.now();
  connection.authenticated = false;
  connection.everLive = true;
  setState("live");
  touch("connection");
  if (wanted.size) send({ action: "subscribe", channels: [...wanted] });
  authenticate();
  for (const listener of openListeners) listener();
}

function heard(event) {
  connection.lastHeard = Date.now();
  if (connection.state === "stale") setState("live");
  const message = parseJson(event.data);
  if (message.type === "heartbeat") learnClock(message.timestamp);
  for (const handle of handlers.get(message.type) ?? []) handle(message);
}

function closed() {
  socket = null;
  connection.authenticated = false;
  const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** retries) * (0.75 + Math.random() / 2);
  retries += 1;
  connection.retryAt = Date.now() + wait;
  setState("offline");
  clearTimeout(retryTimer);
  retryTimer = setTimeout(connect, wait);
}

export function connect() {
  clearTimeout(retryTimer);
  if (socket !== null) return;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = new WebSocket(`${scheme}//${location.host}/ws`);
  socket = mine;
  mine.onopen = () => socket === mine && opened();
  mine.onmessage = (event) => socket === mine && heard(event);
  mine.onclose = () => socket === mine && closed();
}

function watch() {
  const silent = Date.now() - connection.lastHeard;
  if (socket?.readyState === WebSocket.OPEN) {
    if (silent > DEAD_MS) {
      const dead = socket;
      closed(); // a dead line may take minutes to report its close
      dead.close();
    } else if (silent > STALE_MS) {
      setState("stale");
    }
    // refused for a reason that passes: an exchange that is starting, a clock that is off
    if (!connection.authenticated && Date.now() - askedAt > SIGN_IN_AGAIN_MS) authenticate();
  }
  if (connection.state !== "live") touch("connection");
}

export function startConnection() {
  setInterval(watch, 500);
  addEventListener("online", connect);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) connect();
  });
  connect();
}
