import { ChunkedBody } from './chunked-body.ts';
import { type FieldBlock, NEED_MORE, scanFieldBlock } from './field-block.ts';
import type { ResponseHead } from './upstream.ts';

export interface ParserLimits {
  /** Bytes of one head (status line and fields) or one trailer section. */
  readonly headBytes: number;
  /** Fields in one head or trailer section. */
  readonly headerCount: number;
}

/** Where the parser brings what it found. A sink may call `stop()` at any time; then nothing more is brought. */
export interface ResponseSink {
  onInformational(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  /** A view into the buffer that was given to `execute`. */
  onData(chunk: Buffer): void;
}

/** Interim answers before the final one. RFC 9110 15.2 sets no bound; 16 is far beyond 100, 102 and a few 103. */
export const MAX_INFORMATIONAL = 16;

/** A head that comes in pieces is gathered here first; most heads fit. */
const FIRST_HOLD_BYTES = 2_048;

const LF = 10;

type State = 'idle' | 'head' | 'length' | 'chunked' | 'trailers' | 'until-close' | 'done' | 'upgraded' | 'failed';

/**
 * Reads answers to HTTP/1.1 requests, one after the other, from pieces of any size (RFC 9112).
 * Strict: what could be read in two ways is a failure, never a guess.
 * Header bytes stay as they were (latin1), in order, with case and repetitions. Framing is judged here and only here.
 */
export class ResponseParser {
  readonly #sink: ResponseSink;
  readonly #limits: ParserLimits;
  #state: State = 'idle';
  #bodiless = false;
  #upgrade = false;
  #informational = 0;
  #bodyLeft = 0;
  readonly #chunked = new ChunkedBody();
  /** Bytes of an unfinished head or trailer section. */
  #held: Buffer | undefined;
  #heldBytes = 0;

  /** Whether a byte of the present answer has come. */
  begun = false;
  /** Whether the final head has come. */
  headSeen = false;
  /** Whether the connection may carry another request after this answer (RFC 9112 9.3). */
  keepAlive = false;
  /** Seconds of `Keep-Alive: timeout=…` in the last head, or undefined. */
  keepAliveSeconds: number | undefined;
  /** Flat name, value list. */
  trailers: string[] = [];
  /** What is wrong with the answer; set in state `failed`. */
  failure = '';
  /** The head of a 101 that was asked for. */
  upgradeHead: ResponseHead | undefined;

