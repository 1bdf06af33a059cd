import type { Socket } from 'node:net';
import type { LimitSettings } from '../../config/settings.ts';
import type { Clock } from '../../core/ports.ts';
import type { ClientExchange } from '../client-exchange.ts';
import type { ActiveRequest, Connection } from '../connection.ts';
import type { Problem } from '../problem.ts';
import type { Refusal, RequestHead } from '../request-guard.ts';
import { type ExchangeLine, FastExchange } from './fast-exchange.ts';
import { type PlainRequest, readPlainRequest } from './plain-request.ts';

/** What the fast lane needs of the rest. */
export interface FastLane {
  readonly clock: Clock;
  readonly limits: LimitSettings;
  guard(connection: Connection, request: PlainRequest): RequestHead | Refusal;
  serve(connection: Connection, head: RequestHead, exchange: ClientExchange): ActiveRequest;
  /** `node:http` takes the connection over, beginning with `bytes`. */
  handOver(socket: Socket, bytes: Buffer): void;
}

/** Pieces in which a head may come; one that is cut up more is no common one, and reading it anew each time would cost. */
const MAX_PIECES = 4;
/** Bytes that may be pipelined behind the request being served until the client is held back. */
const MAX_PIPELINED_BYTES = 65_536;
/** An idle connection is kept so much longer than we said, because the client's clock begins later; Node does the same. */
const IDLE_GRACE_MS = 1_000;

/**
 * A client connection whose requests have all been plain ones.
 * With the first that is not, or that the guard would refuse, the connection goes over to `node:http` for good, and that
 * request with it, byte for byte: so there is one reader for every request, and one place that refuses.
 */
export class FastConnection implements ExchangeLine {
  readonly socket: Socket;
  readonly keepAliveLines: string;
  readonly #connection: Connection;
  readonly #lane: FastLane;
  /** The beginning of a head, or what is pipelined behind the request being served. */
  #held: Buffer | undefined;
  #pieces = 0;
  #exchange: FastExchange | undefined;
  /** Bytes of the present body that have not come; of an answered request they are dropped. */
  #bodyLeft = 0;
  /** Since when the client owes us a head, or is idle (monotonic). */
  #since: number;
  #hasServed = false;
  /** Handed over, or nothing is read any more. */
  #isOver = false;

