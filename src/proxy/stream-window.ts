import type { Clock, Timer } from '../core/ports.ts';

/** Events of one window: what a stream says at first says whether it is the same stream. */
const MAX_EVENTS = 20;
/** Bytes of one window. */
const MAX_BYTES = 64 * 1024;
/** Part of `mirror.timeout` that a window takes at most, so that a copy's has room within its own time. */
const TIMEOUT_SHARE = 0.5;

const [LF, CR, COLON] = [10, 13, 58];

/**
 * The beginning of an event stream that may never end: 20 events, 64 KiB or half of `mirror.timeout`, whatever comes first.
 * Counts events as they end, by blank lines (HTML Living Standard, 9.2.6); comments alone are none.
 */
export class StreamWindow {
  readonly #timer: Timer;
  readonly #close: () => void;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #events = 0;
  #bytes = 0;
  #isClosed = false;
  #lineLength = 0;
  #isComment = false;
  #hasField = false;
  #wasReturn = false;

  /** @param close Called once; not after `end`. */
  constructor(
    options: {
      readonly clock: Clock;
      readonly timeoutMs: number;
      readonly maxEvents?: number;
      readonly maxBytes?: number;
    },
    close: () => void,
  ) {
    this.#close = close;
    this.#maxEvents = options.maxEvents ?? MAX_EVENTS;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
    this.#timer = options.clock.after(options.timeoutMs * TIMEOUT_SHARE, () => this.close());
  }

  /** Whole events that were seen. */
  get events(): number {
    return this.#events;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  add(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#bytes += chunk.length;
    for (const byte of chunk) this.#read(byte);
    if (this.#events >= this.#maxEvents || this.#bytes >= this.#maxBytes) this.close();
  }

  #read(byte: number): void {
    const isSecondHalf = byte === LF && this.#wasReturn;
    this.#wasReturn = byte === CR;
    if (isSecondHalf) return;
    if (byte !== LF && byte !== CR) {
      if (this.#lineLength === 0) this.#isComment = byte === COLON;
      this.#lineLength++;
      return;
    }
    if (this.#lineLength > 0) this.#hasField ||= !this.#isComment;
    else if (this.#hasField) {
      this.#events++;
      this.#hasField = false;
    }
    this.#lineLength = 0;
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.end();
    this.#close();
  }

  /** The stream ended by itself, or nobody wants it any more. */
  end(): void {
    this.#isClosed = true;
    this.#timer.cancel();
  }
}

/** Whether an answer is an event stream whose events can be read as they come. */
export function isEventStream(rawHeaders: readonly string[]): boolean {
  return /^\s*text\/event-stream\s*(;|$)/i.test(headerOf(rawHeaders, 'content-type'));
}

/** Whether its events can be counted as they come: a content coding hides them. */
export function isPlain(rawHeaders: readonly string[]): boolean {
  return /^\s*(identity)?\s*$/i.test(headerOf(rawHeaders, 'content-encoding'));
}

function headerOf(rawHeaders: readonly string[], wanted: string): string {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string; // the bounds were checked
    if (name.length === wanted.length && name.toLowerCase() === wanted) return rawHeaders[at + 1] as string;
  }
  return '';
}