  constructor(sink: ResponseSink, limits: ParserLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  get failed(): boolean {
    return this.#state === 'failed';
  }

  get upgraded(): boolean {
    return this.#state === 'upgraded';
  }

  /** Awaits the answer to a request. */
  begin(method: string, upgrade: 'upgrade' | 'plain'): void {
    this.#state = 'head';
    this.#bodiless = method === 'HEAD';
    this.#upgrade = upgrade === 'upgrade';
    this.#informational = 0;
    this.#heldBytes = 0;
    this.begun = false;
    this.headSeen = false;
    this.keepAlive = false;
    this.keepAliveSeconds = undefined;
    this.failure = '';
    if (this.trailers.length > 0) this.trailers = [];
  }

  /** Brings nothing more to the sink until the next `begin`. */
  stop(): void {
    this.#state = 'idle';
  }

  /**
   * Reads `bytes[start, end)` and gives the place of the first byte that does not belong to this answer; `end` mostly.
   * May move bytes within that range: chunks of one piece are pushed together and brought as one.
   */
  execute(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (end > start) this.begun = true;
    while (at < end) {
      switch (this.#state) {
        case 'head':
          at = this.#readBlock(bytes, at, end, 'head');
          break;
        case 'length':
          at = this.#readLength(bytes, at, end);
          break;
        case 'until-close':
          this.#sink.onData(bytes.subarray(at, end));
          return end;
        case 'chunked':
          at = this.#readChunked(bytes, at, end);
          break;
        case 'trailers':
          at = this.#readBlock(bytes, at, end, 'trailers');
          break;
        case 'idle':
        case 'done':
        case 'upgraded':
        case 'failed':
          return at;
      }
    }
    return at;
  }

  /** The connection ended. True: the answer is complete by that (RFC 9112 6.3, case 8). */
  finish(): boolean {
    if (this.#state === 'until-close') this.#state = 'done';
    return this.#state === 'done';
  }

  #fail(message: string): void {
    this.failure = message;
    this.#state = 'failed';
  }

  #readLength(bytes: Buffer, at: number, end: number): number {
    const take = Math.min(this.#bodyLeft, end - at);
    this.#bodyLeft -= take;
    // The state changes first: a sink that stops the parser must have the last word.
    if (this.#bodyLeft === 0) this.#state = 'done';
    this.#sink.onData(bytes.subarray(at, at + take));
    return at + take;
  }

  #readChunked(bytes: Buffer, at: number, end: number): number {
    const chunked = this.#chunked;
    const next = chunked.read(bytes, at, end);
    if (chunked.failure !== '') this.#fail(chunked.failure);
    else if (chunked.complete) this.#state = 'trailers';
    if (chunked.pieceEnd > chunked.pieceStart) this.#sink.onData(bytes.subarray(chunked.pieceStart, chunked.pieceEnd));
    return next;
  }

  /** Reads a whole head or trailer section, out of one piece if it lies in one, else gathered. */
  #readBlock(bytes: Buffer, at: number, end: number, kind: 'head' | 'trailers'): number {
    if (this.#heldBytes > 0) return this.#readHeld(bytes, at, end, kind);
    const block = scanFieldBlock(bytes, at, end, kind, this.#limits.headerCount);
    if (block === NEED_MORE) {
      this.#hold(bytes, at, end);
      this.#boundHeld();
      return end;
    }
    return this.#takeBlock(block, at, kind) ? block.next : end;
  }

  #readHeld(bytes: Buffer, at: number, end: number, kind: 'head' | 'trailers'): number {
    const before = this.#heldBytes;
    this.#hold(bytes, at, end);
    const held = this.#held;
    if (held === undefined) return end;
    // A section can only become complete, or a line wrong in a way worth telling early, with a line end.
    if (before > 16 && bytes.subarray(at, end).indexOf(LF) < 0) {
      this.#boundHeld();
      return end;
    }
    const block = scanFieldBlock(held, 0, this.#heldBytes, kind, this.#limits.headerCount);
    if (block === NEED_MORE) {
      this.#boundHeld();
      return end;
    }
    this.#heldBytes = 0;
    this.#held = undefined;
    return this.#takeBlock(block, 0, kind) ? at + (block.next - before) : end;
  }

  #hold(bytes: Buffer, at: number, end: number): void {
    const total = this.#heldBytes + end - at;
    let held = this.#held;
    if (held === undefined || held.length < total) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_HOLD_BYTES, total * 2));
      if (held !== undefined) held.copy(larger, 0, 0, this.#heldBytes);
      held = larger;
      this.#held = larger;
    }
    bytes.copy(held, this.#heldBytes, at, end);
    this.#heldBytes = total;
  }

  /** Cuts off a section without end, at most one read (64 KiB) beyond the bound. */
  #boundHeld(): void {
    if (this.#heldBytes > this.#limits.headBytes) this.#fail(this.#tooLong());
  }

  #tooLong(): string {
    return `head or trailer section longer than ${this.#limits.headBytes} bytes`;
  }

  /** False: the answer failed. */
  #takeBlock(block: FieldBlock, start: number, kind: 'head' | 'trailers'): boolean {
    if (block.failure !== '') {
      this.#fail(block.failure);
      return false;
    }
    if (block.next - start > this.#limits.headBytes) {
      this.#fail(this.#tooLong());
      return false;
    }
    if (kind === 'trailers') {
      this.trailers = withoutFraming(block.rawHeaders);
      this.#state = 'done';
      return true;
    }
    this.#takeHead(block);
    return this.failure === '';
  }

  #takeHead(block: FieldBlock): void {
    const status = block.status;
    if (status === 101 && this.#upgrade) {
      this.upgradeHead = headOf(block, undefined);
      this.#state = 'upgraded';
      return;
    }
    if (status < 200) {
      this.#takeInformational(block);
      return;
    }
    const framing = framingOf(block);
    if (framing.failure !== '') {
      this.#fail(framing.failure);
      return;
    }
    this.headSeen = true;
    this.keepAlive = framing.keepAlive;
    this.keepAliveSeconds = framing.keepAliveSeconds;
    this.#enterBody(status, framing);
    this.#sink.onHead(headOf(block, framing.length));
  }

  #takeInformational(block: FieldBlock): void {
    this.#informational += 1;
    if (block.status === 101) this.#fail('101 to a request that asked for no upgrade');
    else if (this.#informational > MAX_INFORMATIONAL) this.#fail(`more than ${MAX_INFORMATIONAL} interim answers`);
    else this.#sink.onInformational(headOf(block, undefined));
  }

  /** RFC 9112 6.3: where the body ends. */
  #enterBody(status: number, framing: Framing): void {
    if (this.#bodiless || status === 204 || status === 304) {
      this.#state = 'done';
    } else if (framing.chunked) {
      this.#chunked.begin();
      this.#state = 'chunked';
    } else if (framing.length !== undefined) {
      this.#bodyLeft = framing.length;
      this.#state = framing.length === 0 ? 'done' : 'length';
    } else {
      this.keepAlive = false;
      this.#state = 'until-close';
    }
  }
}

