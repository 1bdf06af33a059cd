import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib';
import type { CapturedBody } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { BodyCapture } from './body-capture.ts';
import type { CapturePool } from './capture-pool.ts';

/**
 * Decoded bytes that all long coded bodies together may take, a second: what they cost is the sample, which the loop
 * takes at about 4 ms a MiB.
 */
const BYTES_PER_SECOND = 8 * 1024 * 1024;
/** Seconds saved up: one body of the default `compare.maxDecoded` and some more. */
const SAVED_SECONDS = 2;
/** Coded bytes that may wait for the decoder beyond what was captured. */
const MOST_WAITING = 1024 * 1024;
/** One piece of decoded bytes: about 0.25 ms of the loop. */
const PIECE_BYTES = 64 * 1024;

/** What decodes long bodies, and how much it may. */
export interface BodyDecoding {
  /** Of one body; more is not looked at. */
  readonly maxBytes: number;
  take(bytes: number): boolean;
}

/** The allowance of one proxy. */
export class DecodeAllowance implements BodyDecoding {
  readonly maxBytes: number;
  readonly #clock: Clock;
  #left = BYTES_PER_SECOND * SAVED_SECONDS;
  #at: number;

  constructor(clock: Clock, maxBytes: number) {
    this.maxBytes = maxBytes;
    this.#clock = clock;
    this.#at = clock.monotonic();
  }

  take(bytes: number): boolean {
    const now = this.#clock.monotonic();
    const earned = ((now - this.#at) / 1_000) * BYTES_PER_SECOND;
    this.#left = Math.min(BYTES_PER_SECOND * SAVED_SECONDS, this.#left + earned);
    this.#at = now;
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
}

export interface DecoderParts {
  /** Takes what was decoded. */
  readonly sink: BodyCapture;
  readonly pool: CapturePool;
  readonly decoding: BodyDecoding;
}

/** `damaged`: it is not of its coding. Undefined: nobody looked at all of it. */
export type Decoded = CapturedBody | 'damaged' | undefined;

/**
 * Undoes the content coding of a body while it streams by, on the engine's own threads: the loop only hands pieces over
 * and samples what comes back. It gives up, and then nothing is known of the decoded body, where that is too large, the
 * allowance used up, the pool full, or the decoder too far behind.
 */
export class BodyDecoder {
  readonly #decoder: Transform;
  readonly #parts: DecoderParts;
  #waiting = 0;
  #decodedBytes = 0;
  #done: ((body: Decoded) => void) | undefined;
  #outcome: Decoded;
  #isOver = false;

  constructor(decoder: Transform, parts: DecoderParts) {
    this.#decoder = decoder;
    this.#parts = parts;
    decoder.on('data', (piece: Buffer) => this.#take(piece));
    decoder.on('end', () => {
      if (!this.#isOver) this.#close(this.#parts.sink.finish());
    });
    decoder.on('error', () => this.#close('damaged'));
  }

  /** What was captured before: it is held, and counted, as long as the capture is. */
  addCaptured(piece: Buffer): void {
    if (!this.#isOver) this.#decoder.write(piece);
  }

  add(piece: Buffer): void {
    if (this.#isOver) return;
    const isTooMuch = this.#waiting + piece.length > MOST_WAITING || !this.#parts.pool.take(piece.length);
    if (isTooMuch) {
      this.release();
      return;
    }
    this.#waiting += piece.length;
    this.#decoder.write(piece, () => this.#written(piece.length));
  }

  /** Calls back once. */
  finish(done: (body: Decoded) => void): void {
    if (this.#isOver) {
      done(this.#outcome);
      return;
    }
    this.#done = done;
    this.#decoder.end();
  }

  /** Idempotent. */
  release(): void {
    this.#close(undefined);
  }

  #written(bytes: number): void {
    if (this.#isOver) return;
    this.#waiting -= bytes;
    this.#parts.pool.give(bytes);
  }

  #take(piece: Buffer): void {
    if (this.#isOver) return;
    const { sink, decoding } = this.#parts;
    this.#decodedBytes += piece.length;
    const isTooMuch = this.#decodedBytes > decoding.maxBytes || !decoding.take(piece.length);
    if (isTooMuch || !sink.add(piece)) this.release();
  }

  #close(outcome: Decoded): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outcome = outcome;
    this.#parts.pool.give(this.#waiting);
    this.#parts.sink.release();
    this.#decoder.destroy();
    this.#done?.(outcome);
  }
}

/** A decoder for one content coding, as `verifier/decode.ts` undoes them; undefined: there is none, or several layers. */
export function decoderFor(coding: string, first: number): Transform | undefined {
  const options = { chunkSize: PIECE_BYTES };
  switch (coding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(options);
    case 'deflate':
      // The standard says zlib, some servers send it bare; the first byte of zlib's wrapper tells its method 8.
      return (first & 0x0f) === 8 ? createInflate(options) : createInflateRaw(options);
    case 'br':
      return createBrotliDecompress(options);
    case 'zstd':
      return createZstdDecompress(options);
    default:
      return undefined;
  }
}
