import type { Socket } from 'node:net';
import type { FailureKind } from '../core/observation.ts';
import type { PooledCall } from './connection-pool.ts';
import { chunkedEnd, requestHead } from './request-head.ts';
import type { ResponseHead, UpstreamCall, UpstreamHandler, UpstreamRequest } from './upstream.ts';
import type { ConnectionLoss, UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamTarget } from './upstream-target.ts';

/** Targets one request is tried on while nothing of it was sent. */
const MAX_ATTEMPTS = 3;

/** Where a call finds its targets. */
export interface CallPlacer {
  /** The target to try next, none of `tried`; undefined: there is no other. */
  choose(request: UpstreamRequest, tried: readonly UpstreamTarget[]): UpstreamTarget | undefined;
}

/**
 * One request on its way: which target and connection it has, what of its body waits, and whether it may be sent again.
 *
 * Sent again on another connection of the same target: once, when a kept connection ended before a byte of the answer,
 * the request may be repeated and its body was not begun (RFC 9112 9.3.1, 9.5; RFC 9110 9.2.2).
 * Sent to another target: while nothing of it reached a connection.
 */
export class HttpCall implements UpstreamCall, PooledCall {
  readonly request: UpstreamRequest;
  readonly #handler: UpstreamHandler;
  readonly #placer: CallPlacer;
  readonly #tried: UpstreamTarget[] = [];
  #target: UpstreamTarget | undefined;
  #connection: UpstreamConnection | undefined;
  #head = '';
  #over = false;
  #attempts = 0;
  #isProbe = false;

  /** Body pieces written before a connection was there. The caller was told to wait, so there are few. */
  #queued: Buffer[] | undefined;
  #ready = false;
  #bodyBegun = false;
  /** No more of the body comes from the caller. */
  #bodyEnded: boolean;
  /** Bytes of a body of known length still to come. */
  #bodyLeft: number;
  #tail = '';

  needsFresh: boolean;

  constructor(placer: CallPlacer, request: UpstreamRequest, handler: UpstreamHandler) {
    this.#placer = placer;
    this.request = request;
    this.#handler = handler;
    this.#bodyEnded = request.body === 'none' || request.body === 0;
    this.#bodyLeft = typeof request.body === 'number' ? request.body : 0;
    this.needsFresh = request.upgrade;
  }

  /** Sets out. What goes wrong at once is told in the next tick, when the caller holds the call. */
  start(): void {
    const target = this.#placer.choose(this.request, this.#tried);
    if (target === undefined) this.#failSoon('refused', 'no target');
    else this.#goTo(target);
  }

