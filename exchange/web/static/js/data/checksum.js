// The checksum of a book: CRC32 (as zlib computes it) of the ten best levels of both sides.
//
// Used by book.js. The text under it is "price:quantity" of the ten best bids, then of the ten best
// asks, best first, joined by "|".

const TABLE = new Uint32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  TABLE[byte] = value >>> 0;
}

/** CRC32 of an ASCII text, unsigned. */
export function crc32(text) {
  let value = 0xffffffff;
  for (let index = 0; index < text.length; index += 1) {
    value = (value >>> 8) ^ TABLE[(value ^ text.charCodeAt(index)) & 0xff];
  }
  return (value ^ 0xffffffff) >>> 0;
}

/** Checksum of levels `[[price, quantity], ...]`, best first. */
export function bookChecksum(bids, asks) {
  const parts = [];
  for (let index = 0; index < Math.min(10, bids.length); index += 1) {
    parts.push(`${bids[index][0]}:${bids[index][1]}`);
  }
  for (let index = 0; index < Math.min(10, asks.length); index += 1) {
    parts.push(`${asks[index][0]}:${asks[index][1]}`);
  }
  return crc32(parts.join("|"));
}