  constructor(connection: Connection, lane: FastLane, keepAliveLines: string) {
    this.#connection = connection;
    this.#lane = lane;
    this.keepAliveLines = keepAliveLines;
    this.socket = connection.socket;
    this.#since = lane.clock.monotonic();
    this.socket.on('data', this.#take);
    this.socket.on('end', this.#ended);
    this.socket.on('drain', this.#drained);
  }

  get shouldClose(): boolean {
    return this.#connection.shouldClose && this.#held === undefined;
  }

  now(): number {
    return this.#lane.clock.now();
  }

  readonly #take = (chunk: Buffer): void => {
    if (this.#isOver) return;
    const rest = this.#bodyLeft > 0 ? this.#takeBody(chunk) : chunk;
    if (rest === undefined) return;
    if (this.#exchange !== undefined) this.#pipeline(rest);
    else if (this.#held === undefined) this.#read(rest);
    else {
      const whole = Buffer.concat([this.#held, rest]);
      this.#held = undefined;
      this.#pieces += 1;
      this.#read(whole);
    }
  };

  /** Gives what lies behind the body, if anything. */
  #takeBody(chunk: Buffer): Buffer | undefined {
    const taken = Math.min(this.#bodyLeft, chunk.length);
    this.#bodyLeft -= taken;
    const isAll = taken === chunk.length;
    if (this.#exchange === undefined) this.#since = this.#lane.clock.monotonic();
    else this.#exchange.bodyCame(isAll ? chunk : chunk.subarray(0, taken), this.#bodyLeft === 0);
    return isAll ? undefined : chunk.subarray(taken);
  }

  #pipeline(bytes: Buffer): void {
    this.#held = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    if (this.#held.length > MAX_PIPELINED_BYTES) this.socket.pause();
  }

  /** Begins the request at the front of `bytes`, if it is all there and plain. */
  #read(bytes: Buffer): void {
    if (this.#pieces > MAX_PIECES) {
      this.#handOver(bytes);
      return;
    }
    const request = readPlainRequest(bytes, 0, bytes.length, this.#lane.limits);
    if (request === 'incomplete') {
      if (this.#pieces === 0 && this.#hasServed) this.#since = this.#lane.clock.monotonic();
      this.#held = bytes;
      return;
    }
    const head = request === 'other' ? undefined : this.#lane.guard(this.#connection, request);
    if (request === 'other' || head === undefined || head.kind === 'refusal') {
      this.#handOver(bytes);
      return;
    }
    this.#pieces = 0;
    this.#bodyLeft = request.length ?? 0;
    const exchange = new FastExchange(this, request);
    this.#exchange = exchange;
    this.#connection.begin(this.#lane.serve(this.#connection, head, exchange));
    if (request.next === bytes.length) return;
    const rest = bytes.subarray(request.next);
    const behind = this.#bodyLeft > 0 ? this.#takeBody(rest) : rest;
    if (behind !== undefined) this.#pipeline(behind);
  }

  exchangeOver(closes: boolean): void {
    this.#exchange = undefined;
    this.#connection.finished();
    if (this.socket.destroyed) return;
    if (closes) {
      this.#isOver = true;
      this.socket.destroySoon();
      return;
    }
    if (this.#connection.isBroken) {
      this.#isOver = true;
      this.#connection.sayLastWords();
      return;
    }
    this.#hasServed = true;
    this.#since = this.#lane.clock.monotonic();
    if (this.socket.isPaused()) this.socket.resume();
    const held = this.#held;
    if (held === undefined || this.#bodyLeft > 0) return;
    this.#held = undefined;
    this.#read(held);
  }

  #handOver(bytes: Buffer): void {
    this.#leave();
    this.#lane.handOver(this.socket, bytes);
  }

  #leave(): void {
    this.#isOver = true;
    this.#held = undefined;
    this.socket.removeListener('data', this.#take);
    this.socket.removeListener('end', this.#ended);
    this.socket.removeListener('drain', this.#drained);
  }

  readonly #drained = (): void => {
    this.#exchange?.drained();
  };

  /** The client sends no more. As in `node:http`, it does not get what is not written yet. */
  readonly #ended = (): void => {
    if (this.#isOver) return;
    const isCutOff = this.#bodyLeft > 0 || (this.#exchange === undefined && this.#held !== undefined);
    // What is pipelined would be answered to nobody.
    if (this.#exchange !== undefined) this.#held = undefined;
    if (isCutOff) this.#break(CUT_OFF);
    else this.socket.end();
  };

  #break(problem: Problem): void {
    if (this.#exchange === undefined) this.#isOver = true;
    this.#connection.inputBroken(problem);
  }

  /** The socket has closed. */
  gone(): void {
    this.#isOver = true;
    this.#held = undefined;
    if (this.#exchange === undefined) return;
    this.#exchange = undefined;
    this.#connection.finished();
  }

  /** Applies the time limits of heads and of idle connections; those of bodies are the forwarder's. */
  expire(now: number): void {
    if (this.#isOver || this.#exchange !== undefined) return;
    const { headTimeoutMs, keepAliveTimeoutMs } = this.#lane.limits;
    const waited = now - this.#since;
    const isIdle = this.#hasServed && this.#held === undefined;
    if (isIdle && waited > keepAliveTimeoutMs + IDLE_GRACE_MS) this.socket.destroy();
    else if (!isIdle && waited > headTimeoutMs) this.#break(HEAD_LATE);
  }
}

const CUT_OFF: Problem = { status: 400, code: 'REQUEST_REFUSED', detail: 'The request is not well-formed HTTP/1.1.' };
const HEAD_LATE: Problem = {
  status: 408,
  code: 'REQUEST_REFUSED',
  detail: 'The request head did not arrive in time.',
};