function headOf(block: FieldBlock, contentLength: number | undefined): ResponseHead {
  return { status: block.status, statusMessage: block.statusMessage, rawHeaders: block.rawHeaders, contentLength };
}

interface Framing {
  chunked: boolean;
  length: number | undefined;
  keepAlive: boolean;
  /** `Connection: close` was among them; it wins over `keep-alive`. */
  close: boolean;
  keepAliveSeconds: number | undefined;
  failure: string;
}

/** Reads the fields that frame the body; takes those out of `block.rawHeaders` that must not be passed on. */
function framingOf(block: FieldBlock): Framing {
  const raw = block.rawHeaders;
  const framing: Framing = {
    chunked: false,
    length: undefined,
    keepAlive: block.minor === 1,
    close: false,
    keepAliveSeconds: undefined,
    failure: '',
  };
  let lengths = 0;
  let odd = false;
  for (let i = 0; i < raw.length; i += 2) {
    // Lengths first: most fields are ruled out by one comparison of numbers.
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      lengths += 1;
      odd ||= !readLengthField(framing, value);
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      // RFC 9112 7: other codings could not be told from the content; several fields are one list.
      if (framing.chunked || value.toLowerCase() !== 'chunked') {
        framing.failure = 'transfer-encoding other than chunked';
      }
      framing.chunked = true;
    } else if (name.length === 10) {
      readConnectionField(framing, name.toLowerCase(), value);
    }
  }
  if (lengths > 1 || odd || (lengths > 0 && framing.chunked)) settleLengths(framing, raw);
  // RFC 9112 6.1: a coding in an HTTP/1.0 answer is faulty framing; the connection is closed afterwards.
  if (framing.close || (framing.chunked && block.minor === 0)) framing.keepAlive = false;
  return framing;
}

/** False: a list of equal numbers, which RFC 9110 8.6 lets us replace by one. */
function readLengthField(framing: Framing, value: string): boolean {
  const plain = /^\d{1,15}$/.test(value);
  for (const part of plain ? [value] : value.split(',')) {
    const digits = part.trim();
    if (!/^\d{1,15}$/.test(digits)) {
      framing.failure = 'content-length is not a number';
    } else if (framing.length !== undefined && framing.length !== Number(digits)) {
      framing.failure = 'conflicting content-length fields';
    } else {
      framing.length = Number(digits);
    }
  }
  return plain;
}

function readConnectionField(framing: Framing, lower: string, value: string): void {
  if (lower === 'connection') {
    const tokens = value.toLowerCase();
    if (/(^|,)[ \t]*close[ \t]*(,|$)/.test(tokens)) framing.close = true;
    else if (/(^|,)[ \t]*keep-alive[ \t]*(,|$)/.test(tokens)) framing.keepAlive = true;
  } else if (lower === 'keep-alive') {
    const seconds = /(?:^|[,;\s])timeout\s*=\s*"?(\d{1,9})/i.exec(value)?.[1];
    if (seconds !== undefined) framing.keepAliveSeconds = Number(seconds);
  }
}

/** Leaves one `content-length` of those that were equal; none beside `transfer-encoding` (RFC 9112 6.3, case 3). */
function settleLengths(framing: Framing, raw: string[]): void {
  let kept = framing.chunked;
  for (let i = 0; i < raw.length; ) {
    if (raw[i]?.toLowerCase() !== 'content-length') {
      i += 2;
    } else if (kept) {
      raw.splice(i, 2);
    } else {
      kept = true;
      raw[i + 1] = String(framing.length);
      i += 2;
    }
  }
  if (framing.chunked) {
    framing.length = undefined;
    framing.keepAlive = false;
  }
}

/** RFC 9110 6.5.1: fields that frame or route must not come in a trailer section. */
const NEVER_IN_TRAILERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function withoutFraming(raw: string[]): string[] {
  if (raw.length === 0) return raw;
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (!NEVER_IN_TRAILERS.has(name.toLowerCase())) kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}
