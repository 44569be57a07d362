// The signed-in account: orders, fills, balances and positions.
//
// Used by the order tables, the ticket and the ladder. Reports of the private channel are applied as they come;
// after each (re)connect everything is read again by REST. Invariant: of an order the newest version counts,
// by the sequence of its report or its time of update. Topics: "session", "orders", "fills", "balances".

import { getAccount, getFills, getOrder, getOrders, getPositions } from "./api.js";
import { authenticate, connection, onMessage, onOpen, reconnect } from "./connection.js";
import { forgetKey, rememberKey, restoreKey, signedIn, useKey } from "./credentials.js";
import { touch } from "../parts/frame.js";

const FILLS_KEPT = 200;
const ORDERS_KEPT = 500;
const OPEN_ASKED = 500;
const RECENT_ASKED = 100;
const RETRY_MS = 1_500;
const CODE_KEY_UNKNOWN = 2002;
const CODE_ORDER_NOT_FOUND = 4001;
const OPEN_STATUSES = new Set(["new", "partial_filled", "pending_review", "waiting"]);

export const account = {
  number: null,
  orders: new Map(), // order id -> order as the exchange writes it
  fills: [], // newest first
  balances: [], // { currency, decimals, balance, frozen, available } money as BigInt
  positions: [],
  loaded: false,
  signedOutBy: 0, // the error code that ended the session; told once (sign_dialog.js)
};
const reportListeners = [];
let loading = 0;

export const isOpen = (order) => OPEN_STATUSES.has(order.status);
const newestFirst = (a, b) => b.order_id - a.order_id;
export const openOrders = () => [...account.orders.values()].filter(isOpen).sort(newestFirst);
export const closedOrders = () =>
  [...account.orders.values()].filter((order) => !isOpen(order)).sort(newestFirst);
export const positionOf = (symbol) =>
  account.positions.find((position) => position.symbol === symbol) ?? null;
export const balanceOf = (currency) =>
  account.balances.find((balance) => balance.currency === currency) ?? null;

/** Call `tell` with every execution report as it comes. */
export function onReport(tell) {
  reportListeners.push(tell);
}

/** Take an order that an answer or a report carries, unless a newer version is known. */
export function takeOrder(order) {
  const known = account.orders.get(order.order_id);
  // times are RFC 3339 of one length: they compare as texts
  if (known && known.updated_at > order.updated_at) return;
  account.orders.set(order.order_id, order);
  const replaced = account.orders.get(order.replaces);
  if (replaced && isOpen(replaced)) {
    // nothing more is told of the order that this one stands for
    const changes = { status: "replaced", remaining_quantity: 0, replaced_by: order.order_id };
    account.orders.set(replaced.order_id, { ...replaced, ...changes });
  }
  if (account.orders.size > ORDERS_KEPT * 2) {
    for (const old of closedOrders().slice(ORDERS_KEPT)) account.orders.delete(old.order_id);
  }
  touch("orders");
}

const readBalance = (data) => ({
  currency: data.currency,
  decimals: data.decimals,
  balance: BigInt(data.balance),
  frozen: BigInt(data.frozen_balance),
  available: BigInt(data.available_balance),
});

const readPosition = (data) => ({
  symbol: data.symbol,
  quantity: data.quantity,
  frozen: data.frozen_quantity,
  available: data.available_quantity,
  totalCost: BigInt(data.total_cost),
});

const readFill = (data) => ({
  sequence: data.sequence,
  timestamp: data.timestamp ?? Date.parse(data.executed_at),
  symbol: data.symbol,
  side: data.side,
  price: data.price,
  quantity: data.quantity,
  liquidity: data.liquidity,
  fee: data.fee === null || data.fee === undefined ? null : BigInt(data.fee),
  orderId: data.order_id,
});

async function loadMoney() {
  const [own, positions] = await Promise.all([getAccount(), getPositions()]);
  account.number = own.account;
  account.balances = own.balances.map(readBalance);
  account.positions = positions.map(readPosition);
  touch("balances");
}

