import { PPM } from './routing.ts';

/**
 * murmur3_32 (x86, seed 0) over the UTF-8 bytes of `text`: an unsigned 32-bit integer.
 * The same number comes out of any language that hashes UTF-8, so other proxies can agree on who moves.
 * Lone surrogates count as U+FFFD, as every UTF-8 encoder writes them.
 * Algorithm: Austin Appleby, MurmurHash3 (public domain).
 */
export function murmur3(text: string): number {
  let hash = 0;
  let block = 0;
  let shift = 0;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const point = scalarAt(text, i);
    if (point > 0xffff) i++;
    let encoded = utf8(point);
    let left = utf8Length(point);
    bytes += left;
    while (left-- > 0) {
      block |= (encoded & 0xff) << shift;
      encoded >>>= 8;
      shift += 8;
      if (shift === 32) {
        hash ^= scramble(block);
        hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
        block = 0;
        shift = 0;
      }
    }
  }
  if (shift > 0) hash ^= scramble(block);
  return finish(hash ^ bytes);
}

/**
 * The subject's bucket under a salt, 0 to 999,999: sticky, independent between salts, evenly spread.
 * The candidate serves where the bucket is below the dial, so raising a dial moves nobody back.
 * `h * 1e6` stays below 2^53, so the division is exact enough to agree everywhere.
 */
export function bucketOf(subject: string, salt: string): number {
  return Math.floor((murmur3(`${salt}:${subject}`) * PPM) / 2 ** 32);
}

/** The Unicode scalar value at `i`; U+FFFD where a surrogate stands alone. */
function scalarAt(text: string, i: number): number {
  const unit = text.charCodeAt(i);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  const point = text.codePointAt(i) ?? 0xfffd;
  return point > 0xffff ? point : 0xfffd;
}

function utf8Length(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}

/** The UTF-8 bytes of a scalar value (RFC 3629, section 3) in one integer, first byte lowest. */
function utf8(point: number): number {
  if (point < 0x80) return point;
  const last = 0x80 | (point & 0x3f);
  if (point < 0x800) return 0xc0 | (point >> 6) | (last << 8);
  const third = 0x80 | ((point >> 6) & 0x3f);
  if (point < 0x10000) return 0xe0 | (point >> 12) | (third << 8) | (last << 16);
  return 0xf0 | (point >> 18) | ((0x80 | ((point >> 12) & 0x3f)) << 8) | (third << 16) | (last << 24);
}

function scramble(block: number): number {
  const k = Math.imul(block, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}

function finish(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
