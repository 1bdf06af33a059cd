import { isIP } from 'node:net';
import type { Clock } from '../core/ports.ts';
import type { ParserLimits } from './response-parser.ts';
import { type ConnectionCall, type ConnectionOwner, UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamDialer } from './upstream-dialer.ts';

/** A request as the pool knows it. */
export interface PooledCall extends ConnectionCall {
  /** It needs a connection of its own that has carried nothing yet: an upgrade, or a retry. */
  readonly needsFresh: boolean;
  /** The connection it travels on; `connected` follows. */
  placed(connection: UpstreamConnection): void;
  /** No connection can be had; nothing was sent. Never called within `place`. */
  turnedAway(message: string): void;
}

export interface PoolOptions {
  readonly dialer: UpstreamDialer;
  readonly clock: Clock;
  readonly limits: ParserLimits;
  readonly timeouts: ConnectionOwner['timeouts'];
  readonly maxConnections: number;
}

/** Requests that wait for a connection, per target. Beyond it a target is so far behind that refusing at once is kinder. */
export const MAX_WAITING = 1_024;
/** Idle connections are closed after this, before the 5 s after which many servers close them on their side. */
export const IDLE_MS = 4_000;
/** A request that must not be repeated uses only connections idle for at most this, so as not to race the server's closing. */
export const UNREPEATABLE_IDLE_MS = 1_000;

/**
 * A connection to a target that has a name carries no new request after this: the next one asks the resolver again,
 * so that a changed record is followed under steady traffic too. Up to a quarter earlier, so that not all end at once.
 */
export const MAX_NAMED_AGE_MS = 60_000;
/** Ages that connections opened after one another have in turn. */
const AGES = 8;

/**
 * The connections to one target. The one used last is used first, so that spare ones age and go.
 * When all are busy, requests wait in order, at most `MAX_WAITING` and for at most the connect limit.
 */
export class ConnectionPool implements ConnectionOwner {
  readonly clock: Clock;
  readonly limits: ParserLimits;
  readonly timeouts: ConnectionOwner['timeouts'];
  readonly #dialer: UpstreamDialer;
  readonly #maxConnections: number;
  /** Whether the resolver may one day tell another address. */
  readonly #isNamed: boolean;
  #opened = 0;
  readonly #open: Set<UpstreamConnection> = new Set();
  readonly #idle: UpstreamConnection[] = [];
  readonly #waiting: { readonly call: PooledCall; since: number }[] = [];
  #closing = false;

  constructor(options: PoolOptions) {
    this.clock = options.clock;
    this.limits = options.limits;
    this.timeouts = options.timeouts;
    this.#dialer = options.dialer;
    this.#maxConnections = options.maxConnections;
    const { host, socketPath } = options.dialer.address;
    this.#isNamed = socketPath === undefined && isIP(host) === 0;
  }

  /** Open, opening and idle ones; not those that were handed over after an upgrade. */
  get connections(): number {
    return this.#open.size;
  }

  /** Finds a connection for a request, now or later. */
  place(call: PooledCall): void {
    if (this.#tryPlace(call)) return;
    if (this.#waiting.length >= MAX_WAITING) {
      process.nextTick(turnAway, call, `${MAX_WAITING} requests already wait for a connection`);
      return;
    }
    this.#waiting.push({ call, since: this.clock.monotonic() });
  }

  /** Forgets a request that waits. */
  withdraw(call: PooledCall): void {
    const at = this.#waiting.findIndex((entry) => entry.call === call);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** Applies time limits. Gives whether anything is left that has one. */
  sweep(now: number): boolean {
    for (const connection of this.#open) connection.expire(now);
    for (const connection of this.#idle.filter((idle) => now >= idle.idleUntil)) connection.abort();
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || now - first.since < this.timeouts.connectMs) break;
      this.#waiting.shift();
      first.call.turnedAway(`all ${this.#maxConnections} connections busy for ${this.timeouts.connectMs} ms`);
    }
    return this.#open.size > 0 || this.#waiting.length > 0;
  }

  /** Gives everybody who waits for something so much more time. */
  postpone(ms: number): void {
    for (const connection of this.#open) connection.postpone(ms);
    for (const entry of this.#waiting) entry.since += ms;
  }

  /** Closes idle connections now and the others after their request. */
  close(): void {
    this.#closing = true;
    for (const connection of [...this.#idle]) connection.abort();
  }

  released(connection: UpstreamConnection): void {
    const seconds = connection.keepAliveSeconds;
    const now = this.clock.monotonic();
    if (now >= connection.retiresAt) {
      connection.abort();
      return;
    }
    connection.idleSince = now;
    connection.idleUntil = now + Math.min(IDLE_MS, seconds === undefined ? IDLE_MS : hintedIdleMs(seconds));
    this.#idle.push(connection);
    this.#pump();
    if (this.#closing && this.#idle.includes(connection)) connection.abort();
  }

  closed(connection: UpstreamConnection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#pump();
  }

  #pump(): void {
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined) return;
      // Taken out before it is placed: placing may close connections, which comes back here.
      this.#waiting.shift();
      if (this.#tryPlace(first.call)) continue;
      this.#waiting.unshift(first);
      return;
    }
  }

  #tryPlace(call: PooledCall): boolean {
    const kept = call.needsFresh ? undefined : this.#takeIdle(call);
    if (kept !== undefined) {
      call.placed(kept);
      kept.carry(call);
      return true;
    }
    if (this.#open.size >= this.#maxConnections) {
      const oldest = this.#idle.shift();
      if (oldest === undefined) return false;
      // One place is made and taken at once: the closing must not give it to somebody else.
      this.#open.delete(oldest);
      this.#openFor(call);
      oldest.abort();
      return true;
    }
    this.#openFor(call);
    return true;
  }

  #openFor(call: PooledCall): void {
    const connection = new UpstreamConnection(this.#dialer, this, call.request.upgrade ? 'raw' : 'http');
    this.#open.add(connection);
    if (this.#isNamed) connection.retiresAt = this.clock.monotonic() + this.#nextAge();
    call.placed(connection);
    connection.carry(call);
  }

  #nextAge(): number {
    this.#opened = (this.#opened + 1) % AGES;
    return MAX_NAMED_AGE_MS * (1 - this.#opened / AGES / 4);
  }

  #takeIdle(call: PooledCall): UpstreamConnection | undefined {
    const now = this.clock.monotonic();
    for (;;) {
      const last = this.#idle.at(-1);
      if (last === undefined) return undefined;
      if (now >= last.idleUntil) {
        last.abort();
        continue;
      }
      const risky = !call.request.retryable && now - last.idleSince > UNREPEATABLE_IDLE_MS;
      if (risky) return undefined;
      this.#idle.pop();
      return last;
    }
  }
}

/** RFC 2068 19.7.1.1: we go a second before the server does; where it gives one second, at half of it. */
function hintedIdleMs(seconds: number): number {
  return Math.max((seconds - 1) * 1_000, seconds * 500);
}

function turnAway(call: PooledCall, message: string): void {
  call.turnedAway(message);
}