/** Read everything of the account; again and again until it works or the user signs out. */
export async function loadAccount() {
  loading += 1;
  const mine = loading;
  const before = openOrders();
  try {
    const [open, recent, fills] = await Promise.all([
      getOrders({ status: "open", limit: OPEN_ASKED }),
      getOrders({ limit: RECENT_ASKED }),
      getFills({ limit: RECENT_ASKED }),
      loadMoney(),
    ]);
    if (mine !== loading || !signedIn()) return;
    // what reports have said meanwhile stays: they may be newer
    for (const order of [...recent, ...open]) takeOrder(order);
    for (const fill of fills.map(readFill)) takeFill(fill);
    account.loaded = true;
    for (const topic of ["session", "orders", "fills", "balances"]) touch(topic);
    const told = new Set([...open, ...recent].map((order) => order.order_id));
    await Promise.all(before.filter((order) => !told.has(order.order_id)).map(findOut));
  } catch (error) {
    if (mine !== loading || !signedIn()) return;
    if (error.code === CODE_KEY_UNKNOWN) signOut(error.code);
    else setTimeout(() => mine === loading && signedIn() && loadAccount(), RETRY_MS);
  }
}

// What became of an order that was open before the connection broke.
async function findOut(order) {
  try {
    takeOrder(await getOrder(order.order_id));
  } catch (error) {
    if (error.code !== CODE_ORDER_NOT_FOUND) throw error;
    account.orders.delete(order.order_id);
    touch("orders");
  }
}

function takeFill(fill) {
  const place = account.fills.findIndex((other) => other.sequence <= fill.sequence);
  const at = place < 0 ? account.fills.length : place;
  for (let index = at; account.fills[index]?.sequence === fill.sequence; index += 1) {
    if (account.fills[index].orderId === fill.orderId) return; // told twice
  }
  account.fills.splice(at, 0, fill);
  account.fills.length = Math.min(FILLS_KEPT, account.fills.length);
  touch("fills");
}

function takeReport(report) {
  takeOrder(report.order);
  if (report.last_quantity) {
    takeFill(
      readFill({
        ...report.order,
        sequence: report.sequence,
        timestamp: report.timestamp,
        price: report.last_price,
        quantity: report.last_quantity,
        liquidity: report.liquidity,
        fee: report.fee,
      }),
    );
  }
  for (const tell of reportListeners) tell(report);
}

function takeBalance(message) {
  const balance = readBalance(message);
  account.balances = account.balances.filter((other) => other.currency !== balance.currency);
  account.balances.push(balance);
  account.balances.sort((a, b) => (a.currency < b.currency ? -1 : 1));
  touch("balances");
}

function takePosition(message) {
  const position = readPosition(message);
  account.positions = account.positions.filter((other) => other.symbol !== position.symbol);
  account.positions.push(position);
  account.positions.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  touch("balances");
}

/** Sign in with a key. Throws an ApiFailure if the exchange does not take it; then nothing is kept. */
export async function signIn(key, secret) {
  await useKey(key, secret);
  try {
    await loadMoney();
  } catch (error) {
    forgetKey();
    throw error;
  }
  rememberKey(key, secret);
  touch("session");
  await authenticate();
  loadAccount();
}

/** Sign out; `code`: the exchange's error code when it was not the user's wish. */
export function signOut(code = 0) {
  loading += 1;
  account.signedOutBy = code;
  forgetKey();
  Object.assign(account, { number: null, fills: [], balances: [], positions: [], loaded: false });
  account.orders = new Map();
  reconnect(); // the connection forgets who it was
  for (const topic of ["session", "orders", "fills", "balances"]) touch(topic);
}

export async function startAccount() {
  onMessage("execution_report", takeReport);
  onMessage("balance", takeBalance);
  onMessage("position", takePosition);
  onMessage("gap", (message) => {
    if (message.channel === "orders") loadAccount();
  });
  onMessage("error", (message) => {
    if (message.code === CODE_KEY_UNKNOWN && signedIn()) signOut(message.code);
  });
  onMessage("subscribed", (message) => {
    if (message.channel !== "orders") return;
    connection.authenticated = true;
    touch("connection");
  });
  onOpen(() => {
    if (signedIn()) loadAccount();
  });
  if (await restoreKey()) {
    touch("session");
    authenticate();
    loadAccount();
  }
}
