import type { BodyReader, ClientExchange } from './client-exchange.ts';
import { passingTrailers } from './headers.ts';
import type { UpstreamCall } from './upstream.ts';

export interface ClientBodyOptions {
  /** How much is remembered; 0 remembers nothing. */
  readonly keepBytes: number;
  /** As announced; undefined for a chunked body. */
  readonly lengthBytes: number | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * A request's body on its way to an upstream, with a bounded memory of what has passed:
 * enough to send it again where the first upstream never saw it, or to mirror it.
 */
export class ClientBody implements BodyReader {
  readonly #exchange: ClientExchange;
  readonly #keepBytes: number;
  /** Bytes still to come; undefined for a chunked body. */
  #leftBytes: number | undefined;
  readonly #now: () => number;
  #call: UpstreamCall | undefined;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #isOverflown = false;
  #isListening = false;
  #isPaused = false;
  #waitingSince: number;
  #rawTrailers: readonly string[] = [];
  /** The client has sent all of it. */
  isComplete = false;

  constructor(exchange: ClientExchange, options: ClientBodyOptions) {
    this.#exchange = exchange;
    this.#keepBytes = options.keepBytes;
    this.#leftBytes = options.lengthBytes;
    this.#now = options.now;
    this.#waitingSince = options.now();
  }

  /** Whether another upstream can still be given the whole body. */
  get canReplay(): boolean {
    return !this.#isListening || (this.#keepBytes > 0 && !this.#isOverflown);
  }

  /** The whole body, where it was kept and has come to its end. */
  get whole(): Uint8Array | undefined {
    return this.isComplete && this.#keepBytes > 0 && !this.#isOverflown ? Buffer.concat(this.#kept) : undefined;
  }

  /** Since when the client owes us the next piece (monotonic); undefined while we are not asking for one. */
  get waitingSince(): number | undefined {
    return this.isComplete || this.#isPaused || this.#call === undefined ? undefined : this.#waitingSince;
  }

  /** Sends what has come so far, then goes on as more comes. */
  connect(call: UpstreamCall): void {
    this.#call = call;
    this.#waitingSince = this.#now();
    let hasRoom = true;
    for (const chunk of this.#kept) hasRoom = call.write(chunk);
    if (this.isComplete) {
      this.#end(call);
      return;
    }
    if (!hasRoom) this.#pause();
    else if (this.#isPaused) this.drained();
    if (this.#isListening) return;
    this.#isListening = true;
    this.#exchange.readBody(this);
  }

  /** The upstream takes no more: the client is held back until another one is connected. */
  disconnect(): void {
    this.#call = undefined;
    if (this.#isListening && !this.isComplete) this.#pause();
  }

  /** Nobody wants the rest: it is read and dropped, so that the connection can be used again. */
  discard(): void {
    this.#call = undefined;
    this.#kept = this.isComplete ? this.#kept : [];
    this.#isOverflown ||= !this.isComplete;
    this.#isPaused = false;
    this.#exchange.resumeBody();
  }

  drained(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#waitingSince = this.#now();
    this.#exchange.resumeBody();
  }

  data(chunk: Buffer): void {
    this.#waitingSince = this.#now();
    this.#keep(chunk);
    const hasRoom = this.#call === undefined || this.#call.write(chunk);
    if (this.#leftBytes !== undefined) this.#leftBytes -= chunk.length;
    // The last byte is the end: the answer may come before Node says so.
    if (this.#leftBytes === 0) this.#complete();
    else if (!hasRoom) this.#pause();
  }

  end(rawTrailers: readonly string[]): void {
    this.#rawTrailers = rawTrailers;
    this.#complete();
  }

  #complete(): void {
    if (this.isComplete) return;
    this.isComplete = true;
    if (this.#call !== undefined) this.#end(this.#call);
  }

  #keep(chunk: Buffer): void {
    if (this.#keepBytes === 0 || this.#isOverflown) return;
    if (this.#keptBytes + chunk.length > this.#keepBytes) {
      this.#isOverflown = true;
      this.#kept = [];
      return;
    }
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
  }

  #pause(): void {
    this.#isPaused = true;
    this.#exchange.pauseBody();
  }

  #end(call: UpstreamCall): void {
    call.end(passingTrailers(this.#rawTrailers).flat());
  }
}
