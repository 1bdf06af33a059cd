import { createHash, type Hash } from 'node:crypto';
import type { CapturedBody } from '../core/observation.ts';
import { BodySampler, TAIL_BYTES } from './body-sampler.ts';
import type { CapturePool } from './capture-pool.ts';

/** Bytes before the bound in which the sample may find a place to begin. */
const SAMPLED_BYTES = 64 * 1024;

/** The first `maxBytes` of a body, and digest and sample of all of it where that is not the whole. */
export class BodyCapture {
  readonly #pool: CapturePool;
  readonly #maxBytes: number;
  readonly #isSampled: () => boolean;
  #chunks: Buffer[] = [];
  #keptBytes = 0;
  #bodyBytes = 0;
  #hash: Hash | undefined;
  #sampler: BodySampler | undefined;

  /** @param isSampled Asked once, when the bound is passed: false where a digest will do. */
  constructor(pool: CapturePool, maxBytes: number, isSampled: () => boolean = () => true) {
    this.#pool = pool;
    this.#maxBytes = maxBytes;
    this.#isSampled = isSampled;
  }

  /** What was kept, in order. */
  get kept(): readonly Buffer[] {
    return this.#chunks;
  }

  /** Bytes that came and were not kept. */
  get cutBytes(): number {
    return Math.max(0, this.#bodyBytes - this.#maxBytes);
  }

  /** False: the pool is full, and the capture has let go of everything. */
  add(chunk: Buffer): boolean {
    const room = this.#maxBytes - this.#keptBytes;
    const kept = chunk.length <= room ? chunk : chunk.subarray(0, room);
    if (kept.length > 0) {
      if (!this.#pool.take(kept.length)) {
        this.release();
        return false;
      }
      // A copy: the piece may be a small view into a large read buffer, which it would keep alive.
      this.#chunks.push(Buffer.from(kept));
      this.#keptBytes += kept.length;
    }
    this.#bodyBytes += chunk.length;
    if (this.#hash !== undefined) {
      this.#hash.update(chunk);
      this.#sampler?.add(chunk);
    } else if (kept.length < chunk.length) this.#startHash(chunk.subarray(kept.length));
    return true;
  }

  /** Digest and sample begin when the bound is passed: most bodies never pay for them. */
  #startHash(rest: Buffer): void {
    this.#hash = createHash('sha256');
    // The sample begins a little before the bound, so that what was kept and what was not overlap.
    const from = Math.max(0, this.#maxBytes - SAMPLED_BYTES);
    // Where the pool has no room for the last bytes, the digest must do.
    if (this.#isSampled() && this.#pool.take(TAIL_BYTES)) this.#sampler = new BodySampler(from);
    let at = 0;
    for (const chunk of this.#chunks) {
      this.#hash.update(chunk);
      if (at + chunk.length > from) this.#sampler?.add(chunk.subarray(Math.max(0, from - at)));
      at += chunk.length;
    }
    this.#hash.update(rest);
    this.#sampler?.add(rest);
  }

  /** What is known of the body; the capture lets go of its share of the pool. */
  finish(): CapturedBody {
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    const digest = this.#hash?.digest('hex');
    const sample = this.#sampler?.finish();
    const captured: CapturedBody = {
      body,
      bodyBytes: this.#bodyBytes,
      ...(digest === undefined ? {} : { bodyDigest: digest }),
      ...(sample === undefined ? {} : { bodySample: sample }),
    };
    this.release();
    return captured;
  }

  /** Idempotent. */
  release(): void {
    this.#pool.give(this.#keptBytes + (this.#sampler === undefined ? 0 : TAIL_BYTES));
    this.#sampler = undefined;
    this.#keptBytes = 0;
    this.#chunks = [];
  }
}
