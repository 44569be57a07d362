// The order book of one instrument, kept from the `depth_diff` channel.
//
// Used by the ladder and the depth chart. Invariants: while `ready`, it is the exchange's book as of event
// `sequence`; a message that does not follow, or whose checksum differs, makes it not ready, and the caller
// asks for a new snapshot.

import { bookChecksum } from "./checksum.js";

// Levels of one side, worst first, so that the best is at the end, where arrays change cheaply.
class LevelSide {
  constructor(descending) {
    this.sign = descending ? 1 : -1; // bids: the highest price is the best
    this.prices = [];
    this.quantities = new Map();
  }

  set(price, quantity) {
    if (quantity > 0) {
      if (!this.quantities.has(price)) this.prices.splice(this.place(price), 0, price);
      this.quantities.set(price, quantity);
    } else if (this.quantities.delete(price)) {
      this.prices.splice(this.place(price), 1);
    }
  }

  // Index of the first price that is not worse than `price`.
  place(price) {
    let low = 0;
    let high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.prices[middle] - price) * this.sign < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  top(count) {
    const levels = [];
    const last = this.prices.length - 1;
    for (let index = last; index >= 0 && last - index < count; index -= 1) {
      levels.push([this.prices[index], this.quantities.get(this.prices[index])]);
    }
    return levels;
  }
}

export class Book {
  constructor(symbol) {
    this.symbol = symbol;
    this.clear();
  }

  clear() {
    this.bidSide = new LevelSide(true);
    this.askSide = new LevelSide(false);
    this.sequence = -1;
    this.ready = false;
  }

  /** Takes a depth_snapshot or depth_diff. Returns "ok", "ignored", "gap" or "checksum". */
  apply(message) {
    if (message.type === "depth_snapshot") {
      this.clear();
      this.sequence = message.sequence;
      this.ready = true;
    } else {
      if (!this.ready || message.last_sequence <= this.sequence) return "ignored";
      if (message.first_sequence !== this.sequence + 1) {
        this.ready = false;
        return "gap";
      }
      this.sequence = message.last_sequence;
    }
    for (const [price, quantity] of message.bids) this.bidSide.set(price, quantity);
    for (const [price, quantity] of message.asks) this.askSide.set(price, quantity);
    if (this.checksum() !== message.checksum) {
      this.ready = false;
      return "checksum";
    }
    return "ok";
  }

  checksum() {
    return bookChecksum(this.bidSide.top(10), this.askSide.top(10));
  }

  /** The `count` best levels `[[price, quantity], ...]`, best first. */
  bids(count) {
    return this.bidSide.top(count);
  }

  asks(count) {
    return this.askSide.top(count);
  }

  get bestBid() {
    return this.bidSide.prices.at(-1) ?? null;
  }

  get bestAsk() {
    return this.askSide.prices.at(-1) ?? null;
  }
}