  write(chunk: Buffer): boolean {
    if (this.#over || this.#bodyEnded || chunk.length === 0) return true;
    this.#bodyBegun = true;
    if (this.request.body !== 'chunked') {
      this.#bodyLeft -= chunk.length;
      // One byte more would be read as the beginning of another request.
      if (this.#bodyLeft < 0) return this.#breakOff('request body longer than announced');
    }
    const connection = this.#ready ? this.#connection : undefined;
    if (connection === undefined) {
      this.#queued ??= [];
      this.#queued.push(chunk);
    }
    const free = connection?.write(chunk, this.request.body === 'chunked' ? 'chunked' : 'length') ?? false;
    // All announced bytes are there: an answer that comes now finds the request complete, and the connection stays.
    if (this.request.body !== 'chunked' && this.#bodyLeft === 0) this.end();
    return free;
  }

  end(rawTrailers: readonly string[] = []): void {
    if (this.#over || this.#bodyEnded) return;
    this.#bodyEnded = true;
    if (this.request.body === 'chunked') {
      const tail = chunkedEnd(rawTrailers);
      if (!tail.ok) {
        this.#breakOff(tail.message);
        return;
      }
      this.#tail = tail.text;
    } else if (this.#bodyLeft > 0) {
      this.#breakOff(`request body ${this.#bodyLeft} bytes shorter than announced`);
      return;
    }
    this.#bodyBegun = true;
    if (this.#ready) this.#connection?.endBody(this.#tail);
  }

  resume(): void {
    this.#connection?.resume();
  }

  abort(): void {
    if (this.#over) return;
    const connection = this.#connection;
    const target = this.#target;
    this.#settle();
    if (connection === undefined) target?.pool.withdraw(this);
    else connection.abort();
  }

  placed(connection: UpstreamConnection): void {
    this.#connection = connection;
  }

  connected(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#ready = true;
    const queued = this.#queued;
    const framing = this.request.body === 'chunked' ? 'chunked' : 'length';
    const follows = framing === 'chunked' || (this.request.body !== 'none' && this.request.body !== 0);
    connection.sendHead(this.#head, follows ? 'follows' : 'none');
    let free = true;
    if (queued !== undefined) {
      this.#queued = undefined;
      for (const chunk of queued) free = connection.write(chunk, framing);
    }
    if (!follows) return;
    if (this.#bodyEnded) connection.endBody(this.#tail);
    else if (queued !== undefined && free) this.#handler.drained();
  }

  turnedAway(message: string): void {
    if (!this.#over) this.#fail('refused', true, message);
  }

  informational(head: ResponseHead): void {
    this.#handler.informational(head.status, head.rawHeaders);
  }

  head(head: ResponseHead): void {
    this.#target?.answered();
    this.#handler.head(head);
  }

  data(chunk: Buffer): boolean {
    return this.#handler.data(chunk);
  }

  drained(): void {
    if (!this.#bodyEnded) this.#handler.drained();
  }

  complete(rawTrailers: string[]): void {
    this.#settle();
    this.#handler.end(rawTrailers);
  }

  upgraded(head: ResponseHead, socket: Socket, first: Buffer): void {
    this.#target?.answered();
    this.#settle();
    if (this.#handler.upgraded === undefined) socket.destroy();
    else this.#handler.upgraded(head, socket, first);
  }

  lost(loss: ConnectionLoss): void {
    this.#connection = undefined;
    this.#ready = false;
    const target = this.#target;
    if (target === undefined || this.#over) return;
    if (loss.stale && this.#sendAgain(loss, target)) return;
    if (loss.connecting || (!loss.stale && (loss.kind === 'reset' || loss.kind === 'timeout'))) target.failed(loss);
    if (loss.unsent && this.#tryElsewhere()) return;
    this.#fail(loss.kind, loss.unsent, `${target.name}: ${loss.message}`);
  }

  /** After a kept connection ended under the request: once more, on one that has not been used. */
  #sendAgain(loss: ConnectionLoss, target: UpstreamTarget): boolean {
    const allowed = loss.unsent || (this.request.retryable && !this.#bodyBegun);
    // Once: a fresh connection has answered nothing and so is never stale.
    if (!allowed) return false;
    this.needsFresh = true;
    target.pool.place(this);
    return true;
  }

  #tryElsewhere(): boolean {
    if (this.#attempts >= MAX_ATTEMPTS) return false;
    const next = this.#placer.choose(this.request, this.#tried);
    if (next === undefined) return false;
    this.#leave();
    this.#goTo(next);
    return true;
  }

  #goTo(target: UpstreamTarget): void {
    const head = requestHead(this.request, target.hostValue);
    if (!head.ok) {
      this.#failSoon('refused', head.message);
      return;
    }
    this.#head = head.text;
    this.#attempts += 1;
    this.#tried.push(target);
    this.#target = target;
    this.#isProbe = target.enter();
    target.pool.place(this);
  }

  #leave(): void {
    this.#target?.leave(this.#isProbe);
    this.#target = undefined;
  }

  #settle(): void {
    this.#over = true;
    this.#connection = undefined;
    this.#ready = false;
    this.#queued = undefined;
    this.#leave();
  }

  #fail(kind: FailureKind, unsent: boolean, message: string): void {
    this.#settle();
    this.#handler.failed({ kind, unsent, message });
  }

  #failSoon(kind: FailureKind, message: string): void {
    process.nextTick(() => {
      if (!this.#over) this.#fail(kind, true, message);
    });
  }

  /** The caller broke its word about the body: the connection cannot go on. Gives true, as nothing need be waited for. */
  #breakOff(message: string): true {
    this.#bodyEnded = true;
    const connection = this.#connection;
    this.#connection = undefined;
    this.#ready = false;
    if (connection === undefined) this.#target?.pool.withdraw(this);
    else connection.abort();
    process.nextTick(() => {
      if (!this.#over) this.#fail('refused', false, `broken off: ${message}`);
    });
    return true;
  }
}
