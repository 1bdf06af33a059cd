import { createHash, type Hash } from 'node:crypto';
import type { Answer } from '../core/observation.ts';
import { BodySampler, TAIL_BYTES } from './body-sampler.ts';
import { toPairs } from './headers.ts';
import type { ResponseHead } from './upstream.ts';

/** Bytes that captures hold together; whoever finds it full gives its capture up. */
export class CapturePool {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Under pressure from 90 % on. */
  get isNearlyFull(): boolean {
    return this.#usedBytes >= this.#limitBytes * 0.9;
  }
}

/** Bytes before the bound in which the sample may find a place to begin. */
const SAMPLED_BYTES = 64 * 1024;

/** One answer's copy: the first `maxBytes` of the body, and digest and sample of all of it where that is not the whole. */
export class AnswerCapture {
  readonly #pool: CapturePool;
  readonly #maxBytes: number;
  #head: ResponseHead | undefined;
  #chunks: Buffer[] = [];
  #keptBytes = 0;
  #bodyBytes = 0;
  #hash: Hash | undefined;
  #sampler: BodySampler | undefined;

  constructor(pool: CapturePool, maxBytes: number) {
    this.#pool = pool;
    this.#maxBytes = maxBytes;
  }

  head(head: ResponseHead): void {
    this.#head = head;
  }

  get status(): number {
    return this.#head?.status ?? 0;
  }

  get rawHeaders(): readonly string[] {
    return this.#head?.rawHeaders ?? [];
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
    if (this.#pool.take(TAIL_BYTES)) this.#sampler = new BodySampler(from);
    let at = 0;
    for (const chunk of this.#chunks) {
      this.#hash.update(chunk);
      if (at + chunk.length > from) this.#sampler?.add(chunk.subarray(Math.max(0, from - at)));
      at += chunk.length;
    }
    this.#hash.update(rest);
    this.#sampler?.add(rest);
  }

  /** The finished observation; the capture lets go of its share of the pool. */
  finish(times: { readonly firstByteMs: number; readonly durationMs: number }): Answer {
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    const digest = this.#hash?.digest('hex');
    const sample = this.#sampler?.finish();
    const answer: Answer = {
      kind: 'answer',
      status: this.status,
      headers: toPairs(this.rawHeaders),
      body,
      bodyBytes: this.#bodyBytes,
      ...(digest === undefined ? {} : { bodyDigest: digest }),
      ...(sample === undefined ? {} : { bodySample: sample }),
      firstByteMs: times.firstByteMs,
      durationMs: times.durationMs,
    };
    this.release();
    return answer;
  }

  /** Idempotent. */
  release(): void {
    this.#pool.give(this.#keptBytes + (this.#sampler === undefined ? 0 : TAIL_BYTES));
    this.#sampler = undefined;
    this.#keptBytes = 0;
    this.#chunks = [];
  }
}
