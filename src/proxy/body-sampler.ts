import { createHash, type Hash } from 'node:crypto';
import type { BodyMark, BodySample } from '../core/observation.ts';

/** The last bytes that are kept. */
export const TAIL_BYTES = 64 * 1024;
/** Marks kept of one body: on average one in 8 KiB for the first 2 MiB, and then ever fewer. */
const MAX_MARKS = 256;
/** The first marks are never thinned out: they say where bodies agree again behind what was captured. */
const FIRST_MARKS = 32;
/** A mark stands where the highest 13 bits of the rolling hash are zero: on average every 8 KiB. */
const MARK_BITS = 13;
/** Marks are no nearer to each other: a body made to have one at every byte costs no more than any other. */
const MIN_CHUNK = 2 * 1024;

/** One number per byte value, spread by the finish of murmur3. */
const GEAR = Int32Array.from({ length: 256 }, (_, byte) => {
  let hash = Math.imul(byte + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
});

/** A Mersenne prime and a base below it: prefixes of a sequence of digests can be subtracted from one another. */
const PRIME = (1n << 61n) - 1n;
const BASE = 0x1b873593cc9e2d51n % PRIME;

interface Mark {
  readonly offset: number;
  /** Digests before it. */
  readonly index: number;
  readonly prefix: bigint;
  /** Zero bits beyond those every mark has; thinning keeps the highest. */
  readonly level: number;
}

/**
 * Samples a body while it streams by: marks where its content says so (content-defined chunking with a gear hash, as in
 * FastCDC, Xia et al. 2016), so that bodies that differ in one region have the same marks around it; and the last bytes.
 * Holds at most 64 KiB and 257 marks, whatever the length.
 */
export class BodySampler {
  #offset: number;
  #gear = 0;
  #chunk: Hash | undefined;
  #prefix = 0n;
  #index = 0;
  #marks: Mark[] = [];
  #lastMark: number;
  /** A ring: what stands at `i` is the last byte whose place in what was added is `i` modulo the size. */
  readonly #tail = Buffer.alloc(TAIL_BYTES);
  #added = 0;

  /** @param offset Where in the body the first piece begins. */
  constructor(offset: number) {
    this.#offset = offset;
    this.#lastMark = offset;
  }

  add(piece: Buffer): void {
    let from = 0;
    let gear = this.#gear;
    for (let at = 0; at < piece.length; at++) {
      gear = ((gear << 1) + (GEAR[piece[at] as number] as number)) | 0; // below the length; a byte
      if (gear >>> (32 - MARK_BITS) !== 0 || this.#offset + at + 1 - this.#lastMark < MIN_CHUNK) continue;
      this.#hash(piece.subarray(from, at + 1));
      from = at + 1;
      this.#mark(this.#offset + from, Math.clz32(gear) - MARK_BITS);
    }
    this.#gear = gear;
    if (from < piece.length) this.#hash(piece.subarray(from));
    this.#offset += piece.length;
    this.#keepTail(piece);
  }

  #hash(part: Buffer): void {
    this.#chunk ??= createHash('sha256');
    this.#chunk.update(part);
  }

  #closeChunk(): void {
    if (this.#chunk === undefined) return;
    const digest = this.#chunk.digest().readBigUInt64BE() >> 4n;
    this.#chunk = undefined;
    this.#prefix = (this.#prefix * BASE + digest + 1n) % PRIME;
    this.#index++;
  }

  #mark(offset: number, level: number): void {
    this.#closeChunk();
    this.#lastMark = offset;
    this.#marks.push({ offset, index: this.#index, prefix: this.#prefix, level });
    if (this.#marks.length <= MAX_MARKS) return;
    const lowest = this.#marks.slice(FIRST_MARKS).reduce((least, mark) => Math.min(least, mark.level), 32);
    this.#marks = this.#marks.filter((mark, at) => at < FIRST_MARKS || mark.level > lowest);
  }

  #keepTail(piece: Buffer): void {
    const kept = piece.subarray(Math.max(0, piece.length - TAIL_BYTES));
    this.#added += piece.length;
    const end = this.#added % TAIL_BYTES;
    const behind = Math.min(end, kept.length);
    kept.copy(this.#tail, end - behind, kept.length - behind);
    kept.copy(this.#tail, TAIL_BYTES - (kept.length - behind), 0, kept.length - behind);
  }

  #lastBytes(): Buffer {
    const end = this.#added % TAIL_BYTES;
    if (this.#added < TAIL_BYTES) return Buffer.from(this.#tail.subarray(0, end));
    return Buffer.concat([this.#tail.subarray(end), this.#tail.subarray(0, end)]);
  }

  /** The sample of everything that was added. */
  finish(): BodySample {
    this.#closeChunk();
    const marks = this.#marks
      .filter(({ offset }) => offset < this.#offset)
      .map(({ offset, index, prefix }): BodyMark => {
        const after = (this.#prefix - ((prefix * power(this.#index - index)) % PRIME) + PRIME) % PRIME;
        return { offset, before: prefix.toString(16), after: after.toString(16) };
      });
    return { tail: this.#lastBytes(), marks };
  }
}

/** The base to a power, modulo the prime. */
function power(exponent: number): bigint {
  let result = 1n;
  let square = BASE;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * square) % PRIME;
    square = (square * square) % PRIME;
  }
  return result;
}
