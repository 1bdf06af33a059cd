/** How a breaker behaves. Times are milliseconds above 0, counts 1 or more. */
export interface BreakerPolicy {
  /** Errors in a row until it opens. */
  readonly errorThreshold: number;
  /** How long it stays open after an error before a probe is due. */
  readonly errorTimeoutMs: number;
  /** A probe that takes as long has failed. */
  readonly halfOpenTimeoutMs: number;
  /** Probes in a row that must succeed until it closes; one that fails opens it again. */
  readonly successThreshold: number;
  /** Calls under way at once, probes not counted; absent: as many as come. */
  readonly tickets?: number;
}

/** `half-open`: probes are due or under way, and nothing else passes. */
export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** A breaker that is not closed. */
export interface OpenBreaker {
  /** `candidate` for all of it, else the endpoint. */
  readonly scope: string;
  readonly state: Exclude<BreakerState, 'closed'>;
  readonly dueInMs: number;
}

/** One call that a breaker let pass. Exactly one of its ends counts, the first. */
export interface Pass {
  succeeded(now: number): void;
  failed(now: number): void;
  /** It ended without telling anything: its client went away. */
  left(): void;
}

/**
 * A circuit breaker.
 *
 *     closed    --- `errorThreshold` errors in a row ----> open
 *     open      --- `errorTimeoutMs` after the error ----> half-open
 *     half-open --- `successThreshold` probes succeed ---> closed
 *     half-open --- one probe fails, or takes too long --> open
 *
 * In a row, however long it takes: at many requests a second some errors always fall into a window, and a service that
 * fails one request in a hundred is not down. Probes are asked for apart (`probe`), one at a time, so that it is the caller who says what may be
 * one. What began before the last change of state tells nothing about the present one: its end only gives back its ticket.
 *
 * Pure and deterministic: time comes as an argument, milliseconds of a monotonic clock. A clock that goes back makes
 * nothing due earlier. Nothing waits for a timer, so a forgotten breaker costs nothing.
 */
export class Breaker {
  readonly #policy: BreakerPolicy;
  #state: 'closed' | 'tripped' = 'closed';
  /** Errors in a row while closed. */
  #errors = 0;
  /** Probes that succeeded in a row while half-open. */
  #successes = 0;
  #dueAt = 0;
  #probe: { readonly begunAt: number; readonly pass: Pass } | undefined;
  #inFlight = 0;
  /** Grows with every change of state. */
  #generation = 0;

  constructor(policy: BreakerPolicy) {
    this.#policy = policy;
  }

  state(now: number): BreakerState {
    if (this.#state === 'closed') return 'closed';
    this.#expireProbe(now);
    return now >= this.#dueAt ? 'half-open' : 'open';
  }

  /** Nothing speaks against it and nothing is under way: it is as good as new. */
  get isFresh(): boolean {
    return this.#state === 'closed' && this.#errors === 0 && this.#inFlight === 0;
  }

  /** Calls under way, probes not counted. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** All tickets are taken. */
  get isFull(): boolean {
    return this.#policy.tickets !== undefined && this.#inFlight >= this.#policy.tickets;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Whether a probe is due and none is under way. */
  wantsProbe(now: number): boolean {
    return this.state(now) === 'half-open' && this.#probe === undefined;
  }

  /** For how long a probe has been wanted, milliseconds; 0 where none is. */
  overdueMs(now: number): number {
    return this.wantsProbe(now) ? now - this.#dueAt : 0;
  }

  /** Milliseconds until a probe is due; 0 where one is, or where it is closed. */
  dueInMs(now: number): number {
    if (this.#state === 'closed') return 0;
    this.#expireProbe(now);
    return Math.max(0, this.#dueAt - now);
  }

  /** Whether a call may pass: it is closed and has a ticket left. */
  admits(): boolean {
    return this.#state === 'closed' && !this.isFull;
  }

  /** A call sets out, whatever `admits` said: the caller may have no other way to go. */
  begin(): Pass {
    const generation = this.#generation;
    this.#inFlight += 1;
    return once((end, now) => {
      this.#inFlight -= 1;
      if (generation !== this.#generation || this.#state !== 'closed' || end === 'left') return;
      if (end === 'succeeded') this.#errors = 0;
      else this.#countError(now);
    });
  }

  /** A probe sets out, where one is due and none is under way. */
  probe(now: number): Pass | undefined {
    if (!this.wantsProbe(now)) return undefined;
    const pass = once((end, at) => {
      // Given up in the meantime, or of an earlier time: its end is no news.
      if (this.#probe?.pass !== pass) return;
      this.#expireProbe(at);
      if (this.#probe === undefined) return;
      this.#probe = undefined;
      if (end === 'failed') this.#trip(at);
      else if (end === 'succeeded') this.#countSuccess();
    });
    this.#probe = { begunAt: now, pass };
    return pass;
  }

  /** Opens it, whatever it counted. */
  trip(now: number): void {
    this.#trip(now);
  }

  #countError(now: number): void {
    this.#errors += 1;
    if (this.#errors >= this.#policy.errorThreshold) this.#trip(now);
  }

  #countSuccess(): void {
    this.#successes += 1;
    if (this.#successes < this.#policy.successThreshold) return;
    this.#state = 'closed';
    this.#errors = 0;
    this.#generation += 1;
  }

  #trip(at: number): void {
    this.#state = 'tripped';
    this.#dueAt = at + this.#policy.errorTimeoutMs;
    this.#successes = 0;
    this.#probe = undefined;
    this.#generation += 1;
  }

  /** A probe nobody ended, or not in time, has failed at its time limit. */
  #expireProbe(now: number): void {
    if (this.#probe === undefined) return;
    const limit = this.#probe.begunAt + this.#policy.halfOpenTimeoutMs;
    if (now >= limit) this.#trip(limit);
  }
}

type End = 'succeeded' | 'failed' | 'left';

function once(end: (how: End, now: number) => void): Pass {
  let isOver = false;
  const finish = (how: End, now: number): void => {
    if (isOver) return;
    isOver = true;
    end(how, now);
  };
  return {
    succeeded: (now) => finish('succeeded', now),
    failed: (now) => finish('failed', now),
    // Nothing is judged by it, so no time is needed.
    left: () => finish('left', Number.NEGATIVE_INFINITY),
  };
}
